import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { BackupMetrics } from '../../backup/backup-metrics.js';
import { ContinuousBackup, type ContinuousEvent } from '../../backup/continuous-backup.js';
import { openBackup } from '../../backup/open-backup.js';
import { HoldfastError } from '../../errors/holdfast-error.js';
import { parseConcurrency, parseU64 } from '../argument-parsers.js';
import {
  addBackupOptions,
  type BackupFlags,
  backupOptions,
  openClient,
  openWritableStorage,
} from '../backup-options.js';
import { type Console, printLine, warn } from '../console.js';
import type { Dispatch } from '../dispatch.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { addMetricsOption, exposeMetrics, type MetricsFlag } from '../metrics-option.js';
import { backupReportJson, backupReportLines } from '../render-backup.js';
import { addStorageOptions, type StorageFlags } from '../storage-options.js';

interface ContinuousFlags extends BackupFlags, StorageFlags, MetricsFlag {
  readonly metadataCacheDir?: string;
  readonly concurrentDownloads: number;
  readonly stateSnapshotIntervalEpochs: bigint;
  readonly transactionBatchSize: bigint;
  readonly maxLag?: number;
}

function parsePositive(text: string): bigint {
  const value = parseU64(text);
  if (value === 0n) throw new InvalidArgumentError('It must be greater than 0.');
  return value;
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Such as `500ms`, `30s`, `5m` or `1h`; a bare number means seconds. Gives milliseconds. */
export function parseDuration(text: string): number {
  const [, digits = '', unit = 's'] = /^([0-9]{1,9})(ms|s|m|h)?$/.exec(text) ?? [];
  const milliseconds = Number(digits) * (UNITS_MS[unit] ?? 0);
  if (digits === '') throw new InvalidArgumentError('It must be a time such as 500ms, 30s, 5m or 1h.');
  return milliseconds;
}

async function backUpContinuously(flags: ContinuousFlags, { console }: Dispatch): Promise<ExitCode> {
  const metrics = new BackupMetrics();
  const stopMetrics = await exposeMetrics(metrics.registry, flags, console);
  const client = await openClient(flags);
  try {
    const storage = await openWritableStorage(flags, 'holdfast backup continuously', console);
    try {
      const context = await openBackup({
        storage,
        client,
        metrics,
        metadata: { cacheDir: flags.metadataCacheDir, concurrency: flags.concurrentDownloads },
        ...backupOptions(flags, console),
      });
      const backup = new ContinuousBackup(context, {
        stateSnapshotIntervalEpochs: flags.stateSnapshotIntervalEpochs,
        transactionBatchSize: flags.transactionBatchSize,
        maxLagMs: flags.maxLag,
        onEvent: (event) => tell(event, flags, console),
      });
      await backup.run(console.signal);
    } finally {
      await storage.close();
    }
  } finally {
    client.close();
    await stopMetrics();
  }
  printLine(console.stderr, 'stopped');
  return EXIT.ok;
}

function tell(event: ContinuousEvent, { json }: ContinuousFlags, console: Console): void {
  switch (event.kind) {
    case 'committed':
      for (const line of json ? [backupReportJson(event.report)] : backupReportLines(event.report)) {
        printLine(console.stdout, line);
      }
      return;
    case 'failed': {
      const { error, backup, retryInMs } = event;
      const code = error instanceof HoldfastError ? error.code : 'UNKNOWN';
      const message = `${backup} backup failed: ${messageOf(error)}; next try in ${retryInMs / 1000} s`;
      warn(console, code, message);
      return;
    }
    case 'skipped-state-snapshots': {
      const message = `no state snapshot was taken of epochs ${event.epochs.join(', ')}: they took too long`;
      warn(console, 'STATE_SNAPSHOTS_SKIPPED', message);
      return;
    }
    case 'node-unreachable':
      warn(console, 'NODE_UNREACHABLE', `the node did not say how far it is: ${messageOf(event.error)}`);
      return;
    case 'node-not-bootstrapped':
      warn(console, 'NODE_NOT_BOOTSTRAPPED', 'DB not bootstrapped.');
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `backup continuously`: follows a node until SIGINT or SIGTERM. */
export function addBackupContinuously(backup: Command, dispatch: Dispatch): void {
  const command = addBackupOptions(
    backup.command('continuously').description('follow a node and back up whatever it commits'),
  )
    .option('--metadata-cache-dir <DIR>', 'keep metadata files here between runs')
    .option('--concurrent-downloads <N>', 'files read side by side', parseConcurrency, availableParallelism())
    .addOption(
      new Option('--state-snapshot-interval-epochs <N>', 'epochs between two state snapshots')
        .argParser(parsePositive)
        .default(1n, '1'),
    )
    .addOption(
      new Option('--transaction-batch-size <N>', 'transactions of one backup')
        .argParser(parsePositive)
        .default(1_000_000n, '1000000'),
    )
    .option(
      '--max-lag <DURATION>',
      'back up a batch that is not full once its first version has waited this long, such as 5m',
      parseDuration,
    );
  addMetricsOption(addStorageOptions(command)).action((flags: ContinuousFlags) => {
    dispatch.run(() => backUpContinuously(flags, dispatch));
  });
}
