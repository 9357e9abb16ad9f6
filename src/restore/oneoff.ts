import { loadMetadata } from '../archive/load-metadata.js';
import {
  loadEpochEndingManifest,
  loadStateSnapshotManifest,
  loadTransactionManifest,
} from '../archive/load-manifest.js';
import type { MetadataEntry } from '../archive/metadata-entry.js';
import { buildMetadataView, type MetadataView, type ViewEntry } from '../archive/metadata-view.js';
import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import { saveLedgerInfos } from '../aptosdb/restore/ledger-info-rows.js';
import type { SnapshotMode } from '../aptosdb/restore/snapshot-progress.js';
import { TransactionSaver } from '../aptosdb/restore/transaction-saver.js';
import { TransactionTail } from '../aptosdb/restore/transaction-tail.js';
import { NodeFileSystem } from '../durable-fs/node-file-system.js';
import { openProvingPool } from '../proving/open-proving-pool.js';
import type { BackupStorage, FileHandle } from '../storage/backup-storage.js';
import { ignoreProgress, type ProgressListener } from '../telemetry/progress.js';
import { TrustedWaypoints } from '../trust/trusted-waypoints.js';
import { type LedgerFamily, ledgerHashers } from '../types/ledger-family.js';
import { formatWaypoint, type Waypoint } from '../types/waypoint.js';
import type { Tally } from '../verify/context.js';
import { findingOf } from '../verify/findings.js';
import { emptyTally } from './archive-reading.js';
import { OneoffHistory } from './oneoff-history.js';
import type { PlannedRange } from './plan.js';
import { provenEpochEndings } from './proven-epoch-endings.js';
import { SnapshotReader } from './proven-state-chunks.js';
import { RestoreError } from './restore-error.js';
import type { RestoreMetrics } from './restore-metrics.js';
import { RestoreFindingError } from './restore-finding.js';
import { loadJournal } from './restore-journal.js';
import { COMMIT_EVERY_MS, type RestoreRun } from './restore-run.js';
import { proveStateSnapshot, restoreStateSnapshot } from './restore-state-snapshot.js';
import { savingTarget, tailTarget } from './restore-steps.js';
import { proveTransactions, restoreTransactions } from './restore-transactions.js';
import { TransactionReader } from './transaction-reader.js';

/** How one backup is restored, and into which database. */
export interface OneoffOptions {
  readonly storage: BackupStorage;
  readonly family: LedgerFamily;
  /** The database, which is written in place; undefined: everything is proven and nothing is written. */
  readonly databaseDirectory?: string | undefined;
  /** Nothing newer is restored. */
  readonly targetVersion?: bigint | undefined;
  readonly trustedWaypoints?: readonly Waypoint[];
  /** Checks no signature. */
  readonly skipEpochEndings?: boolean;
  /** Where copies of metadata files are kept between runs. */
  readonly metadataCacheDir?: string | undefined;
  /** Chunks that are read side by side; 2 by default. */
  readonly concurrency?: number;
  /** Threads that check and hash; 1 by default, the calling thread alone. */
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ProgressListener | undefined;
  /** Between commit points; 10 s by default. */
  readonly commitEveryMs?: number | undefined;
  /** Told what was written or, in a dry run, proven. */
  readonly metrics?: RestoreMetrics | undefined;
}

/** What a one-off restore did. The JSON form has these names; integers are exact. */
export interface OneoffReport {
  /** `nothing-to-do`: all of it is newer than the target, or is there already. */
  readonly outcome: 'restored' | 'proven' | 'nothing-to-do';
  /** In words. */
  readonly what: string;
  /** What the signatures were held against, or why they were not. */
  readonly signatures: string;
  readonly signaturesChecked: boolean;
  readonly read: Tally;
  readonly elapsedMs: number;
}

/** Which versions get values, and how: from `fromVersion` on. */
export interface ReplayOptions {
  readonly fromVersion: bigint;
  /** Values alone; otherwise the tree as well. */
  readonly kvOnly: boolean;
}

type Outcome = Pick<OneoffReport, 'outcome' | 'what'>;

const U64_MAX = 2n ** 64n - 1n;
const CONCURRENCY = 2;

/**
 * Restores the ledger infos that end the epochs of one backup.
 * @param manifest the handle of its manifest
 * @throws RestoreError RESTORE_TARGET_OTHER_RESTORE, RestoreFindingError; StorageError, DatabaseError; the
 *   signal's reason
 */
export function restoreEpochEnding(options: OneoffOptions, manifest: FileHandle): Promise<OneoffReport> {
  return oneoff(options, async (work) => {
    const entry = await work.epochEndingEntry(manifest);
    const { firstEpoch, lastEpoch } = entry.entry;
    const { run, waypoints, target } = work;
    // With the chain before them, where there is one; judging an ending twice does no harm.
    const history = work.history ?? new OneoffHistory(run.hashers, waypoints);
    const { endings, unanchored } = await provenEpochEndings(run, waypoints, [entry], run.progress, {
      history,
      allowUnanchored: true,
    });
    for (const range of unanchored) work.addUnchecked(range);
    const signed = endings.filter(({ value }) => value.ledger_info.commit_info.version <= target);
    if (work.isDryRun) run.metrics?.verified.epochEndings(endings);
    const what = `endings of epochs ${firstEpoch} to ${lastEpoch}`;
    if (signed.length === 0) return { outcome: 'nothing-to-do', what: `${what} are newer than the target` };
    return await work.write(what, async (database) => {
      await saveLedgerInfos(database, signed, target);
      run.metrics?.epochEndings(signed);
    });
  });
}

/**
 * Restores one snapshot, into whatever version.
 * @throws SnapshotRestoreError, and what `restoreEpochEnding` throws
 */
export function restoreSnapshot(
  options: OneoffOptions,
  manifest: FileHandle,
  { intoVersion, mode }: { readonly intoVersion: bigint; readonly mode: SnapshotMode },
): Promise<OneoffReport> {
  return oneoff(options, async ({ run, history, target, ...work }) => {
    const entry = await work.stateSnapshotEntry(manifest);
    const { version } = entry.entry;
    const what = `the state of version ${version}`;
    if (version > target) return { outcome: 'nothing-to-do', what: `${what} is newer than the target` };
    const snapshot = await SnapshotReader.open(run, history, entry);
    const stage = `state of version ${version}`;
    if (work.isDryRun) {
      await proveStateSnapshot(run, snapshot, stage);
      return { outcome: 'proven', what };
    }
    const into = intoVersion === version ? '' : ` as version ${intoVersion}`;
    return await work.write(`${what}${into} (${mode})`, async (database) => {
      const job = { snapshot, version: intoVersion, mode, stage, save: async () => undefined };
      await restoreStateSnapshot(run, database, job);
    });
  });
}

/**
 * Restores the transactions of one backup, up to the target version.
 * @param replay undefined: rows alone; write sets are not applied
 * @throws CommitError, and what `restoreEpochEnding` throws
 */
export function restoreTransactionBackup(
  options: OneoffOptions,
  manifest: FileHandle,
  replay: ReplayOptions | undefined,
): Promise<OneoffReport> {
  return oneoff(options, async ({ run, history, target, ...work }) => {
    const entry = await work.transactionEntry(manifest);
    const { firstVersion: first, lastVersion } = entry.entry;
    const last = lastVersion < target ? lastVersion : target;
    const what = `transactions ${first} to ${last}`;
    if (first > last) return { outcome: 'nothing-to-do', what: `${what} are newer than the target` };
    const source = { backups: [entry], history };
    const stage = 'transactions';
    if (work.isDryRun) {
      await proveTransactions(run, source, { range: { first, last }, stage });
      return { outcome: 'proven', what };
    }
    return await work.write(what, async (database) => {
      const { hashers } = run;
      const treeFrom = replay && !replay.kvOnly ? replay.fromVersion : U64_MAX;
      const replayFrom = replay?.kvOnly ? replay.fromVersion : undefined;
      const saved = { first, last: last < treeFrom ? last : treeFrom - 1n };
      await using reader = new TransactionReader(run, source, last);
      const saver = await TransactionSaver.open(database, hashers, { replayFrom });
      await restoreTransactions(run, savingTarget(saver), reader, { range: saved, stage, replayFrom });
      if (last < treeFrom) return;
      const tail = await TransactionTail.open(database, hashers);
      const range = { first: first > treeFrom ? first : treeFrom, last };
      const job = { range, stage, replayFrom: range.first };
      await restoreTransactions(run, tailTarget(tail), reader, job);
      await tail.finish();
    });
  });
}

/** What each kind of one-off restore works with. */
interface OneoffWork {
  readonly run: RestoreRun;
  readonly waypoints: TrustedWaypoints;
  /** Undefined where no signature is checked. */
  readonly history: OneoffHistory | undefined;
  readonly target: bigint;
  readonly isDryRun: boolean;
  addUnchecked(epochs: PlannedRange): void;
  write(what: string, work: (database: AptosDatabaseFiles) => Promise<void>): Promise<Outcome>;
  epochEndingEntry(manifest: FileHandle): Promise<MetadataView['epochEndings'][number]>;
  stateSnapshotEntry(manifest: FileHandle): Promise<MetadataView['stateSnapshots'][number]>;
  transactionEntry(manifest: FileHandle): Promise<MetadataView['transactions'][number]>;
}

async function oneoff(
  options: OneoffOptions,
  work: (work: OneoffWork) => Promise<Outcome>,
): Promise<OneoffReport> {
  const startedAt = performance.now();
  const { storage, family, databaseDirectory, signal } = options;
  const hashers = ledgerHashers(family);
  await using pool = openProvingPool({ family, threads: options.threads ?? 1 });
  const run: RestoreRun = {
    storage,
    hashers,
    pool,
    concurrency: options.concurrency ?? CONCURRENCY,
    tally: emptyTally(),
    signal,
    progress: options.progress ?? ignoreProgress,
    commitEveryMs: options.commitEveryMs ?? COMMIT_EVERY_MS,
    metrics: options.metrics,
  };
  if (databaseDirectory !== undefined) await requireNoBootstrap(databaseDirectory);
  const view = await loadView(options);
  const waypoints = new TrustedWaypoints(options.trustedWaypoints ?? []);
  const chain = options.skipEpochEndings ? [] : unbrokenEndings(view);
  const history = chain.length === 0 ? undefined : new OneoffHistory(hashers, waypoints);
  if (history) await provenEpochEndings(run, waypoints, chain, run.progress, { history });
  const unchecked: PlannedRange[] = [];
  const outcome = await work({
    run,
    waypoints,
    history,
    target: options.targetVersion ?? U64_MAX,
    isDryRun: databaseDirectory === undefined,
    addUnchecked: (epochs) => unchecked.push(epochs),
    write: async (what, write) => {
      if (databaseDirectory === undefined) return { outcome: 'proven', what };
      await using database = await AptosDatabaseFiles.open(databaseDirectory, { mode: 'create' });
      await write(database);
      return { outcome: 'restored', what };
    },
    epochEndingEntry: (manifest) =>
      entryOf(view.epochEndings, manifest, async () => {
        const loaded = await loadEpochEndingManifest(storage, manifest, { signal });
        const { firstEpoch, lastEpoch, waypoints: texts } = loaded;
        const versionOf = (text = '0:'): bigint => BigInt(text.split(':')[0] ?? 0);
        const [firstVersion, lastVersion] = [versionOf(texts[0]), versionOf(texts.at(-1))];
        return { kind: 'EpochEndingBackup', firstEpoch, lastEpoch, firstVersion, lastVersion, manifest };
      }),
    stateSnapshotEntry: (manifest) =>
      entryOf(view.stateSnapshots, manifest, async () => {
        const { epoch, version } = await loadStateSnapshotManifest(storage, manifest, { signal });
        return { kind: 'StateSnapshotBackup', epoch, version, manifest };
      }),
    transactionEntry: (manifest) =>
      entryOf(view.transactions, manifest, async () => {
        const { firstVersion, lastVersion } = await loadTransactionManifest(storage, manifest, { signal });
        return { kind: 'TransactionBackup', firstVersion, lastVersion, manifest };
      }),
  });
  return {
    ...outcome,
    ...signaturesInWords(options, history, [
      ...unchecked.map(({ first, last }) => (first === last ? `${first}` : `${first} to ${last}`)),
      ...(history?.uncheckedEpochs ?? []),
    ]),
    read: run.tally,
    elapsedMs: Math.round(performance.now() - startedAt),
  };
}

/** Where a restore of a whole database is under way, its place must stay free. */
async function requireNoBootstrap(directory: string): Promise<void> {
  if ((await loadJournal(new NodeFileSystem(directory))) === undefined) return;
  throw new RestoreError(
    'RESTORE_TARGET_OTHER_RESTORE',
    `a restore of a whole database is under way in ${directory}`,
    { hint: 'Finish it by the same command, or choose another folder.' },
  );
}

/** A one-off restore names its manifest; what else the metadata say is used as far as it can be read. */
async function loadView({ storage, metadataCacheDir, signal }: OneoffOptions): Promise<MetadataView> {
  const { entries } = await loadMetadata(storage, { cacheDir: metadataCacheDir, signal });
  return buildMetadataView(entries);
}

/** From epoch 0 on, up to the first gap. */
function unbrokenEndings({ epochEndings }: MetadataView): MetadataView['epochEndings'] {
  let next = 0n;
  return epochEndings.filter(({ entry }) => {
    if (entry.firstEpoch !== next) return false;
    next = entry.lastEpoch + 1n;
    return true;
  });
}

/** The entry that names the manifest; one that no metadata name is taken at its own word. */
async function entryOf<Entry extends MetadataEntry & { readonly manifest: FileHandle }>(
  entries: readonly ViewEntry<Entry>[],
  manifest: FileHandle,
  load: () => Promise<Entry>,
): Promise<ViewEntry<Entry>> {
  const found = entries.find(({ entry }) => entry.manifest === manifest);
  if (found) return found;
  try {
    return { entry: await load(), handle: manifest, line: 1, repeated: [] };
  } catch (error) {
    throw new RestoreFindingError([findingOf(error, { file: manifest })]);
  }
}

function signaturesInWords(
  { skipEpochEndings, trustedWaypoints = [] }: OneoffOptions,
  history: OneoffHistory | undefined,
  unchecked: readonly (bigint | string)[],
): Pick<OneoffReport, 'signatures' | 'signaturesChecked'> {
  const not = (why: string) => ({ signatures: `not checked: ${why}`, signaturesChecked: false });
  if (skipEpochEndings) return not('epoch endings were skipped');
  if (!history) return not('the archive has no epoch endings from epoch 0 on');
  if (unchecked.length > 0) {
    return not(`the archive's epoch endings say nothing of the signers of epoch ${unchecked.join(', ')}`);
  }
  const { rootWaypoint } = history;
  const root = rootWaypoint ? formatWaypoint(rootWaypoint) : 'none';
  const by = trustedWaypoints.length > 0 ? 'a trusted waypoint' : "the archive's own beginning";
  return {
    signatures: `checked against the archive's epoch endings, from ${root}, ${by}`,
    signaturesChecked: true,
  };
}
