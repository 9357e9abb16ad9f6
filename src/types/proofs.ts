import type { Codec, Infer } from '../bcs/codec.js';
import { option, struct, tuple, vector } from '../bcs/containers.js';
import { u64 } from '../bcs/primitives.js';
import { HashValue } from './basic.js';
import { LedgerInfoWithSignatures } from './ledger-info.js';
import { TransactionInfo } from './transaction-info.js';

const accumulatorProofFields = struct('AccumulatorProof', { siblings: vector(HashValue) });
/** Siblings from the leaf to the root (spec: aptos-types.md, section 1). */
export interface AccumulatorProof extends Infer<typeof accumulatorProofFields> {}
export const AccumulatorProof: Codec<AccumulatorProof> = accumulatorProofFields;

const accumulatorRangeProofFields = struct('AccumulatorRangeProof', {
  left_siblings: vector(HashValue),
  right_siblings: vector(HashValue),
});
/** Siblings on both sides of a run of leaves, from the bottom up. */
export interface AccumulatorRangeProof extends Infer<typeof accumulatorRangeProofFields> {}
export const AccumulatorRangeProof: Codec<AccumulatorRangeProof> = accumulatorRangeProofFields;

const transactionInfoWithProofFields = struct('TransactionInfoWithProof', {
  ledger_info_to_transaction_info_proof: AccumulatorProof,
  transaction_info: TransactionInfo,
});
export interface TransactionInfoWithProof extends Infer<typeof transactionInfoWithProofFields> {}
export const TransactionInfoWithProof: Codec<TransactionInfoWithProof> = transactionInfoWithProofFields;

/** Hashes of a state key and of its value. */
export const SparseMerkleLeafNode = struct('SparseMerkleLeafNode', { key: HashValue, value_hash: HashValue });
export type SparseMerkleLeafNode = Infer<typeof SparseMerkleLeafNode>;

export const SparseMerkleProof = struct('SparseMerkleProof', {
  leaf: option(SparseMerkleLeafNode),
  siblings: vector(HashValue),
});
export type SparseMerkleProof = Infer<typeof SparseMerkleProof>;

/** Siblings to the right of a leaf, from the bottom up: the proof file of a state chunk. */
export const SparseMerkleRangeProof = struct('SparseMerkleRangeProof', { right_siblings: vector(HashValue) });
export type SparseMerkleRangeProof = Infer<typeof SparseMerkleRangeProof>;

/** The proof file of a transaction chunk. */
export const TransactionChunkProof = tuple(AccumulatorRangeProof, LedgerInfoWithSignatures);
export type TransactionChunkProof = Infer<typeof TransactionChunkProof>;

/** The `state.proof` file of a state snapshot: the info that holds its root, and how it is vouched for. */
export const StateSnapshotProof = tuple(TransactionInfoWithProof, LedgerInfoWithSignatures);
export type StateSnapshotProof = Infer<typeof StateSnapshotProof>;

/** How far a node's database is. */
export const DbState = struct('DbState', { epoch: u64, committed_version: u64 });
export type DbState = Infer<typeof DbState>;

/** What a backup service answers to `db_state`: nothing when the database is empty. */
export const OptionalDbState = option(DbState);
export type OptionalDbState = Infer<typeof OptionalDbState>;
