import assert from 'node:assert';
import { encode } from '../bcs/codec.js';
import { BcsWriter } from '../bcs/bcs-writer.js';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { SparseMerkleTree } from '../merkle/sparse-merkle-tree.js';
import { hashStateKey } from '../types/hashes.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import { StateKey } from '../types/state-key.js';
import { PackedBytes } from './packed-bytes.js';
import type { SeededRandom } from './seeded-random.js';
import type { ValueSample } from './state-samples.js';
import { StateSnapshot } from './state-snapshot.js';

/** The place of a state key among all that there ever were. */
export type KeyId = number;

/** One entry of a write set. */
export interface StateChange {
  readonly key: KeyId;
  /** The BCS of the WriteOp. */
  readonly op: Uint8Array;
}

const DELETION = 2;
const DELETION_WITH_METADATA = 5;
const FIRST_OP_WITH_METADATA = 3;
const NO_VALUE = -1;

/** The BCS of a write operation that creates an item. */
export function creationOp(value: ValueSample): Uint8Array {
  return variantAndTail(value.withMetadata ? 3 : 0, value.tail);
}

/** The BCS of a write operation that replaces an item's value. */
export function modificationOp(value: ValueSample): Uint8Array {
  return variantAndTail(value.withMetadata ? 4 : 1, value.tail);
}

/** The BCS of a write operation that removes an item; `metadata` is the BCS of a StateValueMetadata. */
export function deletionOp(metadata?: Uint8Array): Uint8Array {
  return metadata ? variantAndTail(DELETION_WITH_METADATA, metadata) : Uint8Array.of(DELETION);
}

function variantAndTail(variant: number, tail: Uint8Array): Uint8Array {
  const out = new Uint8Array(1 + tail.length);
  out[0] = variant;
  out.set(tail, 1);
  return out;
}

/** The state of a ledger as transactions change it, with its Merkle tree. */
export class GeneratedState {
  readonly #hashers: LedgerHashers;
  readonly #keys = new PackedBytes();
  readonly #keyHashes = new PackedBytes();
  readonly #values = new PackedBytes();
  /** By key: which value it has now. */
  readonly #valueOf: number[] = [];
  /** Keys that have a value, in no order; the first `#pinned` of them are never handed out for change. */
  readonly #live: KeyId[] = [];
  readonly #placeInLive: number[] = [];
  readonly #removed: KeyId[] = [];
  readonly #changed = new Set<KeyId>();
  #tree: SparseMerkleTree;

  constructor(hashers: LedgerHashers) {
    this.#hashers = hashers;
    this.#tree = SparseMerkleTree.empty(sparseMerkleHashers(hashers));
  }

  get itemCount(): number {
    return this.#live.length;
  }

  /** Makes a key known; it has no value until a change creates one. */
  addKey(key: StateKey): KeyId {
    const bytes = encode(StateKey, key);
    this.#keyHashes.append(hashStateKey(this.#hashers, bytes));
    this.#valueOf.push(NO_VALUE);
    this.#placeInLive.push(NO_VALUE);
    return this.#keys.append(bytes);
  }

  /** The BCS of a state key, a view. */
  keyBytes(key: KeyId): Uint8Array {
    return this.#keys.get(key);
  }

  /** A key that has a value; not one of the `pinned` that got theirs first. */
  randomLiveKey(random: SeededRandom, pinned: number): KeyId | undefined {
    if (this.#live.length <= pinned) return undefined;
    return this.#live[random.int(pinned, this.#live.length - 1)];
  }

  /** A key that had a value once, taken off the list of those. */
  takeRemovedKey(): KeyId | undefined {
    return this.#removed.pop();
  }

  /** Does what a transaction wrote; the tree follows at the next `checkpoint`. */
  apply(changes: readonly StateChange[]): void {
    for (const { key, op } of changes) {
      this.#changed.add(key);
      const variant = op[0] ?? DELETION;
      if (variant === DELETION || variant === DELETION_WITH_METADATA) this.#remove(key);
      else this.#put(key, op, variant >= FIRST_OP_WITH_METADATA);
    }
  }

  /** Brings the tree up to date and returns its root. */
  checkpoint(): HashValue {
    const keys = [...this.#changed];
    const valued = keys.filter((key) => this.#valueId(key) !== NO_VALUE);
    const hashes = this.#hashValues(valued);
    const removals = keys
      .filter((key) => this.#valueId(key) === NO_VALUE)
      .map((key) => [this.#keyHashes.get(key), undefined] as const);
    const puts = valued.map((key, index) => {
      const hash = hashes.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE);
      return [this.#keyHashes.get(key), hash] as const;
    });
    this.#tree = this.#tree.update([...removals, ...puts]);
    this.#changed.clear();
    return this.#tree.root;
  }

  /** The state as of the last checkpoint, which nothing may have changed since. */
  snapshot(epoch: bigint, version: bigint): StateSnapshot {
    assert(this.#changed.size === 0, 'a snapshot is taken at a checkpoint');
    const sortedKeys = this.#sortedLiveKeys();
    const valueIds = sortedKeys.map((key) => this.#valueId(key));
    const stores = { keys: this.#keys, keyHashes: this.#keyHashes, values: this.#values };
    return new StateSnapshot({ epoch, version, tree: this.#tree, sortedKeys, valueIds, stores });
  }

  #valueId(key: KeyId): number {
    const value = this.#valueOf[key];
    assert(value !== undefined, 'no such state key');
    return value;
  }

  #put(key: KeyId, op: Uint8Array, withMetadata: boolean): void {
    if (this.#valueId(key) === NO_VALUE) {
      this.#placeInLive[key] = this.#live.length;
      this.#live.push(key);
    }
    // Operation and state value differ in nothing but their variant.
    this.#valueOf[key] = this.#values.append(Uint8Array.of(withMetadata ? 1 : 0), op.subarray(1));
  }

  #remove(key: KeyId): void {
    const place = this.#placeInLive[key];
    const last = this.#live.at(-1);
    assert(place !== undefined && place !== NO_VALUE && last !== undefined, 'only what is there is removed');
    this.#live[place] = last;
    this.#placeInLive[last] = place;
    this.#live.pop();
    this.#placeInLive[key] = NO_VALUE;
    this.#valueOf[key] = NO_VALUE;
    this.#removed.push(key);
  }

  /** Value hashes of the keys, packed. */
  #hashValues(keys: readonly KeyId[]): Uint8Array {
    const out = new Uint8Array(keys.length * HASH_SIZE);
    const writer = new BcsWriter();
    const starts: number[] = [];
    const ends: number[] = [];
    for (const key of keys) {
      starts.push(writer.length);
      writer.raw(this.#values.get(this.#valueId(key)));
      ends.push(writer.length);
    }
    const base = writer.toBytes();
    this.#hashers.stateValue.records({ base, starts, ends, count: keys.length }, out);
    return out;
  }

  #sortedLiveKeys(): Uint32Array {
    const hashes = this.#live.map((key) => {
      const hash = this.#keyHashes.get(key);
      return { key, hash, prefix: Buffer.from(hash.buffer, hash.byteOffset, 6).readUIntBE(0, 6) };
    });
    hashes.sort((left, right) => left.prefix - right.prefix || Buffer.compare(left.hash, right.hash));
    return Uint32Array.from(hashes, ({ key }) => key);
  }
}
