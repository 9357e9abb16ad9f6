import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import type { Waypoint } from '../types/waypoint.js';
import { collectWaypoints, parseConcurrency, parseU64, parseU64OrMax, U64_MAX } from './argument-parsers.js';
import { type Console, printLine } from './console.js';
import type { RestoreMetrics } from '../restore/restore-metrics.js';
import { addLedgerFamilyOption, type LedgerFamilyFlag } from './ledger-family-option.js';
import { addMetricsOption, type MetricsFlag } from './metrics-option.js';
import { addStorageOptions, type StorageFlags } from './storage-options.js';
import { addThreadsOption, type ThreadsFlag } from './threads-option.js';
import { UsageError } from './usage-error.js';

/** What all restores take. */
export interface RestoreFlags extends StorageFlags, LedgerFamilyFlag, ThreadsFlag, MetricsFlag {
  readonly dryRun?: boolean;
  readonly targetDbDir?: string;
  readonly targetVersion: bigint;
  readonly enableStateIndices?: boolean;
  readonly trustWaypoint: readonly Waypoint[];
  readonly concurrentDownloads: number;
  readonly replayConcurrencyLevel?: bigint;
  readonly json?: boolean;
}

/** Tuning of the reference's RocksDB, which it hides from its own help; taken, and without a meaning here. */
const REFERENCE_TUNING = [
  'ledger-db-max-open-files',
  'state-merkle-db-max-open-files',
  'state-kv-db-max-open-files',
  'index-db-max-open-files',
  'ledger-db-max-total-wal-size',
  'state-merkle-db-max-total-wal-size',
  'state-kv-db-max-total-wal-size',
  'index-db-max-total-wal-size',
  'max-background-jobs',
  'block-cache-size',
] as const;

/** The reference's flags of every restore, and ours; those that ask where to read from among them. */
export function addRestoreOptions(command: Command): Command {
  addStorageOptions(command)
    .addOption(
      new Option('--dry-run', 'read and prove everything, and write nothing').conflicts('targetDbDir'),
    )
    .option('--target-db-dir <DIR>', 'the folder of the database: it is to hold ledger_db and the others')
    .addOption(
      new Option('--target-version <V>', 'restore nothing newer')
        .argParser(parseU64OrMax)
        .default(U64_MAX, 'no limit'),
    )
    .option(
      '--trust-waypoint <VERSION:HASH>',
      'a waypoint that you vouch for (repeatable); without one the archive vouches for itself',
      collectWaypoints,
      [],
    )
    .option('--concurrent-downloads <N>', 'files read side by side', parseConcurrency, availableParallelism())
    .option('--enable-state-indices', 'accepted; there are no state indices here')
    .addOption(
      new Option('--replay-concurrency-level <N>', 'accepted; write sets are applied, nothing is executed')
        .argParser(parseU64)
        .hideHelp(),
    )
    .option('--json', 'print JSON');
  for (const name of REFERENCE_TUNING) {
    command.addOption(new Option(`--${name} <N>`).argParser(parseU64).hideHelp());
  }
  command.addOption(new Option('--enable-storage-sharding').hideHelp());
  return addLedgerFamilyOption(addMetricsOption(addThreadsOption(command)));
}

/** Metrics of a restore, which take a while to load. */
export async function loadRestoreMetrics(): Promise<RestoreMetrics> {
  return new (await import('../restore/restore-metrics.js')).RestoreMetrics();
}

/** The database's folder, or undefined for a dry run. @throws UsageError */
export function targetOf({ dryRun, targetDbDir }: RestoreFlags): string | undefined {
  if (dryRun) return undefined;
  if (targetDbDir !== undefined) return targetDbDir;
  throw new UsageError('--target-db-dir is required, unless it is a --dry-run');
}

/** Says what was asked for and is not done. */
export function warnOfFlags({ enableStateIndices }: RestoreFlags, { stderr }: Console): void {
  if (enableStateIndices) printLine(stderr, 'warning: --enable-state-indices has no effect here');
}
