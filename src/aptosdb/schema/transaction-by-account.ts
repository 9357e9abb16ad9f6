import { columnFamily } from './column-family.js';
import { bytes32, composite, single, u64be } from './key-fields.js';

/**
 * Versions of user transactions with a sequence number, by sender and that number. A restore writes these
 * rows, a node's own commits do not.
 */
export const transactionByAccountRows = columnFamily({
  name: 'transaction_by_account',
  kinds: ['ledger_db/transaction_db'],
  key: composite({ address: bytes32, sequence_number: u64be }),
  value: single(u64be),
});
