import { equalBytes, HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { packedLeafHashes, type SparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import type { PrunedTree } from './pruned-tree.js';
import type { SortedKeys } from '../merkle/touched-keys.js';
import type { LoggedCheckpoint, WriteLog } from '../merkle/write-log.js';

/** What a log's writes make of a tree, checkpoint by checkpoint. */
export class ReplayWindow {
  readonly #hashers: SparseMerkleHashers;
  readonly #log: WriteLog;
  readonly #keys: SortedKeys;
  readonly #tree: PrunedTree;
  /** The next write to apply. */
  #next = 0;
  /** By place of the key: one more than the write that counts at the next checkpoint. */
  readonly #latest: Uint32Array;

  /** @param tree of the state before the log's first write, with the log's keys as touched ones */
  constructor(hashers: SparseMerkleHashers, log: WriteLog, keys: SortedKeys, tree: PrunedTree) {
    this.#hashers = hashers;
    this.#log = log;
    this.#keys = keys;
    this.#tree = tree;
    this.#latest = new Uint32Array(keys.count);
  }

  /** Applies everything up to a checkpoint and gives the root; a new array. */
  advanceTo({ writesEnd }: LoggedCheckpoint): HashValue {
    const places: number[] = [];
    for (; this.#next < writesEnd; this.#next++) {
      const place = this.#keys.ranks[this.#log.keyOf(this.#next)] ?? 0;
      if (this.#latest[place] === 0) places.push(place);
      this.#latest[place] = this.#next + 1;
    }
    this.#apply(places);
    return this.#tree.root();
  }

  #apply(places: readonly number[]): void {
    const keys = new Uint8Array(places.length * HASH_SIZE);
    const valueHashes = new Uint8Array(places.length * HASH_SIZE);
    const puts: number[] = [];
    for (const place of places) {
      const write = (this.#latest[place] ?? 0) - 1;
      this.#latest[place] = 0;
      if (this.#log.isDeletion(write)) {
        this.#tree.remove(place);
        continue;
      }
      const at = puts.length * HASH_SIZE;
      keys.set(this.#keys.packed.subarray(place * HASH_SIZE, (place + 1) * HASH_SIZE), at);
      valueHashes.set(this.#log.valueHash(write), at);
      puts.push(place);
    }
    const leaves = packedLeafHashes(this.#hashers.leaf, keys, valueHashes, 0, puts.length);
    puts.forEach((place, index) => {
      this.#tree.put(place, leaves.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE));
    });
  }
}

/** How checkpoints compare with what the ledger signed. */
export class CheckpointComparison {
  readonly mismatches: {
    readonly version: bigint;
    readonly expected: HashValue;
    readonly actual: HashValue;
  }[] = [];
  mismatchCount = 0;
  compared = 0;
  skipped = 0;
  last: bigint | undefined;
  readonly #skip: ReadonlySet<bigint>;
  readonly #keptMax: number;
  #reached = -1n;

  constructor(skip: ReadonlySet<bigint>, keptMax: number) {
    this.#skip = skip;
    this.#keptMax = keptMax;
  }

  /**
   * Of checkpoints that come again, when a replay begins anew before them, only the first counts.
   * @returns whether the checkpoint is as it should be, or is not looked at
   */
  compare({ version, root }: Pick<LoggedCheckpoint, 'version' | 'root'>, actual: HashValue): boolean {
    const isEqual = equalBytes(root, actual);
    if (version <= this.#reached) return isEqual || this.#skip.has(version);
    this.#reached = version;
    if (this.#skip.has(version)) {
      this.skipped++;
      return true;
    }
    this.compared++;
    this.last = version;
    if (isEqual) return true;
    this.mismatchCount++;
    if (this.mismatches.length < this.#keptMax) {
      this.mismatches.push({ version, expected: root.slice(), actual });
    }
    return false;
  }
}
