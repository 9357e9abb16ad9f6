import { opaqueBytes } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { single, u64be } from './key-fields.js';

/** By version. No release in production writes rows, so values are kept as they are. */
export const transactionAuxiliaryDataRows = columnFamily({
  name: 'transaction_auxiliary_data',
  kinds: ['ledger_db/transaction_auxiliary_data_db'],
  key: single(u64be),
  value: opaqueBytes,
});
