import assert from 'node:assert/strict';
import { loadMetadata } from '../archive/load-metadata.js';
import type { StateSnapshotEntry, TransactionEntry } from '../archive/metadata-entry.js';
import {
  buildMetadataView,
  type MetadataView,
  selectEpochEndings,
  selectStateSnapshot,
  type ViewEntry,
} from '../archive/metadata-view.js';
import { equalBytes, type HashValue, toHex } from '../hashing/hash-value.js';
import { SPARSE_MERKLE_PLACEHOLDER } from '../merkle/placeholders.js';
import { packedLeafHashes, sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import type { SortedKeys } from '../merkle/touched-keys.js';
import { WriteLog } from '../merkle/write-log.js';
import { openProvingPool } from '../proving/open-proving-pool.js';
import { type ArchiveReading, emptyTally, verifyContextOf } from '../restore/archive-reading.js';
import { provenEpochEndings } from '../restore/proven-epoch-endings.js';
import { SnapshotReader } from '../restore/proven-state-chunks.js';
import {
  type ProvenTransactionChunk,
  provenTransactionChunks,
  type VersionRange,
} from '../restore/proven-transactions.js';
import { RestoreFindingError, requireSound } from '../restore/restore-finding.js';
import { COMMIT_EVERY_MS, type RestoreRun } from '../restore/restore-run.js';
import { ignoreProgress } from '../telemetry/progress.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import { TrustedWaypoints } from '../trust/trusted-waypoints.js';
import { ledgerHashers } from '../types/ledger-family.js';
import { formatWaypoint } from '../types/waypoint.js';
import type { Finding } from '../verify/finding.js';
import { findingOf } from '../verify/findings.js';
import { findRowFaults } from '../verify/metadata.js';
import { CarriedLeaves } from './carried-leaves.js';
import { notDoneIn } from './not-done.js';
import type { PrunedTree } from './pruned-tree.js';
import { PrunedTreeBuilder } from './pruned-tree-builder.js';
import { ReplayError } from './replay-error.js';
import { type ReplayVerifyOptions, TOUCHED_KEYS_MAX } from './replay-options.js';
import type { ReplayBase, ReplayReport } from './replay-report.js';
import { CheckpointComparison, ReplayWindow } from './replay-window.js';
import { withScratchDatabase } from './scratch-database.js';
import { replayInScratch, type ScratchListener } from './scratch-replay.js';
import { WriteSetSource } from './write-set-source.js';

/** Writes of a window, for each key that may be touched. */
const WRITES_PER_KEY = 8;
const CONCURRENCY = 2;
const MISMATCHES_KEPT = 1000;

/**
 * Recomputes the state behind each checkpoint of a range from the write sets, over the nearest snapshot, and
 * compares its root with the one in the transaction info (spec: backup-format.md, 12.3 and 13). Everything
 * is proven before it is used. Nothing is executed, and no database is needed, though the state may be kept
 * in a scratch one.
 * @throws DatabaseError, CommitError, SnapshotRestoreError and system errors of a scratch database
 * @throws ReplayError; ArchiveError METADATA_GAP; StorageError when the metadata files cannot be listed;
 *   TrustError WAYPOINT_DUPLICATED; the signal's reason
 */
export async function replayVerify(options: ReplayVerifyOptions): Promise<ReplayReport> {
  const { startVersion, endVersion } = options;
  if (startVersion > endVersion) {
    const message = `start_version ${startVersion} should precede end_version ${endVersion}.`;
    throw new ReplayError('REPLAY_RANGE_INVERTED', message);
  }
  return await new ReplayVerification(options).run();
}

class ReplayVerification {
  readonly #options: ReplayVerifyOptions;
  readonly #reading: ArchiveReading;
  readonly #waypoints: TrustedWaypoints;
  readonly #startedAt = performance.now();
  readonly #comparison: CheckpointComparison;
  readonly #source: WriteSetSource;
  readonly #bases: ReplayBase[] = [];
  readonly #findings: Finding[] = [];
  readonly #log = new WriteLog();
  #view: MetadataView = buildMetadataView([]);
  #history: EpochHistory | undefined;
  #base: ViewEntry<StateSnapshotEntry> | undefined;
  /** What was written between the base and the log. */
  #carried = CarriedLeaves.none;
  /** Of the state before the log's first write. */
  #root: HashValue | undefined;
  /** True while what was replayed since the base had another root than the ledger's somewhere. */
  #astray = false;
  #first = 0n;
  #last: bigint | undefined;
  readonly #heldIn: ('database' | 'memory')[] = [];

  constructor(options: ReplayVerifyOptions) {
    this.#options = options;
    this.#waypoints = new TrustedWaypoints(options.trustedWaypoints ?? []);
    const { storage, signal, concurrency = CONCURRENCY } = options;
    const hashers = ledgerHashers(options.family);
    const pool = openProvingPool({ family: options.family, threads: options.threads ?? 1 });
    this.#reading = { storage, hashers, pool, concurrency, signal, tally: emptyTally() };
    this.#comparison = new CheckpointComparison(options.versionsToSkip ?? new Set(), MISMATCHES_KEPT);
    this.#source = new WriteSetSource(hashers);
  }

  async run(): Promise<ReplayReport> {
    try {
      await this.#loadView();
      if (this.#checksSignatures()) await this.#proveEpochEndings();
      await this.#replay();
    } catch (error) {
      if (!(error instanceof RestoreFindingError)) throw error;
      this.#findings.push(...error.findings);
    } finally {
      await this.#reading.pool.close();
    }
    return this.#report();
  }

  /** What cannot be read is told; whether it is missed shows where the row of backups breaks. */
  async #loadView(): Promise<void> {
    const { metadataCacheDir: cacheDir, concurrency } = this.#options;
    const { storage, signal } = this.#reading;
    const { entries, problems } = await loadMetadata(storage, { cacheDir, concurrency, signal });
    for (const problem of problems) {
      this.#findings.push(findingOf(problem, { file: String(problem.facts['handle']) }));
    }
    this.#view = buildMetadataView(entries);
  }

  #checksSignatures(): boolean {
    if (this.#options.skipEpochEndings) return false;
    return this.#view.epochEndings.length > 0 || this.#waypoints.size > 0;
  }

  async #proveEpochEndings(): Promise<void> {
    const endings = selectEpochEndings(this.#view, this.#options.endVersion);
    const progress = this.#options.progress ?? ignoreProgress;
    const { history } = await provenEpochEndings(this.#reading, this.#waypoints, endings, progress);
    this.#history = history;
  }

  async #replay(): Promise<void> {
    const { startVersion, scratchDirectory } = this.#options;
    this.#base = selectStateSnapshot(this.#view, startVersion);
    this.#first = this.#base ? this.#base.entry.version + 1n : 0n;
    if (scratchDirectory !== undefined && this.#snapshotHasTransaction()) {
      if (await this.#replayInDatabase(scratchDirectory)) return;
      // What was equal so far was applied to what the ledger had there: its newest snapshot is as good.
      const wrong = this.#last ?? 0n;
      this.#base = wrong === 0n ? undefined : selectStateSnapshot(this.#view, wrong - 1n);
    }
    await this.#replayInMemory(this.#base ? this.#base.entry.version + 1n : 0n);
  }

  /** A database begins with the snapshot's own transaction. */
  #snapshotHasTransaction(): boolean {
    const version = this.#base?.entry.version;
    if (version === undefined) return true;
    return this.#view.transactions.some(
      ({ entry }) => entry.firstVersion <= version && entry.lastVersion >= version,
    );
  }

  /** @returns false where a root differs and the replay is to go on all the same */
  async #replayInDatabase(directory: string): Promise<boolean> {
    this.#heldIn.push('database');
    const { lazyQuit = false, progress = ignoreProgress, endVersion } = this.#options;
    const base = this.#base;
    const first = this.#first;
    const backups = first > endVersion ? [] : this.#backupsOf({ first, last: endVersion });
    const held = backups.at(-1)?.entry.lastVersion ?? endVersion;
    const range = { first, last: held < endVersion ? held : endVersion };
    const run: RestoreRun = { ...this.#reading, progress, commitEveryMs: COMMIT_EVERY_MS };
    const job = { history: this.#history, base, backups: this.#view.transactions, range };
    let goesOn = lazyQuit;
    const listener: ScratchListener = {
      onBase: (items) => this.#addBase(items),
      onCheckpoint: (version, root, actual) => {
        if (this.#comparison.compare({ version, root }, actual) && !equalBytes(root, actual)) goesOn = true;
      },
      onTransactions: (last, count, writes) => {
        this.#last = last;
        this.#source.count(last, count, writes);
      },
    };
    const isEqual = await withScratchDatabase(directory, (database) =>
      replayInScratch(run, database, job, listener),
    );
    return isEqual || !goesOn;
  }

  async #replayInMemory(from: bigint): Promise<void> {
    this.#heldIn.push('memory');
    const { endVersion, touchedKeysMax = TOUCHED_KEYS_MAX } = this.#options;
    if (from > endVersion) {
      await this.#buildTree(this.#log.sortedKeys());
      return;
    }
    let failure: RestoreFindingError | undefined;
    try {
      for await (const { batches } of this.#chunks({ first: from, last: endVersion })) {
        for (const batch of batches) {
          this.#source.log(batch, { first: from, last: endVersion }, this.#log);
          const last = batch.firstVersion + BigInt(batch.count) - 1n;
          this.#last = last < endVersion ? last : endVersion;
        }
        const isFull =
          this.#log.keyCount >= touchedKeysMax || this.#log.writeCount >= touchedKeysMax * WRITES_PER_KEY;
        if (isFull && this.#log.checkpointCount > 0 && !(await this.#replayLog(false))) return;
        this.#tell();
      }
    } catch (error) {
      if (!(error instanceof RestoreFindingError)) throw error;
      failure = error;
    }
    // What was proven before the damage is compared all the same.
    while (this.#log.checkpointCount > 0 && (await this.#replayLog(true)));
    if (failure) throw failure;
  }

  #chunks(range: VersionRange): AsyncIterable<ProvenTransactionChunk> {
    return provenTransactionChunks(this.#reading, this.#history, this.#backupsOf(range), range);
  }

  /** @throws ReplayError REPLAY_TRANSACTIONS_MISSING, RestoreFindingError where versions are missing */
  #backupsOf({ first, last }: VersionRange): readonly ViewEntry<TransactionEntry>[] {
    const backups = this.#view.transactions.filter(
      ({ entry }) => entry.firstVersion <= last && entry.lastVersion >= first,
    );
    if (backups.length === 0) {
      const message = `the archive holds no transaction of versions ${first} to ${last}`;
      throw new ReplayError('REPLAY_TRANSACTIONS_MISSING', message, {
        hint: 'Choose a range that the archive has: `backup query backup-storage-state` tells its end.',
        facts: { first, last },
      });
    }
    const context = verifyContextOf(this.#reading);
    const ranges = backups.map(({ entry, handle }) => ({
      first: entry.firstVersion,
      last: entry.lastVersion,
      item: handle,
    }));
    findRowFaults(context, 'versions', ranges, first, last);
    requireSound(context);
    return backups;
  }

  #tell(): void {
    const { progress = ignoreProgress } = this.#options;
    const done = this.#source.transactions;
    progress({ stage: 'transactions', done, unit: 'transactions' });
  }

  /**
   * Compares the checkpoints of the log, up to a snapshot where the replay had better begin anew, or to the
   * last one, and drops what is done.
   * @returns false when a mismatch ends the replay
   */
  async #replayLog(isEnd: boolean): Promise<boolean> {
    const log = this.#log;
    const { progress = ignoreProgress, signal, lazyQuit = false } = this.#options;
    const keys = log.sortedKeys();
    const tree = await this.#buildTree(keys);
    const window = new ReplayWindow(sparseMerkleHashers(this.#reading.hashers), log, keys, tree);
    const snapshots = this.#snapshotsInLog();
    const planned = isEnd ? undefined : [...snapshots.keys()].at(-1);
    const total = log.checkpointCount;
    let next = 0;
    for (const { checkpoint, root } of window.roots()) {
      signal?.throwIfAborted();
      this.#root = root;
      const { version } = checkpoint;
      next++;
      progress({ stage: `checkpoints from ${this.#first}`, done: next, total, unit: 'checkpoints' });
      if (!this.#comparison.compare(checkpoint, this.#root)) {
        this.#astray = true;
        if (!lazyQuit) return false;
      }
      const snapshot = snapshots.get(version);
      if (!snapshot || !(version === planned || this.#astray || this.#carried.count > 0)) continue;
      this.#rebase(snapshot);
      log.dropThrough(next - 1);
      return true;
    }
    if (!isEnd) this.#carried = this.#carried.with(CarriedLeaves.of(tree, keys));
    log.dropThrough(next - 1);
    return true;
  }

  /** The state of a snapshot is that of the ledger, whatever was replayed before. */
  #rebase(snapshot: ViewEntry<StateSnapshotEntry>): void {
    this.#base = snapshot;
    this.#carried = CarriedLeaves.none;
    this.#root = undefined;
    this.#astray = false;
  }

  /** Snapshots at checkpoints of the log, in order. */
  #snapshotsInLog(): Map<bigint, ViewEntry<StateSnapshotEntry>> {
    const first = this.#log.checkpointAt(0)?.version ?? 0n;
    const last = this.#log.checkpointAt(this.#log.checkpointCount - 1)?.version ?? 0n;
    const inside = this.#view.stateSnapshots.filter(
      ({ entry }) => entry.version >= first && entry.version <= last,
    );
    return new Map(inside.map((snapshot) => [snapshot.entry.version, snapshot]));
  }

  /** The state before the log's first write, with the log's keys to change. */
  async #buildTree(keys: SortedKeys): Promise<PrunedTree> {
    const { hashers } = this.#reading;
    const { progress = ignoreProgress } = this.#options;
    const treeHashers = sparseMerkleHashers(hashers);
    const builder = new PrunedTreeBuilder(treeHashers, keys);
    let expected = this.#root ?? SPARSE_MERKLE_PLACEHOLDER;
    let next = 0;
    let items = 0;
    if (this.#base) {
      const reader = await SnapshotReader.open(this.#reading, this.#history, this.#base);
      expected = this.#root ?? reader.root;
      const stage = `state snapshot ${reader.manifest.version}`;
      for await (const { batches } of reader.chunks()) {
        for (const { keyHashes, valueHashes, count } of batches) {
          const leafHashes = packedLeafHashes(treeHashers.leaf, keyHashes, valueHashes, 0, count);
          const laid = this.#carried.layOver({ keys: keyHashes, leafHashes, count }, next);
          builder.add(laid.leaves);
          next = laid.next;
          items += count;
        }
        progress({ stage, done: items, total: reader.itemCount, unit: 'items' });
      }
    }
    builder.add(this.#carried.layOver(undefined, next).leaves);
    const tree = builder.finish();
    assert(equalBytes(tree.root(), expected), 'pruning leaves the root as it was');
    if (this.#carried.count === 0) this.#addBase(BigInt(items));
    return tree;
  }

  #addBase(items: bigint): void {
    const version = this.#base?.entry.version;
    this.#bases.push({ ...(version === undefined ? {} : { version }), items });
  }

  #report(): ReplayReport {
    const { storage, hashers } = this.#reading;
    const { compared, skipped, last, mismatches, mismatchCount } = this.#comparison;
    const outcome = this.#findings.length > 0 ? 'findings' : 'equal';
    const done = {
      heldIn: this.#heldIn,
      ...(this.#last === undefined ? {} : { replayed: { first: this.#first, last: this.#last } }),
      checkpoints: {
        compared,
        equal: compared - mismatchCount,
        skipped,
        ...(last === undefined ? {} : { last }),
      },
      mismatchCount,
      findings: this.#findings,
    };
    const signaturesChecked = this.#history !== undefined;
    return {
      archive: storage.description,
      ledgerFamily: hashers.family.name,
      outcome: mismatchCount > 0 ? 'mismatch' : outcome,
      trustRootInWords: this.#trustRoot(),
      ...done,
      bases: this.#bases,
      transactions: this.#source.transactions,
      writes: this.#source.writes,
      mismatches: mismatches.map(({ version, expected, actual }) => ({
        version,
        expected: toHex(expected),
        actual: toHex(actual),
      })),
      notDone: notDoneIn({ ...done, options: this.#options, signaturesChecked }),
      elapsedMs: Math.round(performance.now() - this.#startedAt),
    };
  }

  #trustRoot(): string {
    if (!this.#history) return 'none: no signature was checked';
    if (this.#waypoints.size > 0) {
      return `trusted waypoints ${this.#waypoints.list().map(formatWaypoint).join(', ')}`;
    }
    return 'the archive\u2019s own ledger info of epoch 0, for which nothing else vouches';
  }
}
