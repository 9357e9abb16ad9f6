import assert from 'node:assert/strict';
import { equalBytes, HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { packedLeafHashes, type SparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import type { PrunedTree } from './pruned-tree.js';
import type { SortedKeys } from '../merkle/touched-keys.js';
import type { LoggedCheckpoint, WriteLog } from '../merkle/write-log.js';

/** Writes that are applied between two takings of roots, beyond what the last checkpoint adds. */
const WRITES_AT_ONCE = 4096;

/** A root that was computed, new bytes, and the checkpoint that it is to be compared with. */
export interface ReplayedCheckpoint {
  readonly checkpoint: LoggedCheckpoint;
  readonly root: HashValue;
}

/** What a log's writes make of a tree, checkpoint by checkpoint. */
export class ReplayWindow {
  readonly #hashers: SparseMerkleHashers;
  readonly #log: WriteLog;
  readonly #keys: SortedKeys;
  readonly #tree: PrunedTree;

  /** @param tree of the state before the log's first write, with the log's keys as touched ones */
  constructor(hashers: SparseMerkleHashers, log: WriteLog, keys: SortedKeys, tree: PrunedTree) {
    this.#hashers = hashers;
    this.#log = log;
    this.#keys = keys;
    this.#tree = tree;
  }

  /** All checkpoints in order. Trees of many are hashed together: the tree itself runs ahead of them. */
  *roots(): Generator<ReplayedCheckpoint, void, undefined> {
    let write = 0;
    let noted: LoggedCheckpoint[] = [];
    for (let index = 0; index < this.#log.checkpointCount; ) {
      const first = write;
      for (; index < this.#log.checkpointCount && write - first < WRITES_AT_ONCE; index++) {
        const checkpoint = this.#log.checkpointAt(index);
        assert(checkpoint);
        noted.push(checkpoint);
        write = checkpoint.writesEnd;
      }
      this.#apply(first, noted);
      const roots = this.#tree.takeRoots();
      for (const [at, checkpoint] of noted.entries()) {
        const root = roots[at];
        assert(root);
        yield { checkpoint, root };
      }
      noted = [];
    }
  }

  /** Applies the writes from the first one on, and notes the root at each checkpoint. */
  #apply(first: number, checkpoints: readonly LoggedCheckpoint[]): void {
    const leafHashes = this.#leafHashes(first, checkpoints.at(-1)?.writesEnd ?? first);
    let write = first;
    for (const { writesEnd } of checkpoints) {
      for (; write < writesEnd; write++) {
        const place = this.#placeOf(write);
        if (this.#log.isDeletion(write)) this.#tree.remove(place);
        else this.#tree.put(place, leafHashes, (write - first) * HASH_SIZE);
      }
      this.#tree.noteRoot();
    }
  }

  /** What deletions get means nothing. */
  #leafHashes(from: number, to: number): Uint8Array {
    const keys = new Uint8Array((to - from) * HASH_SIZE);
    const { packed } = this.#keys;
    for (let write = from; write < to; write++) {
      const at = this.#placeOf(write) * HASH_SIZE;
      keys.set(packed.subarray(at, at + HASH_SIZE), (write - from) * HASH_SIZE);
    }
    const valueHashes = this.#log.valueHashes.subarray(from * HASH_SIZE, to * HASH_SIZE);
    return packedLeafHashes(this.#hashers.leaf, keys, valueHashes, 0, to - from);
  }

  #placeOf(write: number): number {
    return this.#keys.ranks[this.#log.keyOf(write)] ?? 0;
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
