import { hashBytes } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { single, u64be } from './key-fields.js';

/** The version of each committed transaction hash, which is the one in the transaction info. */
export const transactionByHashRows = columnFamily({
  name: 'transaction_by_hash',
  kinds: ['ledger_db/transaction_db'],
  key: hashBytes,
  value: single(u64be),
});
