import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { saveMetadata } from '../archive/commit-backup.js';
import { HoldfastError } from '../errors/holdfast-error.js';
import { StorageError } from '../storage/storage-error.js';
import { TrustError } from '../trust/trust-error.js';
import { backUpEpochEndings } from './back-up-epoch-endings.js';
import { backUpStateSnapshot } from './back-up-state-snapshot.js';
import { backUpTransactions } from './back-up-transactions.js';
import type { BackupContext } from './backup-context.js';
import { BackupError, type BackupErrorCode } from './backup-error.js';
import type { BackupKind } from './backup-metrics.js';
import type { BackupReport } from './backup-report.js';
import { batchRange, type NodeState, nextSnapshotEpoch, skippedEpochs } from './coordinator-rules.js';
import { LatestValue } from './latest-value.js';
import { VersionWaits } from './version-waits.js';

/** What happens while backups are taken, for the log. */
export type ContinuousEvent =
  | { readonly kind: 'committed'; readonly backup: BackupKind; readonly report: BackupReport }
  | {
      readonly kind: 'failed';
      readonly backup: BackupKind;
      readonly error: unknown;
      readonly retryInMs: number;
    }
  | { readonly kind: 'skipped-state-snapshots'; readonly epochs: readonly bigint[] }
  | { readonly kind: 'node-unreachable'; readonly error: unknown }
  | { readonly kind: 'node-not-bootstrapped' };

/** When what is backed up. */
export interface ContinuousBackupOptions {
  /** At least 1. */
  readonly stateSnapshotIntervalEpochs: bigint;
  /** At least 1. */
  readonly transactionBatchSize: bigint;
  /** A version that has waited so long is backed up in a batch that is not full. */
  readonly maxLagMs?: number | undefined;
  /** How often the node is asked for its state. Default 1000. */
  readonly pollMs?: number;
  /** The pause after a failure; it doubles with each one in a row. Defaults 1000 and 60,000. */
  readonly firstPauseMs?: number;
  readonly pauseMsMax?: number;
  readonly onEvent?: (event: ContinuousEvent) => void;
}

const FATAL: ReadonlySet<BackupErrorCode> = new Set(['OTHER_CHAIN', 'ARCHIVE_ENDINGS_UNPROVEN']);

/**
 * Follows a node: endings of epochs as they end, a snapshot now and then, transactions in batches, by the
 * reference's rules (spec: backup-format.md, section 9). Snapshots and transactions see a state of the node
 * only when the endings of all epochs before it are in the archive.
 */
export class ContinuousBackup {
  readonly #context: BackupContext;
  readonly #options: ContinuousBackupOptions;
  readonly #onEvent: (event: ContinuousEvent) => void;
  readonly #waits = new VersionWaits();
  readonly #forEndings = new LatestValue<NodeState>();
  readonly #forSnapshots = new LatestValue<NodeState>();
  readonly #forTransactions = new LatestValue<NodeState>();
  #lastEpoch: bigint | undefined;
  #lastSnapshot: bigint | undefined;
  #lastVersion: bigint | undefined;

  constructor(context: BackupContext, options: ContinuousBackupOptions) {
    this.#context = context;
    this.#options = options;
    this.#onEvent = options.onEvent ?? (() => {});
    const state = context.committed.state;
    this.#lastEpoch = state.latestEpochEndingEpoch;
    this.#lastSnapshot = state.latestStateSnapshotEpoch;
    this.#lastVersion = state.latestTransactionVersion;
  }

  /**
   * Runs until the signal aborts, and then resolves once nothing is under way any more.
   * @throws what no retry can mend: BackupError OTHER_CHAIN, ARCHIVE_ENDINGS_UNPROVEN; StorageError
   *   WRITER_LOCK_LOST; mistakes of our own
   */
  async run(signal: AbortSignal): Promise<void> {
    const failure = new AbortController();
    const stop = AbortSignal.any([signal, failure.signal]);
    const context = { ...this.#context, signal: stop };
    await this.#writeIdentity(context);
    const work = [
      this.#watch(stop),
      this.#follow('epoch_ending', this.#forEndings, stop, (node) => this.#backUpEndings(context, node)),
      this.#follow('state_snapshot', this.#forSnapshots, stop, (node) => this.#backUpSnapshot(context, node)),
      this.#follow('transaction', this.#forTransactions, stop, (node) =>
        this.#backUpTransactions(context, node),
      ),
    ].map(async (task) => {
      try {
        await task;
      } catch (error) {
        if (!stop.aborted) failure.abort(error);
      }
    });
    await Promise.all(work);
    if (failure.signal.aborted && !signal.aborted) throw failure.signal.reason;
  }

  /** As the reference marks an archive that it begins. */
  async #writeIdentity({ storage, committed, signal }: BackupContext): Promise<void> {
    if (committed.fileCount > 0) return;
    const entry = { kind: 'Identity', id: new Uint8Array(randomBytes(32)) } as const;
    await saveMetadata(storage, { kind: 'identity' }, [entry], { after: [], signal });
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { chain, metrics } = this.#context;
    let isSameChain = false;
    for (;;) {
      try {
        const state = await chain.source.client.dbState({ signal });
        // Another node may answer once this one was away.
        if (!isSameChain) await chain.requireSameChain({ signal });
        isSameChain = true;
        metrics.heartbeat(Date.now() / 1000);
        if (!state) this.#onEvent({ kind: 'node-not-bootstrapped' });
        else {
          const node = { epoch: state.epoch, committedVersion: state.committed_version };
          this.#waits.seen(node.committedVersion, performance.now());
          this.#tellLag(node);
          this.#forEndings.publish(node);
        }
      } catch (error) {
        signal.throwIfAborted();
        if (isFatal(error)) throw error;
        isSameChain = false;
        this.#onEvent({ kind: 'node-unreachable', error });
      }
      await delay(this.#options.pollMs ?? 1000, undefined, { signal });
    }
  }

  #tellLag({ committedVersion }: NodeState): void {
    const behind = committedVersion - (this.#lastVersion ?? -1n);
    const waitedMs = this.#waits.waitedMs(this.#lastVersion, performance.now());
    this.#context.metrics.lag(behind > 0n ? behind : 0n, waitedMs / 1000);
  }

  /** Works on each new state of the node; a failure is told, and tried again after a pause. */
  async #follow(
    backup: BackupKind,
    channel: LatestValue<NodeState>,
    signal: AbortSignal,
    work: (node: NodeState) => Promise<void>,
  ): Promise<void> {
    const { metrics } = this.#context;
    const { firstPauseMs = 1000, pauseMsMax = 60_000 } = this.#options;
    let failures = 0;
    for (;;) {
      const node = await channel.next(signal);
      try {
        await work(node);
        failures = 0;
      } catch (error) {
        signal.throwIfAborted();
        metrics.failed(backup);
        if (isFatal(error)) throw error;
        const retryInMs = Math.min(pauseMsMax, firstPauseMs * 2 ** failures++);
        this.#onEvent({ kind: 'failed', backup, error, retryInMs });
        await delay(retryInMs, undefined, { signal });
      }
    }
  }

  async #backUpEndings(context: BackupContext, node: NodeState): Promise<void> {
    for (;;) {
      context.metrics.reached('epoch_ending', this.#lastEpoch);
      const [first, last] = batchRange(this.#lastEpoch, 1n);
      if (node.epoch <= last) break;
      const report = await backUpEpochEndings(context, { startEpoch: first, endEpoch: last + 1n });
      this.#lastEpoch = last;
      this.#tell('epoch_ending', report);
    }
    this.#forSnapshots.publish(node);
    this.#forTransactions.publish(node);
  }

  async #backUpSnapshot(context: BackupContext, node: NodeState): Promise<void> {
    const interval = this.#options.stateSnapshotIntervalEpochs;
    context.metrics.reached('state_snapshot', this.#lastSnapshot);
    const epoch = nextSnapshotEpoch(this.#lastSnapshot, node.epoch, interval);
    if (node.epoch <= epoch) return;
    const skipped = skippedEpochs(this.#lastSnapshot, epoch, interval);
    const report = await backUpStateSnapshot(context, epoch, skipped);
    this.#lastSnapshot = epoch;
    context.metrics.reached('state_snapshot', epoch);
    this.#tell('state_snapshot', report);
    if (skipped.length === 0) return;
    context.metrics.skippedSnapshots(skipped.length);
    this.#onEvent({ kind: 'skipped-state-snapshots', epochs: skipped });
  }

  async #backUpTransactions(context: BackupContext, node: NodeState): Promise<void> {
    for (;;) {
      context.metrics.reached('transaction', this.#lastVersion);
      this.#tellLag(node);
      const range = this.#nextVersions(node);
      if (!range) return;
      const [first, last] = range;
      const report = await backUpTransactions(context, { startVersion: first, count: last - first + 1n });
      this.#lastVersion = last;
      this.#tell('transaction', report);
    }
  }

  /** A full batch, or what has waited for too long. */
  #nextVersions({ committedVersion }: NodeState): readonly [bigint, bigint] | undefined {
    const { transactionBatchSize, maxLagMs } = this.#options;
    const [first, last] = batchRange(this.#lastVersion, transactionBatchSize);
    if (committedVersion >= last) return [first, last];
    if (maxLagMs === undefined || committedVersion < first) return undefined;
    const waitedMs = this.#waits.waitedMs(this.#lastVersion, performance.now());
    return waitedMs >= maxLagMs ? [first, committedVersion] : undefined;
  }

  #tell(backup: BackupKind, report: BackupReport): void {
    this.#context.metrics.committed(backup);
    this.#onEvent({ kind: 'committed', backup, report });
  }
}

function isFatal(error: unknown): boolean {
  if (!(error instanceof HoldfastError)) return true;
  if (error instanceof TrustError) return true;
  if (error instanceof BackupError) return FATAL.has(error.code);
  return error instanceof StorageError && error.code === 'WRITER_LOCK_LOST';
}
