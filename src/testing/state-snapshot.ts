import type { HashValue } from '../hashing/hash-value.js';
import type { SparseMerkleTree } from '../merkle/sparse-merkle-tree.js';
import type { PackedBytes } from './packed-bytes.js';

interface SnapshotParts {
  readonly epoch: bigint;
  readonly version: bigint;
  readonly tree: SparseMerkleTree;
  /** Keys in the order of their hashes, and the value of each: indexes into the stores. */
  readonly sortedKeys: Uint32Array;
  readonly valueIds: Uint32Array;
  readonly stores: {
    readonly keys: PackedBytes;
    readonly keyHashes: PackedBytes;
    readonly values: PackedBytes;
  };
}

/** The whole state at one version. */
export class StateSnapshot {
  readonly epoch: bigint;
  readonly version: bigint;
  readonly rootHash: HashValue;
  readonly itemCount: number;
  readonly #parts: SnapshotParts;

  constructor(parts: SnapshotParts) {
    this.epoch = parts.epoch;
    this.version = parts.version;
    this.rootHash = parts.tree.root;
    this.itemCount = parts.sortedKeys.length;
    this.#parts = parts;
  }

  /** hash(StateKey) of item `index`; items are in ascending order of it. A view. */
  keyHash(index: number): HashValue {
    return this.#parts.stores.keyHashes.get(this.#parts.sortedKeys[index] ?? -1);
  }

  /** The BCS of (StateKey, StateValue) of item `index`, a copy. */
  record(index: number): Uint8Array {
    const { stores, sortedKeys, valueIds } = this.#parts;
    const key = stores.keys.get(sortedKeys[index] ?? -1);
    const value = stores.values.get(valueIds[index] ?? -1);
    const record = new Uint8Array(key.length + value.length);
    record.set(key, 0);
    record.set(value, key.length);
    return record;
  }

  /** Proves that the items up to `index` are the complete left part of the tree. */
  rangeProof(index: number): { readonly right_siblings: HashValue[] } {
    return this.#parts.tree.rangeProof(this.keyHash(index));
  }
}
