import type { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import type { SnapshotMode, SnapshotProgress } from '../aptosdb/restore/snapshot-progress.js';
import { StateSnapshotWriter } from '../aptosdb/restore/state-snapshot-writer.js';
import type { StateUsage } from '../aptosdb/schema/version-data.js';
import { sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { StateTreeFrontier } from '../merkle/state-tree-frontier.js';
import type { RunMetrics } from '../verify/run-metrics.js';
import { BYTES_HELD_MAX } from './archive-reading.js';
import { BatchMemory } from './batch-memory.js';
import type { ProvenStateChunk, ProvenStateItems, SnapshotReader } from './proven-state-chunks.js';
import type { RestoreRun } from './restore-run.js';
import { writeThrough } from './write-through.js';

/** A snapshot's way into a database. */
export interface SnapshotJob {
  readonly snapshot: SnapshotReader;
  /** The version that the rows are written for. */
  readonly version: bigint;
  readonly mode: SnapshotMode;
  /** In the operator's words. */
  readonly stage: string;
  /** Of an earlier run; it may come from a file. */
  readonly saved?: unknown;
  /** Keeps progress, durably. */
  readonly save: (progress: SnapshotProgress) => Promise<void>;
}

/**
 * Writes a snapshot into a database, proven chunk by chunk. Items that an earlier run has saved are not read
 * again; a snapshot that is there as a whole is left alone.
 * @throws RestoreFindingError, SnapshotRestoreError, DatabaseError; the signal's reason
 */
export async function restoreStateSnapshot(
  run: RestoreRun,
  database: AptosDatabaseFiles,
  { snapshot, version, mode, stage, saved, save }: SnapshotJob,
): Promise<StateUsage> {
  const { hashers, commitEveryMs, signal } = run;
  const target = { version, mode, rootHash: snapshot.root };
  const writer = await StateSnapshotWriter.open(database, hashers, target, saved);
  const position = new WrittenItems(writer.isFinished ? emptyFrontier(run) : frontierOf(run, saved));
  if (writer.isFinished) return await writer.finish(position.frontier);
  const { total, tell } = progressOf(run, stage, snapshot, run.metrics);
  tell(position.count);
  const chunks = snapshot.chunks(position.frontier, new BatchMemory(BYTES_HELD_MAX));
  await writeThrough<ProvenStateChunk, ProvenStateItems>(chunks, {
    partsOf: (chunk) => chunk.batches,
    write: async (items, chunk) => {
      await writer.add(items);
      items.release?.();
      position.wrote(items, chunk);
      tell(position.count);
    },
    commit: async () => {
      await save(await writer.checkpoint(position.frontier));
      run.onCommitPoint?.({ stage, done: BigInt(position.count) });
    },
    commitEveryMs,
    signal,
  });
  const usage = await writer.finish(position.frontier);
  tell(total);
  return usage;
}

/** The same for a dry run: everything is read and proven. */
export async function proveStateSnapshot(
  run: RestoreRun,
  snapshot: SnapshotReader,
  stage: string,
): Promise<number> {
  const { tell } = progressOf(run, stage, snapshot, run.metrics?.verified);
  let done = 0;
  tell(0);
  for await (const { frontier } of snapshot.chunks()) {
    done = frontier.leafCount;
    tell(done);
  }
  return done;
}

function emptyFrontier({ hashers }: RestoreRun): StateTreeFrontier {
  return new StateTreeFrontier(sparseMerkleHashers(hashers));
}

function frontierOf(run: RestoreRun, saved: unknown): StateTreeFrontier {
  if (saved === undefined) return emptyFrontier(run);
  // The writer has found this progress to be sound.
  const { frontier } = saved as SnapshotProgress;
  return StateTreeFrontier.fromState(sparseMerkleHashers(run.hashers), frontier);
}

function progressOf(
  { progress, tally }: RestoreRun,
  stage: string,
  snapshot: SnapshotReader,
  metrics: RunMetrics | undefined,
) {
  const total = snapshot.itemCount;
  const { version } = snapshot.manifest;
  const tell = (done: number): void => {
    progress({ stage, done, total, unit: 'items', version, bytes: tally.bytes });
    metrics?.stateItems(version, done, total);
  };
  return { total, tell };
}

/** The tree of what was written, brought up to date only when it is wanted. */
class WrittenItems {
  #frontier: StateTreeFrontier;
  #pending: ProvenStateItems[] = [];
  #count: number;

  constructor(frontier: StateTreeFrontier) {
    this.#frontier = frontier;
    this.#count = frontier.leafCount;
  }

  get count(): number {
    return this.#count;
  }

  get frontier(): StateTreeFrontier {
    for (const { keyHashes, valueHashes, count } of this.#pending) {
      this.#frontier.addMany(keyHashes, valueHashes, count);
    }
    this.#pending = [];
    return this.#frontier;
  }

  wrote(items: ProvenStateItems, chunk: ProvenStateChunk): void {
    this.#count += items.count;
    if (this.#count === chunk.frontier.leafCount) {
      // The reader has folded the whole chunk already.
      this.#frontier = chunk.frontier;
      this.#pending = [];
    } else this.#pending.push(items);
  }
}
