import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { type SortedKeys, TouchedKeys } from './touched-keys.js';

const HASH_WORDS = HASH_SIZE / 4;

/** A version whose transaction info carries the root of the state behind it. */
export interface LoggedCheckpoint {
  readonly version: bigint;
  /** A view, valid until the log changes. */
  readonly root: HashValue;
  /** All writes of the log before this index are of this version or earlier ones. */
  readonly writesEnd: number;
}

/** Hashes of a batch of writes, one entry each; only read. */
export interface HashedWrites {
  /** 8 words each. */
  readonly keyHashWords: Uint32Array;
  readonly valueHashes: Uint8Array;
  /** Undefined where the item is gone. */
  readonly dataBytes: readonly (number | undefined)[];
}

/**
 * What consecutive transactions write to the state, by hashes alone: 36 bytes a write, and what
 * `TouchedKeys` takes for each key.
 */
export class WriteLog {
  #keys = new TouchedKeys();
  /** The number of the key, or its complement for a deletion. */
  #targets = new Int32Array(1024);
  #valueHashes = new Uint8Array(1024 * HASH_SIZE);
  #writeCount = 0;
  readonly #versions: bigint[] = [];
  readonly #ends: number[] = [];
  #roots = new Uint8Array(256 * HASH_SIZE);

  get writeCount(): number {
    return this.#writeCount;
  }

  get keyCount(): number {
    return this.#keys.count;
  }

  get checkpointCount(): number {
    return this.#versions.length;
  }

  /** Takes writes `from` to `to`, exclusive. */
  append(writes: HashedWrites, from: number, to: number): void {
    for (let index = from; index < to; index++) {
      const key = this.#keys.intern(writes.keyHashWords, index * HASH_WORDS);
      const isDeletion = writes.dataBytes[index] === undefined;
      this.#push(isDeletion ? ~key : key, writes.valueHashes, index * HASH_SIZE);
    }
  }

  /** @param root 32 bytes at `bytes[at]`, copied */
  checkpoint(version: bigint, bytes: Uint8Array, at: number): void {
    const index = this.#versions.length;
    this.#versions.push(version);
    this.#ends.push(this.#writeCount);
    if (this.#roots.length < (index + 1) * HASH_SIZE) {
      const grown = new Uint8Array(this.#roots.length * 2);
      grown.set(this.#roots);
      this.#roots = grown;
    }
    this.#roots.set(bytes.subarray(at, at + HASH_SIZE), index * HASH_SIZE);
  }

  checkpointAt(index: number): LoggedCheckpoint | undefined {
    const [version, writesEnd] = [this.#versions[index], this.#ends[index]];
    if (version === undefined || writesEnd === undefined) return undefined;
    return { version, writesEnd, root: this.#roots.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE) };
  }

  sortedKeys(): SortedKeys {
    return this.#keys.sorted();
  }

  /** The number of the key that a write is to. */
  keyOf(write: number): number {
    const target = this.#targets[write] ?? 0;
    return target < 0 ? ~target : target;
  }

  isDeletion(write: number): boolean {
    return (this.#targets[write] ?? 0) < 0;
  }

  /** The key of a number, a view, valid until the log changes. */
  keyHash(key: number): HashValue {
    const { words } = this.#keys;
    return new Uint8Array(words.buffer, key * HASH_SIZE, HASH_SIZE);
  }

  /** Value hashes of all writes, packed; what those of deletions say means nothing. A view as above. */
  get valueHashes(): Uint8Array {
    return this.#valueHashes.subarray(0, this.#writeCount * HASH_SIZE);
  }

  /** A view, valid until the log changes. */
  valueHash(write: number): Uint8Array {
    return this.#valueHashes.subarray(write * HASH_SIZE, (write + 1) * HASH_SIZE);
  }

  /** Forgets the first checkpoints and everything before them; keys get new numbers. */
  dropThrough(checkpoint: number): void {
    const keys = this.#keys;
    this.#keys = new TouchedKeys();
    this.#drop(checkpoint, (key) => this.#keys.intern(keys.words, key * HASH_WORDS));
  }

  /** Forgets the first checkpoints and the writes before them, but no key. */
  dropWritesThrough(checkpoint: number): void {
    this.#drop(checkpoint, (key) => key);
  }

  #drop(checkpoint: number, renumber: (key: number) => number): void {
    const dropped = this.#ends[checkpoint] ?? 0;
    const [targets, count] = [this.#targets, this.#writeCount];
    const valueHashes = this.#valueHashes;
    this.#targets = new Int32Array(Math.max(1024, count - dropped));
    this.#valueHashes = new Uint8Array(this.#targets.length * HASH_SIZE);
    this.#writeCount = 0;
    for (let write = dropped; write < count; write++) {
      const target = targets[write] ?? 0;
      const key = renumber(target < 0 ? ~target : target);
      this.#push(target < 0 ? ~key : key, valueHashes, write * HASH_SIZE);
    }
    this.#versions.splice(0, checkpoint + 1);
    this.#ends.splice(0, checkpoint + 1);
    this.#ends.forEach((end, index) => {
      this.#ends[index] = end - dropped;
    });
    this.#roots.copyWithin(0, (checkpoint + 1) * HASH_SIZE);
  }

  #push(target: number, valueHashes: Uint8Array, at: number): void {
    const index = this.#writeCount++;
    if (index === this.#targets.length) {
      const targets = new Int32Array(index * 2);
      targets.set(this.#targets);
      this.#targets = targets;
      const hashes = new Uint8Array(index * 2 * HASH_SIZE);
      hashes.set(this.#valueHashes);
      this.#valueHashes = hashes;
    }
    this.#targets[index] = target;
    this.#valueHashes.set(valueHashes.subarray(at, at + HASH_SIZE), index * HASH_SIZE);
  }
}
