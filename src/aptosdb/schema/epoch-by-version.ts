import { columnFamily } from './column-family.js';
import { single, u64be } from './key-fields.js';

/** The last version of each epoch that has ended, and that epoch. */
export const epochByVersionRows = columnFamily({
  name: 'epoch_by_version',
  kinds: ['ledger_db/metadata'],
  key: single(u64be),
  value: single(u64be),
});
