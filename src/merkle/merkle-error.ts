import { HoldfastError } from '../errors/holdfast-error.js';
import { type HashValue, toHex } from '../hashing/hash-value.js';

/** Why a proof or a tree is refused. */
export type MerkleErrorCode =
  /** Folding leads to another root; facts: `expected` and `actual` in hex. */
  | 'MERKLE_ROOT_MISMATCH'
  /** The proof lacks a hash on the left; facts: `expected` and `actual` numbers of them where known. */
  | 'MERKLE_MISSING_LEFT_SIBLING'
  /** The proof lacks a hash on the right. */
  | 'MERKLE_MISSING_RIGHT_SIBLING'
  /** An accumulator proof of one leaf is shorter than the tree is high. */
  | 'MERKLE_MISSING_SIBLING'
  /** The proof has hashes that no step needs; facts: `side`, where it is known. */
  | 'MERKLE_EXTRA_SIBLINGS'
  /** More siblings than any tree has levels. */
  | 'MERKLE_TOO_MANY_SIBLINGS'
  /** The right siblings of a range of state keys need more than 256 levels. */
  | 'MERKLE_TOO_MANY_RIGHT_SIBLINGS'
  /** A range without leaves where leaves are required, or leaves without a first index. */
  | 'MERKLE_EMPTY_RANGE'
  /** An index lies beyond the tree that the proof is about. */
  | 'MERKLE_INDEX_OUT_OF_RANGE'
  /** The leaf in a sparse Merkle proof is missing, another one, or does not exclude the key. */
  | 'MERKLE_LEAF_MISMATCH'
  /** The number of frozen subtree roots does not fit the number of leaves. */
  | 'MERKLE_FROZEN_ROOT_COUNT'
  /** An accumulator would exceed 2^63 leaves. */
  | 'MERKLE_TOO_MANY_LEAVES'
  /** State keys do not increase strictly; facts: `index` in the call, `previous` and `key` in hex. */
  | 'MERKLE_KEYS_NOT_INCREASING'
  /** A saved frontier is not one. */
  | 'MERKLE_STATE_INVALID';

/** A proof that does not hold, or leaves that cannot form the tree. */
export class MerkleError extends HoldfastError<MerkleErrorCode> {}

/** Compares roots; `subject` begins the sentence of the error. */
export function requireRoot(subject: string, expected: HashValue, actual: HashValue): void {
  if (Buffer.compare(expected, actual) === 0) return;
  const facts = { expected: toHex(expected), actual: toHex(actual) };
  const message = `${subject} leads to root ${facts.actual}, not ${facts.expected}`;
  throw new MerkleError('MERKLE_ROOT_MISMATCH', message, { facts });
}
