import { columnFamily } from './column-family.js';
import { composite, eventKey, single, u64be } from './key-fields.js';

/**
 * Places in their transactions of events of the first kind, by stream, version and sequence number. A
 * restore writes these rows, commits do not.
 */
export const eventByVersionRows = columnFamily({
  name: 'event_by_version',
  kinds: ['ledger_db/event_db'],
  key: composite({ key: eventKey, version: u64be, sequence_number: u64be }),
  value: single(u64be),
});
