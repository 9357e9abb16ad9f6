import { hashBytes } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { single, u64be } from './key-fields.js';

/** By version: the root over all leaves up to it. Commits write these rows, a restore does not. */
export const transactionAccumulatorRootHashRows = columnFamily({
  name: 'transaction_accumulator_root_hash',
  kinds: ['ledger_db/transaction_accumulator_db'],
  key: single(u64be),
  value: hashBytes,
});
