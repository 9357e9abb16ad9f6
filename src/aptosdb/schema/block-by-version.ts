import { columnFamily } from './column-family.js';
import { single, u64be } from './key-fields.js';

/** The first version of each block, and the block's height. */
export const blockByVersionRows = columnFamily({
  name: 'block_by_version',
  kinds: ['ledger_db/metadata'],
  key: single(u64be),
  value: single(u64be),
});
