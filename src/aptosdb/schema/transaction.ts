import { Transaction } from '../../types/transaction.js';
import { bcs } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { single, u64be } from './key-fields.js';

/** By version; the value is what backup records hold. */
export const transactionRows = columnFamily({
  name: 'transaction',
  kinds: ['ledger_db/transaction_db'],
  key: single(u64be),
  value: bcs(Transaction),
});
