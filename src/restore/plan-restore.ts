import { openProvingPool } from '../proving/open-proving-pool.js';
import type { BackupStorage } from '../storage/backup-storage.js';
import { type LedgerFamily, ledgerHashers } from '../types/ledger-family.js';
import { formatWaypoint, type Waypoint } from '../types/waypoint.js';
import { toHex } from '../hashing/hash-value.js';
import type { MetadataView } from '../archive/metadata-view.js';
import type { Finding } from '../verify/finding.js';
import {
  EPOCH_ENDING_KIND,
  loadManifests,
  STATE_SNAPSHOT_KIND,
  TRANSACTION_KIND,
} from '../verify/manifests.js';
import { verifyMetadata } from '../verify/metadata.js';
import { findUnlistedBackups } from '../verify/unlisted-backups.js';
import { type ArchiveReading, emptyTally, verifyContextOf } from './archive-reading.js';
import type {
  PlanEstimate,
  PlanRemark,
  PlannedSnapshot,
  RemarkLevel,
  RestorePlan,
  RestoreRequest,
  RestoreSteps,
  SnapshotDetour,
  TargetSpace,
} from './plan.js';
import {
  type EpochEndingSelection,
  epochOfVersion,
  genesisWaypointOf,
  selectAllEpochEndings,
} from './plan-epochs.js';
import { estimateDatabase } from './plan-estimate.js';
import { epochRemarks, metadataRemarks, nothingRemark, shortfallRemarks } from './plan-remarks.js';
import { measureFiles, type PlannedManifests } from './plan-sizes.js';
import { stepsOf } from './plan-steps.js';
import { RestoreError } from './restore-error.js';
import type {
  ArchiveIdentity,
  IdentitySnapshot,
  RestoreArguments,
  RestoreChoice,
  RestoreIdentity,
} from './restore-identity.js';
import { type BackupSelection, type PinnedChoice, selectBackups, transactionRows } from './select-backups.js';
import { detourHint, snapshotDetours } from './snapshot-detours.js';
import { requireSameArchive } from './target.js';

/** What to plan, for which archive. */
export interface PlanOptions {
  readonly storage: BackupStorage;
  readonly family: LedgerFamily;
  /** Metadata files that are read side by side; 8 by default. */
  readonly concurrency?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly request: RestoreRequest;
  readonly trustedWaypoints: readonly Waypoint[];
  readonly metadataCacheDir?: string | undefined;
  /** Of an unfinished restore that is to be gone on with. */
  readonly unfinished?: RestoreIdentity | undefined;
  readonly space?: TargetSpace | undefined;
}

const NO_FILES = { files: 0, bytes: 0n, unknown: 0 } as const;

/**
 * Reads metadata and manifests, and says what a restore will do and give; nothing is written. Damage that
 * is found is a remark, not an error.
 * @throws StorageError when the metadata files cannot be listed; RestoreError RESTORE_ARCHIVE_CHANGED; the
 *   signal's reason
 */
export async function planRestore(options: PlanOptions): Promise<RestorePlan> {
  const { storage, family, concurrency = 8, signal } = options;
  // Plans hash nothing; what verifies manifests takes a pool all the same, and this one has no threads.
  await using pool = openProvingPool({ family, threads: 1 });
  const reading: ArchiveReading = {
    storage,
    hashers: ledgerHashers(family),
    pool,
    concurrency,
    signal,
    tally: emptyTally(),
  };
  return await planFrom(reading, options);
}

async function planFrom(reading: ArchiveReading, options: PlanOptions): Promise<RestorePlan> {
  const { request, unfinished } = options;
  const context = verifyContextOf(reading);
  const { view } = await verifyMetadata(context, options.metadataCacheDir);
  await findUnlistedBackups(context, view);
  const archiveIdentity = await archiveIdentityOf(reading, view);
  if (unfinished) requireSameArchive(unfinished, archiveIdentity);
  const pinned = unfinished && pinnedChoice(unfinished.choice);
  const { selection, shortfall } = selectBackups(view, request, pinned);
  if (unfinished) requireWhatWasChosen(unfinished.choice, selection);
  const archive = reading.storage.description;
  if (!selection) {
    const findings = metadataRemarks({
      request,
      steps: undefined,
      epoch: undefined,
      findings: context.findings.kept,
    });
    const sizes = {
      epochEndings: NO_FILES,
      snapshots: NO_FILES,
      transactions: NO_FILES,
      total: NO_FILES,
      basis: 'unknown',
    } as const;
    const remarks = byLevel([nothingRemark(view, request, shortfall), ...findings]);
    return { archive, request, endsEpoch: false, sizes, remarks, missingFiles: [] };
  }
  const endings = selectAllEpochEndings(view);
  const { manifests, damage } = await loadAll(reading, request, selection, endings);
  const steps = stepsOf({
    selection,
    firstVersion: pinned?.firstVersion,
    epochEndings: request.skipEpochEndings ? [] : endings.backups,
    snapshotManifests: new Map(manifests.snapshots.map(({ handle, manifest }) => [handle, manifest])),
  });
  const first = firstVersionOf(steps);
  const read = request.skipEpochEndings ? { ...manifests, epochEndings: [] } : manifests;
  const files = await measureFiles(reading.storage, read, { first, last: steps.version }, reading.signal);
  const estimate = estimateDatabase(steps, files);
  const detours = snapshotDetours(view, request, selection);
  const epoch = epochOfVersion(manifests.epochEndings, steps.version);
  const remarks = [
    ...shortfallRemarks(request, steps, shortfall),
    ...epochRemarks({ request, steps, endings, isAnchored: options.trustedWaypoints.length > 0 }),
    ...metadataRemarks({ request, steps, epoch, findings: context.findings.kept }),
    ...damage.map((finding) => damageRemark(finding, detours)),
    ...missingRemarks(files.missing, detours),
    ...spaceRemarks(estimate, options.space),
    ...grewRemarks(view, request, pinned, steps),
  ];
  const identity = identityOf(options, steps, archiveIdentity);
  if (unfinished) requireSameSnapshots(unfinished.choice, identity.choice);
  return {
    archive,
    request,
    steps,
    ...(epoch === undefined ? {} : { epoch: epoch.epoch }),
    endsEpoch: epoch?.ends ?? false,
    sizes: files.sizes,
    estimate,
    ...(options.space === undefined ? {} : { space: options.space }),
    remarks: byLevel(remarks),
    missingFiles: files.missing,
    detours,
    identity,
  };
}

/** The first version whose transaction is restored. */
export function firstVersionOf({ saved, replayed, tail }: RestoreSteps): bigint {
  return saved?.first ?? replayed?.first ?? tail?.first ?? 0n;
}

/** Reads the manifests of all that was selected; what is wrong with them is what a verification finds. */
async function loadAll(
  reading: ArchiveReading,
  request: RestoreRequest,
  { base, tree, transactions }: BackupSelection,
  endings: EpochEndingSelection,
): Promise<{ readonly manifests: PlannedManifests; readonly damage: readonly Finding[] }> {
  const context = verifyContextOf(reading);
  const snapshots = [base, tree].flatMap((snapshot) => snapshot ?? []);
  const manifests = {
    snapshots: await collect(loadManifests(context, STATE_SNAPSHOT_KIND, [...new Set(snapshots)])),
    transactions: await collect(loadManifests(context, TRANSACTION_KIND, transactions)),
  };
  // Without signatures they still tell which epoch it is, and which chain.
  const epochContext = request.skipEpochEndings ? verifyContextOf(reading) : context;
  const epochEndings = await collect(loadManifests(epochContext, EPOCH_ENDING_KIND, endings.backups));
  return { manifests: { ...manifests, epochEndings }, damage: context.findings.kept };
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function damageRemark(finding: Finding, detours: readonly SnapshotDetour[]): PlanRemark {
  const detour = detourHint(detours, finding.file);
  const hint = finding.hint ?? 'Restore the file from a copy.';
  return {
    code: 'BACKUP_DAMAGED',
    level: 'refusal',
    message: `${finding.code}: ${finding.message}${finding.file === undefined ? '' : ` (${finding.file})`}`,
    hint: detour === undefined ? hint : `${hint} ${detour}`,
    finding,
  };
}

function missingRemarks(missing: readonly string[], detours: readonly SnapshotDetour[]): PlanRemark[] {
  const message = 'a file that the restore needs does not exist';
  const hint = 'It was deleted or never became durable: restore it from a copy, or back the range up again.';
  return missing.map((file) => damageRemark({ code: 'FILE_MISSING', message, file, hint }, detours));
}

function spaceRemarks(estimate: PlanEstimate, space: TargetSpace | undefined): PlanRemark[] {
  if (!space) return [];
  const available = space.free + space.used;
  const hint = 'Make room, or choose a target on a larger disk.';
  if (estimate.bytesMin > available) {
    const message = `the database takes at least ${estimate.bytesMin} bytes, the disk has room for ${available}`;
    return [{ code: 'DISK_TOO_SMALL', level: 'refusal', message, hint }];
  }
  if (estimate.bytesPeak <= available) return [];
  const message = `the database may take ${estimate.bytesPeak} bytes on the way, the disk has room for ${available}`;
  return [{ code: 'DISK_MAYBE_TOO_SMALL', level: 'warning', message, hint }];
}

function grewRemarks(
  view: MetadataView,
  request: RestoreRequest,
  pinned: PinnedChoice | undefined,
  { version }: RestoreSteps,
): PlanRemark[] {
  const held = transactionRows(view).last;
  if (!pinned || request.targetVersion !== undefined || held === undefined || held <= version) return [];
  const message = `the archive goes up to version ${held} now; the unfinished restore ends with ${version}`;
  return [{ code: 'ARCHIVE_GREW', level: 'note', message }];
}

const LEVELS: readonly RemarkLevel[] = ['refusal', 'warning', 'note'];

function byLevel(remarks: readonly PlanRemark[]): PlanRemark[] {
  return LEVELS.flatMap((level) => remarks.filter((remark) => remark.level === level));
}

/** What a run asks for, in the form in which it is kept. */
export function argumentsOf(
  request: RestoreRequest,
  trustedWaypoints: readonly Waypoint[],
  family: LedgerFamily,
): RestoreArguments {
  const { targetVersion, historyStartVersion } = request;
  return {
    ...(targetVersion === undefined ? {} : { targetVersion: `${targetVersion}` }),
    ...(historyStartVersion === undefined ? {} : { historyStartVersion: `${historyStartVersion}` }),
    replayAll: request.replayAll ?? false,
    skipEpochEndings: request.skipEpochEndings ?? false,
    trustWaypoints: trustedWaypoints.map(formatWaypoint).sort(),
    ledgerFamily: family.name,
  };
}

/** Which chain and which archive it is, as far as it says so itself; nothing of it is proven here. */
async function archiveIdentityOf(reading: ArchiveReading, view: MetadataView): Promise<ArchiveIdentity> {
  const first = view.epochEndings.find(({ entry }) => entry.firstEpoch === 0n);
  // What is wrong with it is found where it is selected.
  const context = verifyContextOf(reading);
  const manifests = await collect(loadManifests(context, EPOCH_ENDING_KIND, first ? [first] : []));
  const genesisWaypoint = genesisWaypointOf(manifests);
  return {
    ids: view.identities.map(({ entry }) => toHex(entry.id)).sort(),
    ...(genesisWaypoint === undefined ? {} : { genesisWaypoint }),
    place: reading.storage.description,
  };
}

function identityOf(
  { family, request, trustedWaypoints }: PlanOptions,
  steps: RestoreSteps,
  archive: ArchiveIdentity,
): RestoreIdentity {
  const { kvSnapshot, treeSnapshot } = steps;
  const tree = treeSnapshot && identitySnapshot(treeSnapshot);
  // Replayed from nothing, the values have no base even where the tree has one.
  const base = kvSnapshot ? identitySnapshot(kvSnapshot) : steps.replayed ? undefined : tree;
  return {
    arguments: argumentsOf(request, trustedWaypoints, family),
    archive,
    choice: {
      version: `${steps.version}`,
      firstVersion: `${firstVersionOf(steps)}`,
      ...(base ? { base } : {}),
      ...(tree ? { tree } : {}),
    },
  };
}

function identitySnapshot({ version, rootHash }: PlannedSnapshot): IdentitySnapshot {
  return { version: `${version}`, rootHash: rootHash ?? '' };
}

function pinnedChoice({ version, firstVersion, base, tree }: RestoreChoice): PinnedChoice {
  return {
    version: BigInt(version),
    firstVersion: BigInt(firstVersion),
    ...(base ? { base: BigInt(base.version) } : {}),
    ...(tree ? { tree: BigInt(tree.version) } : {}),
  };
}

function requireWhatWasChosen(choice: RestoreChoice, selection: BackupSelection | undefined): void {
  if (selection === undefined || `${selection.version}` !== choice.version) {
    throw changed(`no longer holds all transactions from ${choice.firstVersion} to ${choice.version}`);
  }
  for (const [wanted, found] of [
    [choice.base, selection.base],
    [choice.tree, selection.tree],
  ] as const) {
    if (wanted && !found) throw changed(`no longer holds the state snapshot of version ${wanted.version}`);
  }
}

function requireSameSnapshots(before: RestoreChoice, now: RestoreChoice): void {
  for (const [wanted, found] of [
    [before.base, now.base],
    [before.tree, now.tree],
  ] as const) {
    // Empty where the manifest cannot be read, which is a refusal of its own.
    if (!wanted || !found || found.rootHash === '' || wanted.rootHash === found.rootHash) continue;
    throw changed(`holds another state snapshot of version ${wanted.version}: its root is another`);
  }
}

function changed(what: string): RestoreError {
  return new RestoreError('RESTORE_ARCHIVE_CHANGED', `the archive ${what}`, {
    hint: 'The unfinished restore builds upon it: bring it back, or start over in another folder.',
  });
}
