import type { Codec, Infer } from '../bcs/codec.js';
import { enumeration, struct, vector } from '../bcs/containers.js';
import { u64 } from '../bcs/primitives.js';
import { TransactionAuthenticator } from './authenticator.js';
import { AccountAddress, ChainId, HashValue } from './basic.js';
import { BlockEpiloguePayload, BlockMetadata, BlockMetadataExt } from './block-transactions.js';
import { ContractEvent } from './contract-event.js';
import { Script } from './script.js';
import { TransactionPayload } from './transaction-payload.js';
import { ValidatorTransaction } from './validator-transaction.js';
import { WriteSet } from './write-set.js';

const rawTransactionFields = struct('RawTransaction', {
  sender: AccountAddress,
  sequence_number: u64,
  payload: TransactionPayload,
  max_gas_amount: u64,
  gas_unit_price: u64,
  expiration_timestamp_secs: u64,
  chain_id: ChainId,
});
/** What a user signs (spec: aptos-types.md, section 8). */
export interface RawTransaction extends Infer<typeof rawTransactionFields> {}
export const RawTransaction: Codec<RawTransaction> = rawTransactionFields;

const signedTransactionFields = struct('SignedTransaction', {
  raw_txn: RawTransaction,
  authenticator: TransactionAuthenticator,
});
export interface SignedTransaction extends Infer<typeof signedTransactionFields> {}
export const SignedTransaction: Codec<SignedTransaction> = signedTransactionFields;

const changeSetFields = struct('ChangeSet', { write_set: WriteSet, events: vector(ContractEvent) });
/** A change of the ledger that is not executed but applied. */
export interface ChangeSet extends Infer<typeof changeSetFields> {}
export const ChangeSet: Codec<ChangeSet> = changeSetFields;

export const WriteSetPayload = enumeration(
  'WriteSetPayload',
  ['Direct', ChangeSet],
  ['Script', struct('Script', { execute_as: AccountAddress, script: Script })],
);
export type WriteSetPayload = Infer<typeof WriteSetPayload>;

/** Whatever makes a version of the ledger, as a record has it (spec: aptos-types.md, section 8). */
export const Transaction = enumeration(
  'Transaction',
  ['UserTransaction', SignedTransaction],
  ['GenesisTransaction', WriteSetPayload],
  ['BlockMetadata', BlockMetadata],
  ['StateCheckpoint', HashValue],
  ['ValidatorTransaction', ValidatorTransaction],
  ['BlockMetadataExt', BlockMetadataExt],
  ['BlockEpilogue', BlockEpiloguePayload],
);
export type Transaction = Infer<typeof Transaction>;
