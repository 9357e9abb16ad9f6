import type { MetadataView } from '../archive/metadata-view.js';
import type { FileHandle } from '../storage/backup-storage.js';
import type { RestorePlan, RestoreRequest, SnapshotDetour } from './plan.js';
import { RestoreFindingError } from './restore-finding.js';
import { type BackupSelection, selectBackups } from './select-backups.js';

/** How to restore without each of the selected snapshots, by the metadata alone. */
export function snapshotDetours(
  view: MetadataView,
  request: RestoreRequest,
  selection: BackupSelection,
): SnapshotDetour[] {
  const { base, tree } = selection;
  const detours: SnapshotDetour[] = [];
  if (tree) {
    const { version, manifest } = tree.entry;
    const ways = [
      ...replayedPast(view, request, selection, version),
      ...endingBefore(view, request, version),
    ];
    detours.push({ manifest, ways });
  }
  if (base && base !== tree) {
    const { version, manifest } = base.entry;
    const later =
      tree && `no \`--ledger-history-start-version\`: the history begins with version ${tree.entry.version}`;
    const ways = [...begunEarlier(view, request, selection, version), ...(later ? [later] : [])];
    detours.push({ manifest, ways });
  }
  return detours.filter(({ ways }) => ways.length > 0);
}

/** To the same version, over an older snapshot or from nothing. */
function replayedPast(
  view: MetadataView,
  request: RestoreRequest,
  { version: end }: BackupSelection,
  avoided: bigint,
): string[] {
  const before = avoided - 1n;
  const asked = request.historyStartVersion;
  const historyStartVersion = asked !== undefined && asked < before ? asked : before;
  if (historyStartVersion < 0n) return [];
  const found = reached(view, { ...request, replayAll: true, historyStartVersion }, end);
  if (!found) return [];
  const from = found.base?.entry.version;
  const start = historyStartVersion === asked ? asked : (from ?? 0n);
  return [`\`--replay-all --ledger-history-start-version ${start}\` ${replaysFrom(from)} up to ${end}`];
}

/** The newest ledger that does not need it. */
function endingBefore(view: MetadataView, request: RestoreRequest, avoided: bigint): string[] {
  const targetVersion = avoided - 1n;
  if (targetVersion < 0n || !reached(view, { ...request, targetVersion }, targetVersion)) return [];
  return [`\`--target-version ${targetVersion}\` restores the ledger before it`];
}

/** With values from an older snapshot or from nothing, and a longer history. */
function begunEarlier(
  view: MetadataView,
  request: RestoreRequest,
  { version: end }: BackupSelection,
  avoided: bigint,
): string[] {
  const historyStartVersion = avoided - 1n;
  if (historyStartVersion < 0n) return [];
  const found = reached(view, { ...request, historyStartVersion }, end);
  if (!found) return [];
  const from = found.base?.entry.version;
  return [`\`--ledger-history-start-version ${from ?? 0n}\` ${replaysFrom(from)}`];
}

function replaysFrom(version: bigint | undefined): string {
  return version === undefined ? 'replays all from genesis on' : `replays from the snapshot of ${version} on`;
}

/** Undefined where the archive does not give all of what the request asks for. */
function reached(view: MetadataView, request: RestoreRequest, end: bigint): BackupSelection | undefined {
  const { selection, shortfall } = selectBackups(view, request);
  return selection?.version === end && !shortfall.beginsLater ? selection : undefined;
}

/** What else can be done about a damaged file; undefined where it belongs to no snapshot that can be spared. */
export function detourHint(
  detours: readonly SnapshotDetour[],
  file: FileHandle | undefined,
): string | undefined {
  if (file === undefined) return undefined;
  const detour = detours.find(({ manifest }) => {
    const folder = manifest.slice(0, manifest.lastIndexOf('/') + 1);
    return file === manifest || (folder !== '' && file.startsWith(folder));
  });
  return (
    detour && `Without a copy of it, go round this snapshot, into a new folder: ${detour.ways.join('; or ')}.`
  );
}

/** Runs a restore; damage to a snapshot ends it with the word how to do without that. */
export async function hintingDetours<Result>(
  { detours = [] }: RestorePlan,
  restore: () => Promise<Result>,
): Promise<Result> {
  try {
    return await restore();
  } catch (error) {
    if (!(error instanceof RestoreFindingError) || error.detour !== undefined) throw error;
    const { findings } = error;
    throw new RestoreFindingError(findings, detourHint(detours, findings[0].file));
  }
}
