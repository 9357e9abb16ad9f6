import { lastCommittedVersion } from '../aptosdb/commit/committed-state.js';
import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import type { OpenStore } from '../aptosdb/driver/key-value-store.js';
import { saveLedgerInfos } from '../aptosdb/restore/ledger-info-rows.js';
import { createRoot } from '../durable-fs/node-file-system.js';
import { HoldfastError } from '../errors/holdfast-error.js';
import { openProvingPool } from '../proving/open-proving-pool.js';
import type { BackupStorage } from '../storage/backup-storage.js';
import { ignoreProgress, type ProgressListener } from '../telemetry/progress.js';
import { TrustedWaypoints } from '../trust/trusted-waypoints.js';
import { type LedgerFamily, ledgerHashers } from '../types/ledger-family.js';
import type { Waypoint } from '../types/waypoint.js';
import { emptyTally } from './archive-reading.js';
import { buildFolderIn, clearBuildFolder } from './build-folder.js';
import { finishRestore, type RestoredEnd, rootText } from './finish-restore.js';
import type { RestorePlan, RestoreSteps } from './plan.js';
import { requireFeasible } from './plan-refusal.js';
import { firstVersionOf } from './plan-restore.js';
import { provenEpochEndings } from './proven-epoch-endings.js';
import { publishDatabase } from './publish-database.js';
import { receiptOf, receiptReport } from './receipt-report.js';
import { RestoreError } from './restore-error.js';
import type { RestoreMetrics } from './restore-metrics.js';
import { RestoreJournal, type RestoreProgress } from './restore-journal.js';
import { type RestoreReport, type RestoreTrust, trustOf } from './restore-report.js';
import { COMMIT_EVERY_MS, type RestoreRun } from './restore-run.js';
import { StepRunner } from './restore-steps.js';
import { hintingDetours } from './snapshot-detours.js';
import { requireSameRestore, type TargetState } from './target.js';

/** How what was planned is carried out. */
export interface BootstrapOptions {
  readonly storage: BackupStorage;
  readonly family: LedgerFamily;
  readonly plan: RestorePlan;
  readonly trustedWaypoints?: readonly Waypoint[];
  /** Chunks that are read side by side; 2 by default. */
  readonly concurrency?: number;
  /** Threads that check and hash; 1 by default, the calling thread alone. */
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ProgressListener | undefined;
  /** Between commit points; 10 s by default. */
  readonly commitEveryMs?: number | undefined;
  /** Told after each commit point. */
  readonly onCommitPoint?: RestoreRun['onCommitPoint'];
  /** Told how far the database is good when the restore ends early. */
  readonly onStanding?: ((words: string) => void) | undefined;
  /** Told what was written or, in a dry run, proven. */
  readonly metrics?: RestoreMetrics | undefined;
}

/** Where a database is restored to. */
export interface BootstrapTarget {
  /** The folder that is to hold `ledger_db`. */
  readonly directory: string;
  /** As it was when the plan was made. */
  readonly state: TargetState;
  /** Bytes that each column family collects in memory before it writes a file; 4 MiB by default. */
  readonly writeBufferBytes?: number | undefined;
  /** Another binding of RocksDB. */
  readonly openStore?: OpenStore | undefined;
}

const CONCURRENCY = 2;

/**
 * Restores a database as planned, or goes on with one that an earlier run began. The database is built
 * beside its place, and gets it when all of it is there, proven and tested: until then the target holds none.
 * @throws RestoreError, RestoreFindingError; CommitError, SnapshotRestoreError, DatabaseError; the signal's
 *   reason
 */
export async function bootstrapDatabase(
  options: BootstrapOptions,
  target: BootstrapTarget,
): Promise<RestoreReport> {
  return await hintingDetours(options.plan, () => new Bootstrap(options).restore(target));
}

/**
 * Reads and proves everything that the plan reads, and writes nothing.
 * @throws RestoreError, RestoreFindingError; the signal's reason
 */
export async function proveRestore(options: BootstrapOptions): Promise<RestoreReport> {
  return await hintingDetours(options.plan, () => new Bootstrap(options).prove());
}

class Bootstrap {
  readonly #options: BootstrapOptions;
  readonly #waypoints: TrustedWaypoints;
  readonly #startedAt = performance.now();
  readonly #tally = emptyTally();

  constructor(options: BootstrapOptions) {
    this.#options = options;
    this.#waypoints = new TrustedWaypoints(options.trustedWaypoints ?? []);
  }

  /** @throws RestoreError, RestoreFindingError where the plan refuses */
  get #steps(): RestoreSteps {
    const { plan } = this.#options;
    requireFeasible(plan);
    if (plan.steps) return plan.steps;
    throw new RestoreError('RESTORE_UNREACHABLE', 'there is nothing to restore');
  }

  async prove(): Promise<RestoreReport> {
    return await this.#withRun(async (run) => {
      const history = await this.#proveEpochEndings(run);
      run.metrics?.verified.epochEndings(history?.endings ?? []);
      await new StepRunner(run, this.#steps, history?.history).prove();
      const notDone = ['nothing was written, so the state after the snapshot was not computed'];
      return this.#report('proven', trustOf(history?.history, this.#waypoints), { notDone });
    });
  }

  async restore(target: BootstrapTarget): Promise<RestoreReport> {
    const { state, directory } = target;
    const { identity } = this.#options.plan;
    const startedAt = this.#startedAt;
    if (state.kind === 'done') {
      if (identity) requireSameRestore(state.receipt.identity, identity);
      return receiptReport(state.receipt, { outcome: 'already-restored', target: directory, startedAt });
    }
    if (state.kind === 'unfinished' && state.journal.phase === 'publishing') {
      const { journal } = state;
      if (identity) requireSameRestore(journal.identity, identity);
      const fileSystem = await createRoot(directory);
      await publishDatabase(fileSystem, RestoreJournal.resume(fileSystem, journal));
      return receiptReport(journal.receipt, { outcome: 'restored', target: directory, startedAt });
    }
    requireFeasible(this.#options.plan);
    if (!identity) throw new TypeError('a plan with steps has an identity');
    if (state.kind === 'unfinished') requireSameRestore(state.journal.identity, identity);
    const fileSystem = await createRoot(directory);
    const resumed = state.kind === 'unfinished';
    if (!resumed) await clearBuildFolder(fileSystem, directory, target.openStore);
    const journal = resumed
      ? RestoreJournal.resume(fileSystem, state.journal)
      : await RestoreJournal.begin(fileSystem, identity);
    const report = await this.#withRun((run) => this.#build(run, target, journal, resumed));
    await publishDatabase(fileSystem, journal);
    return { ...report, elapsedMs: this.#elapsedMs() };
  }

  /** All of the database, up to the journal's word that only its place is missing. */
  async #build(
    run: RestoreRun,
    target: BootstrapTarget,
    journal: RestoreJournal,
    resumed: boolean,
  ): Promise<RestoreReport> {
    const endings = await this.#proveEpochEndings(run);
    const history = endings?.history;
    const end = await this.#withDatabase(target, async (database) => {
      try {
        await saveLedgerInfos(database, endings?.endings ?? [], this.#steps.version);
        run.metrics?.epochEndings(endings?.endings ?? [], this.#steps.version);
        const runner = new StepRunner(run, this.#steps, history);
        await runner.restore(database, journal);
        run.progress({ stage: 'finishing', done: 0, unit: 'steps' });
        return await finishRestore(run, database, this.#steps, history, runner.lastLedgerInfo);
      } catch (error) {
        await this.#tellStanding(database, journal.progress);
        throw error;
      }
    });
    const trust = trustOf(history, this.#waypoints);
    const report = this.#report('restored', trust, { target: target.directory, resumed, end });
    await journal.beginPublishing(receiptOf(journal.state.identity, report));
    return report;
  }

  async #proveEpochEndings(run: RestoreRun) {
    if (this.#options.plan.request.skipEpochEndings) return undefined;
    const { epochEndings } = this.#steps;
    return await provenEpochEndings(run, this.#waypoints, epochEndings, run.progress);
  }

  async #withRun<Result>(work: (run: RestoreRun) => Promise<Result>): Promise<Result> {
    const { storage, family, concurrency, threads, signal, progress, commitEveryMs, metrics } = this.#options;
    metrics?.target(this.#steps.version);
    await using pool = openProvingPool({ family, threads: threads ?? 1 });
    return await work({
      storage,
      hashers: ledgerHashers(family),
      pool,
      concurrency: concurrency ?? CONCURRENCY,
      tally: this.#tally,
      signal,
      progress: progress ?? ignoreProgress,
      commitEveryMs: commitEveryMs ?? COMMIT_EVERY_MS,
      metrics,
      onCommitPoint: this.#options.onCommitPoint,
    });
  }

  async #withDatabase<Result>(
    { directory, writeBufferBytes, openStore }: BootstrapTarget,
    work: (database: AptosDatabaseFiles) => Promise<Result>,
  ): Promise<Result> {
    const root = buildFolderIn(directory);
    const database = await AptosDatabaseFiles.open(root, { mode: 'create', writeBufferBytes, openStore });
    let result: Result;
    try {
      result = await work(database);
    } catch (error) {
      // What ended the work is the story; a failure to close would only hide it.
      await database.close().catch(() => undefined);
      throw error;
    }
    await database.close();
    return result;
  }

  /** How far the last commit point is, for whoever has to bring the archive in order or to run it again. */
  async #tellStanding(database: AptosDatabaseFiles, progress: RestoreProgress): Promise<void> {
    const { onStanding } = this.#options;
    if (!onStanding) return;
    try {
      onStanding(standingInWords(progress, await lastCommittedVersion(database)));
    } catch (error) {
      // A database that cannot even be read has nothing to say; the first failure is told instead.
      if (!(error instanceof HoldfastError)) throw error;
    }
  }

  #elapsedMs(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  #report(
    outcome: RestoreReport['outcome'],
    trust: RestoreTrust,
    {
      target,
      resumed = false,
      end,
      notDone = [],
    }: {
      readonly target?: string;
      readonly resumed?: boolean;
      readonly end?: RestoredEnd;
      readonly notDone?: readonly string[];
    },
  ): RestoreReport {
    const { plan } = this.#options;
    const skipped = plan.request.skipEpochEndings
      ? ['ledger info signatures were not checked (--skip-epoch-endings)']
      : [];
    return {
      outcome,
      archive: plan.archive,
      ...(target === undefined ? {} : { target }),
      version: this.#steps.version,
      firstVersion: firstVersionOf(this.#steps),
      ...(plan.epoch === undefined ? {} : { epoch: plan.epoch }),
      ...(end && {
        stateVersion: end.treeVersion,
        stateRoot: rootText(end),
        hasLastLedgerInfo: end.hasLastLedgerInfo,
      }),
      ...trust,
      resumed,
      read: { ...this.#tally },
      notDone: [...skipped, ...notDone],
      elapsedMs: this.#elapsedMs(),
    };
  }
}

/** What a run that ends early leaves, and what to do with it. */
export function standingInWords(progress: RestoreProgress, lastVersion: bigint | undefined): string {
  const { step, snapshot } = progress;
  const done: string[] = [];
  if (isRecord(snapshot) && isRecord(snapshot['frontier'])) {
    const what = step === 'values' ? 'state values' : 'the state';
    const items = Number(snapshot['frontier']['leafCount']).toLocaleString('en');
    done.push(`${items} items of ${what} at version ${String(snapshot['version'])}`);
  }
  if (lastVersion !== undefined) done.push(`transactions up to version ${lastVersion}`);
  const what = done.length === 0 ? 'nothing yet' : done.join(' and ');
  return `safe and proven so far: ${what}. The same command goes on from there.`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
