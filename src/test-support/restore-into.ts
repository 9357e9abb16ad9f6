import { type BootstrapOptions, bootstrapDatabase, proveRestore } from '../restore/bootstrap-db.js';
import type { RestorePlan, RestoreRequest } from '../restore/plan.js';
import { type PreparedRestore, prepareRestore } from '../restore/prepare-restore.js';
import type { RestoreReport } from '../restore/restore-report.js';
import type { BackupStorage } from '../storage/backup-storage.js';
import { LocalFsStorage } from '../storage/local-fs.js';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';
import { parseWaypoint } from '../types/waypoint.js';

export interface RestoreIntoOptions extends RestoreRequest {
  readonly waypoint?: string | undefined;
  readonly commitEveryMs?: number;
  readonly writeBufferBytes?: number;
  readonly signal?: AbortSignal;
  readonly onStanding?: (words: string) => void;
  readonly progress?: BootstrapOptions['progress'];
  readonly onCommitPoint?: BootstrapOptions['onCommitPoint'];
}

const family = LEDGER_FAMILIES.aptos;

async function prepare(
  storage: BackupStorage,
  target: string | undefined,
  options: RestoreIntoOptions,
): Promise<PreparedRestore> {
  const { waypoint, signal, targetVersion, historyStartVersion, replayAll, skipEpochEndings } = options;
  return await prepareRestore({
    storage,
    family,
    signal,
    request: {
      targetVersion,
      historyStartVersion,
      replayAll: replayAll ?? false,
      skipEpochEndings: skipEpochEndings ?? false,
    },
    trustedWaypoints: waypoint === undefined ? [] : [parseWaypoint(waypoint)],
    target,
  });
}

function bootstrapOptions(
  storage: BackupStorage,
  plan: RestorePlan,
  { waypoint, commitEveryMs, signal, onStanding, onCommitPoint, progress }: RestoreIntoOptions,
): BootstrapOptions {
  return {
    storage,
    family,
    plan,
    trustedWaypoints: waypoint === undefined ? [] : [parseWaypoint(waypoint)],
    concurrency: 4,
    commitEveryMs,
    signal,
    onStanding,
    onCommitPoint,
    progress,
  };
}

/** Restores an archive into a folder, or goes on with it, as the command does. */
export async function restoreInto(
  directory: string,
  archive: string | BackupStorage,
  options: RestoreIntoOptions = {},
): Promise<RestoreReport> {
  const storage = typeof archive === 'string' ? new LocalFsStorage(archive) : archive;
  const { plan, target } = await prepare(storage, directory, options);
  const { writeBufferBytes } = options;
  return await bootstrapDatabase(bootstrapOptions(storage, plan, options), {
    directory,
    state: target ?? { kind: 'missing' },
    writeBufferBytes,
  });
}

/** The same as a dry run. */
export async function proveInto(archive: string, options: RestoreIntoOptions = {}): Promise<RestoreReport> {
  const storage = new LocalFsStorage(archive);
  const { plan } = await prepare(storage, undefined, options);
  return await proveRestore(bootstrapOptions(storage, plan, options));
}
