import { LedgerInfoWithSignatures } from '../../types/ledger-info.js';
import { bcs } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { single, u64be } from './key-fields.js';

/** By epoch: the ledger info that ends it, or the latest committed one while the epoch is open. */
export const ledgerInfoRows = columnFamily({
  name: 'ledger_info',
  kinds: ['ledger_db/metadata'],
  key: single(u64be),
  value: bcs(LedgerInfoWithSignatures),
});
