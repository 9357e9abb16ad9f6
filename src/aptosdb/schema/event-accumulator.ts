import { hashBytes } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { composite, u64be } from './key-fields.js';

/**
 * Frozen nodes of each transaction's event accumulator by version and in-order index
 * (`accumulator-position.ts`). A restore writes these rows, commits do not.
 */
export const eventAccumulatorRows = columnFamily({
  name: 'event_accumulator',
  kinds: ['ledger_db/event_db'],
  key: composite({ version: u64be, in_order_index: u64be }),
  value: hashBytes,
});
