import { hashBytes } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { single, u64be } from './key-fields.js';

/** Frozen nodes by their post-order index (`accumulator-position.ts`). */
export const transactionAccumulatorRows = columnFamily({
  name: 'transaction_accumulator',
  kinds: ['ledger_db/transaction_accumulator_db'],
  key: single(u64be),
  value: hashBytes,
});
