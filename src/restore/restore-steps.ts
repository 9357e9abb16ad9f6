import type { KnownValues } from '../aptosdb/commit/committed-state.js';
import type { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import { TransactionSaver } from '../aptosdb/restore/transaction-saver.js';
import { TransactionTail } from '../aptosdb/restore/transaction-tail.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import type { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import type { PlannedRange, PlannedSnapshot, RestoreSteps } from './plan.js';
import { SnapshotReader } from './proven-state-chunks.js';
import type { RestoreProgress } from './restore-journal.js';
import type { RestoreRun } from './restore-run.js';
import { proveStateSnapshot, restoreStateSnapshot } from './restore-state-snapshot.js';
import {
  proveTransactions,
  restoreTransactions,
  type TransactionsJob,
  type TransactionTarget,
} from './restore-transactions.js';
import { TransactionReader, type TransactionSource } from './transaction-reader.js';

/** One step of a restore. Names are kept in journals: they only grow. */
export type RestoreStep =
  | { readonly name: 'values'; readonly snapshot: PlannedSnapshot }
  | { readonly name: 'state'; readonly snapshot: PlannedSnapshot }
  /** Rows, and from `replayFrom` on values. */
  | { readonly name: 'history'; readonly range: PlannedRange; readonly replayFrom?: bigint }
  /** Rows, values and tree. */
  | { readonly name: 'tail'; readonly range: PlannedRange };

/** The steps between the epoch endings and the finish, in order (spec: backup-format.md, 12.2). */
export function orderedSteps({
  kvSnapshot,
  treeSnapshot,
  saved,
  replayed,
  tail,
}: RestoreSteps): readonly RestoreStep[] {
  const steps: RestoreStep[] = [];
  if (kvSnapshot) steps.push({ name: 'values', snapshot: kvSnapshot });
  const state: RestoreStep[] = treeSnapshot ? [{ name: 'state', snapshot: treeSnapshot }] : [];
  if (!replayed) steps.push(...state);
  const first = saved?.first ?? replayed?.first;
  const last = replayed?.last ?? saved?.last;
  if (first !== undefined && last !== undefined) {
    const replayFrom = replayed ? { replayFrom: replayed.first } : {};
    steps.push({ name: 'history', range: { first, last }, ...replayFrom });
  }
  if (replayed) steps.push(...state);
  if (tail) steps.push({ name: 'tail', range: tail });
  return steps;
}

/** In the operator's words. */
export function stageOf(step: RestoreStep): string {
  switch (step.name) {
    case 'values':
      return `state values of version ${step.snapshot.version}`;
    case 'state':
      return step.snapshot.mode === 'tree_only'
        ? `state tree of version ${step.snapshot.version}`
        : `state of version ${step.snapshot.version}`;
    case 'history':
      return step.replayFrom === undefined ? 'transactions' : 'transactions with their state values';
    case 'tail':
      return 'transactions with state values and tree';
  }
}

/** Keeps how far a restore is, durably. */
export interface ProgressKeeper {
  readonly progress: RestoreProgress;
  save(progress: RestoreProgress): Promise<void>;
}

/** How far an interrupted restore is, in words for people. */
export function progressInWords(progress: RestoreProgress): string {
  const { step, done } = progress;
  if (typeof step !== 'string') return 'nothing yet';
  return typeof done === 'string' ? done : `up to the step ${step}`;
}

const FINISHED = 'finish';

/** Does the steps of a restore into an open database, from where an earlier run stands. */
export class StepRunner {
  readonly #run: RestoreRun;
  readonly #steps: RestoreSteps;
  readonly #history: EpochHistory | undefined;
  #lastLedgerInfo: LedgerInfoWithSignatures | undefined;
  /** Of the values that the steps before have written. */
  #known: KnownValues = {};

  constructor(run: RestoreRun, steps: RestoreSteps, history: EpochHistory | undefined) {
    this.#run = run;
    this.#steps = steps;
    this.#history = history;
  }

  /** Of the proof of the last chunk that this run restored; undefined where it restored none. */
  get lastLedgerInfo(): LedgerInfoWithSignatures | undefined {
    return this.#lastLedgerInfo;
  }

  /** @throws RestoreFindingError, CommitError, SnapshotRestoreError, DatabaseError; the signal's reason */
  async restore(database: AptosDatabaseFiles, keeper: ProgressKeeper): Promise<void> {
    const steps = orderedSteps(this.#steps);
    const { step: reached, snapshot } = keeper.progress;
    if (reached === FINISHED) return;
    const begun = steps.findIndex(({ name }) => name === reached);
    const last = steps.findLast((step) => step.name === 'history' || step.name === 'tail')?.range.last;
    await using reader = new TransactionReader(this.#run, this.#source, last ?? 0n);
    for (const [index, step] of steps.entries()) {
      if (index < begun) continue;
      const saved = index === begun ? snapshot : undefined;
      if (index !== begun) await keeper.save({ step: step.name });
      await this.#do(step, database, reader, keeper, saved);
    }
    await keeper.save({ step: FINISHED });
  }

  /** Reads and proves all that `restore` would read. */
  async prove(): Promise<void> {
    const covered: PlannedRange[] = [];
    for (const step of orderedSteps(this.#steps)) {
      if (step.name === 'values' || step.name === 'state') {
        await proveStateSnapshot(this.#run, await this.#open(step.snapshot), stageOf(step));
      } else covered.push(step.range);
    }
    const [first, last] = [covered[0]?.first, covered.at(-1)?.last];
    if (first === undefined || last === undefined) return;
    await proveTransactions(this.#run, this.#source, { range: { first, last }, stage: 'transactions' });
  }

  async #do(
    step: RestoreStep,
    database: AptosDatabaseFiles,
    reader: TransactionReader,
    keeper: ProgressKeeper,
    saved: unknown,
  ): Promise<void> {
    const { hashers } = this.#run;
    const stage = stageOf(step);
    switch (step.name) {
      case 'values':
      case 'state': {
        const { version, mode } = step.snapshot;
        const snapshot = await this.#open(step.snapshot);
        const save = (progress: object): Promise<void> =>
          keeper.save({ step: step.name, snapshot: progress as RestoreProgress });
        await restoreStateSnapshot(this.#run, database, { snapshot, version, mode, stage, saved, save });
        // The first values that come into the database.
        if (mode !== 'tree_only') this.#known = { snapshotVersion: version };
        return;
      }
      case 'history': {
        const { range, replayFrom } = step;
        const saver = await TransactionSaver.open(database, hashers, { replayFrom });
        await this.#transactions(savingTarget(saver), reader, { range, stage, replayFrom });
        this.#known = { ...this.#known, values: saver.values };
        return;
      }
      case 'tail': {
        const tail = await TransactionTail.open(database, hashers, this.#known);
        const { range } = step;
        await this.#transactions(tailTarget(tail), reader, { range, stage, replayFrom: range.first });
        await tail.finish();
      }
    }
  }

  async #transactions(
    target: TransactionTarget,
    reader: TransactionReader,
    job: TransactionsJob,
  ): Promise<void> {
    const ofLastChunk = await restoreTransactions(this.#run, target, reader, job);
    if (ofLastChunk) this.#lastLedgerInfo = ofLastChunk;
  }

  get #source(): TransactionSource {
    return { backups: this.#steps.transactions, history: this.#history };
  }

  async #open({ backup }: PlannedSnapshot): Promise<SnapshotReader> {
    return await SnapshotReader.open(this.#run, this.#history, backup);
  }
}

/** Rows, and values where the saver replays them. */
export function savingTarget(saver: TransactionSaver): TransactionTarget {
  return {
    get nextVersion() {
      return saver.nextVersion;
    },
    confirm: (firstVersion, leftSiblings) => saver.confirmOrSaveFrozenSubtrees(firstVersion, leftSiblings),
    write: (batch) => saver.save(batch),
    commit: () => saver.commit(),
  };
}

/** Rows, values and tree, behind a state. */
export function tailTarget(tail: TransactionTail): TransactionTarget {
  return {
    get nextVersion() {
      return tail.nextVersion;
    },
    // What it goes on from has been proven, or confirmed, when it was written.
    confirm: async () => undefined,
    write: (batch) => tail.append(batch),
    commit: () => tail.commit(),
  };
}
