import type { ByteCodec } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { composite, eventKey, u64be } from './key-fields.js';

/** Where an event stands: the key of `eventRows`. */
export interface EventPlace {
  readonly version: bigint;
  readonly index: bigint;
}

const eventPlace: ByteCodec<EventPlace> = composite({ version: u64be, index: u64be });

/** Events of the first kind by stream and sequence number. A restore writes these rows, commits do not. */
export const eventByKeyRows = columnFamily({
  name: 'event_by_key',
  kinds: ['ledger_db/event_db'],
  key: composite({ key: eventKey, sequence_number: u64be }),
  value: eventPlace,
});
