import { type Command, InvalidArgumentError, Option } from 'commander';
import type { SnapshotMode } from '../../aptosdb/restore/snapshot-progress.js';
import {
  type OneoffOptions,
  type OneoffReport,
  restoreEpochEnding,
  restoreSnapshot,
  restoreTransactionBackup,
} from '../../restore/oneoff.js';
import { LEDGER_FAMILIES } from '../../types/ledger-family.js';
import { parseU64 } from '../argument-parsers.js';
import { printLine } from '../console.js';
import type { Dispatch } from '../dispatch.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { withMetrics } from '../metrics-option.js';
import { progressLine } from '../progress-line.js';
import { oneoffReportLines, restoreReportJson } from '../render-restore.js';
import {
  addRestoreOptions,
  loadRestoreMetrics,
  type RestoreFlags,
  targetOf,
  warnOfFlags,
} from '../restore-options.js';
import { openStorage } from '../storage-options.js';
import { UsageError } from '../usage-error.js';

async function restoreOneoff(
  flags: RestoreFlags,
  { console }: Dispatch,
  restore: (options: OneoffOptions) => Promise<OneoffReport>,
): Promise<ExitCode> {
  warnOfFlags(flags, console);
  const databaseDirectory = targetOf(flags);
  const report = await withMetrics(flags, console, loadRestoreMetrics, async (metrics) => {
    const storage = await openStorage(flags);
    const line = await progressLine(console);
    try {
      return await restore({
        storage,
        family: LEDGER_FAMILIES[flags.ledgerFamily],
        databaseDirectory,
        targetVersion: flags.targetVersion,
        trustedWaypoints: flags.trustWaypoint,
        concurrency: flags.concurrentDownloads,
        threads: flags.threads,
        signal: console.signal,
        progress: line.listener,
        metrics,
      });
    } finally {
      line.finish();
      await storage.close();
    }
  });
  const lines = flags.json ? [restoreReportJson(report)] : oneoffReportLines(report);
  for (const text of lines) printLine(console.stdout, text);
  return EXIT.ok;
}

const HANDLE = 'the handle of its manifest, as metadata name it';

interface EpochEndingFlags extends RestoreFlags {
  readonly epochEndingManifest: string;
}

function addEpochEnding(oneoff: Command, dispatch: Dispatch): void {
  const command = oneoff
    .command('epoch-ending')
    .description('restore the ledger infos that end some epochs')
    .requiredOption('--epoch-ending-manifest <HANDLE>', HANDLE);
  addRestoreOptions(command).action((flags: EpochEndingFlags) => {
    const { epochEndingManifest } = flags;
    dispatch.run(() =>
      restoreOneoff(flags, dispatch, (options) => restoreEpochEnding(options, epochEndingManifest)),
    );
  });
}

interface StateSnapshotFlags extends RestoreFlags {
  readonly stateManifest: string;
  readonly stateIntoVersion: bigint;
  readonly restoreMode: SnapshotMode;
}

const MODES: readonly string[] = ['default', 'kv_only', 'tree_only'] satisfies readonly SnapshotMode[];

function parseMode(text: string): SnapshotMode {
  if (!MODES.includes(text)) {
    throw new InvalidArgumentError(
      `Invalid state snapshot restore mode: ${text}. One of ${MODES.join(', ')}.`,
    );
  }
  return text as SnapshotMode;
}

function addStateSnapshot(oneoff: Command, dispatch: Dispatch): void {
  const command = oneoff
    .command('state-snapshot')
    .description('restore the state at one version')
    .requiredOption('--state-manifest <HANDLE>', HANDLE)
    .requiredOption('--state-into-version <V>', 'the version that the rows are written for', parseU64)
    .addOption(
      new Option('--restore-mode <MODE>', 'default: values and tree; kv_only; tree_only')
        .argParser(parseMode)
        .makeOptionMandatory(),
    )
    .option('--validate-modules', 'accepted; the Move bytecode verifier is not part of this tool');
  addRestoreOptions(command).action((flags: StateSnapshotFlags) => {
    const { stateManifest, stateIntoVersion: intoVersion, restoreMode: mode } = flags;
    dispatch.run(() =>
      restoreOneoff(flags, dispatch, (options) =>
        restoreSnapshot(options, stateManifest, { intoVersion, mode }),
      ),
    );
  });
}

interface TransactionFlags extends RestoreFlags {
  readonly transactionManifest: string;
  readonly replayTransactionsFromVersion?: bigint;
  readonly kvOnlyReplay?: boolean;
}

function parseBoolean(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new InvalidArgumentError('It must be true or false.');
}

function addTransaction(oneoff: Command, dispatch: Dispatch): void {
  const command = oneoff
    .command('transaction')
    .description('restore some transactions')
    .requiredOption('--transaction-manifest <HANDLE>', HANDLE)
    .option(
      '--replay-transactions-from-version <V>',
      'from this version on, apply write sets to the state, which must be there',
      parseU64,
    )
    .option('--kv-only-replay <BOOL>', 'true: values alone; false: the state tree as well', parseBoolean);
  addRestoreOptions(command).action((flags: TransactionFlags) => {
    const { transactionManifest, replayTransactionsFromVersion: fromVersion, kvOnlyReplay: kvOnly } = flags;
    if ((fromVersion === undefined) !== (kvOnly === undefined)) {
      throw new UsageError('--replay-transactions-from-version and --kv-only-replay go together');
    }
    const replay = fromVersion === undefined ? undefined : { fromVersion, kvOnly: kvOnly ?? false };
    dispatch.run(() =>
      restoreOneoff(flags, dispatch, (options) =>
        restoreTransactionBackup(options, transactionManifest, replay),
      ),
    );
  });
}

/** `restore oneoff`: one backup into a database, in place. */
export function addRestoreOneoff(restore: Command, dispatch: Dispatch): void {
  const oneoff = restore
    .command('oneoff')
    .description('restore one backup into a database, in place, and prove it on the way');
  addEpochEnding(oneoff, dispatch);
  addStateSnapshot(oneoff, dispatch);
  addTransaction(oneoff, dispatch);
}
