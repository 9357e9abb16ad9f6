import { TransactionInfo } from '../../types/transaction-info.js';
import { bcs } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { single, u64be } from './key-fields.js';

/** By version; the value is what backup records hold. */
export const transactionInfoRows = columnFamily({
  name: 'transaction_info',
  kinds: ['ledger_db/transaction_info_db'],
  key: single(u64be),
  value: bcs(TransactionInfo),
});
