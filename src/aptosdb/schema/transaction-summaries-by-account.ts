import type { Infer } from '../../bcs/codec.js';
import { enumeration, struct } from '../../bcs/containers.js';
import { u64 } from '../../bcs/primitives.js';
import { AccountAddress, HashValue } from '../../types/basic.js';
import { bcs } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { bytes32, composite, u64be } from './key-fields.js';

/** What keeps a user transaction from being executed twice. */
export const ReplayProtector = enumeration('ReplayProtector', ['Nonce', u64], ['SequenceNumber', u64]);
export type ReplayProtector = Infer<typeof ReplayProtector>;

export const TransactionSummary = enumeration('IndexedTransactionSummary', [
  'V1',
  struct('IndexedTransactionSummaryV1', {
    sender: AccountAddress,
    version: u64,
    transaction_hash: HashValue,
    replay_protector: ReplayProtector,
  }),
]);
export type TransactionSummary = Infer<typeof TransactionSummary>;

/** User transactions by sender and version. */
export const transactionSummariesByAccountRows = columnFamily({
  name: 'transaction_summaries_by_account',
  kinds: ['ledger_db/transaction_db'],
  key: composite({ address: bytes32, version: u64be }),
  value: bcs(TransactionSummary),
});
