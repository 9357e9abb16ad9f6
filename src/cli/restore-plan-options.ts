import type { Command } from 'commander';
import type { RestoreRequest } from '../restore/plan.js';
import { type PreparedRestore, prepareRestore } from '../restore/prepare-restore.js';
import type { BackupStorage } from '../storage/backup-storage.js';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';
import { parseU64OrMax, U64_MAX } from './argument-parsers.js';
import type { Console } from './console.js';
import { addRestoreOptions, type RestoreFlags } from './restore-options.js';
import { targetSpace } from './target-space.js';

/** What the restore of a whole database takes. */
export interface RestorePlanFlags extends RestoreFlags {
  readonly metadataCacheDir?: string;
  readonly ledgerHistoryStartVersion?: bigint;
  readonly replayAll?: boolean;
  readonly skipEpochEndings?: boolean;
}

/** The flags of `restore bootstrap-db`, those of every restore among them. */
export function addRestorePlanOptions(command: Command): Command {
  return addRestoreOptions(
    command
      .option(
        '--metadata-cache-dir <DIR>',
        'keep metadata files here between runs; never share it between networks',
      )
      .option(
        '--ledger-history-start-version <V>',
        'restore the history of the state from here on (0: all); default: from the snapshot on',
        parseU64OrMax,
      )
      .option('--skip-epoch-endings', 'check no signature at all, and restore no epoch endings')
      .option(
        '--replay-all',
        'use no snapshot newer than the beginning of the history: replay all after it, comparing every root',
      ),
  );
}

export function requestOf(flags: RestorePlanFlags): RestoreRequest {
  const { targetVersion, ledgerHistoryStartVersion: historyStartVersion } = flags;
  return {
    targetVersion: targetVersion === U64_MAX ? undefined : targetVersion,
    historyStartVersion: historyStartVersion === U64_MAX ? undefined : historyStartVersion,
    replayAll: flags.replayAll ?? false,
    skipEpochEndings: flags.skipEpochEndings ?? false,
  };
}

/**
 * Looks at the archive and, where there is to be a database, at its place.
 * @param directory undefined for a dry run
 */
export async function prepareFromFlags(
  flags: RestorePlanFlags,
  storage: BackupStorage,
  directory: string | undefined,
  { signal }: Pick<Console, 'signal'>,
): Promise<PreparedRestore> {
  return await prepareRestore({
    storage,
    family: LEDGER_FAMILIES[flags.ledgerFamily],
    concurrency: flags.concurrentDownloads,
    signal,
    request: requestOf(flags),
    trustedWaypoints: flags.trustWaypoint,
    metadataCacheDir: flags.metadataCacheDir,
    target: directory,
    space: directory === undefined ? undefined : await targetSpace(directory),
  });
}
