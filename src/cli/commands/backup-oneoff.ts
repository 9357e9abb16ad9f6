import type { Command } from 'commander';
import { backUpEpochEndings } from '../../backup/back-up-epoch-endings.js';
import { backUpStateSnapshot } from '../../backup/back-up-state-snapshot.js';
import { backUpTransactions } from '../../backup/back-up-transactions.js';
import type { BackupContext } from '../../backup/backup-context.js';
import type { BackupReport } from '../../backup/backup-report.js';
import { openBackup } from '../../backup/open-backup.js';
import { parseU64 } from '../argument-parsers.js';
import {
  addBackupOptions,
  type BackupFlags,
  backupOptions,
  openClient,
  openWritableStorage,
} from '../backup-options.js';
import { printLine } from '../console.js';
import type { Dispatch } from '../dispatch.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { progressLine } from '../progress-line.js';
import { backupReportJson, backupReportLines } from '../render-backup.js';
import { addStorageOptions, type StorageFlags } from '../storage-options.js';

interface OneoffFlags extends BackupFlags, StorageFlags {}

async function takeBackup(
  flags: OneoffFlags,
  { console }: Dispatch,
  what: string,
  backUp: (context: BackupContext) => Promise<BackupReport>,
): Promise<ExitCode> {
  const client = await openClient(flags);
  const line = await progressLine(console);
  let report: BackupReport;
  try {
    const storage = await openWritableStorage(flags, `holdfast backup oneoff ${what}`, console);
    try {
      const options = { ...backupOptions(flags, console), progress: line.listener };
      report = await backUp(await openBackup({ storage, client, ...options }));
    } finally {
      await storage.close();
    }
  } finally {
    line.finish();
    client.close();
  }
  const lines = flags.json ? [backupReportJson(report)] : backupReportLines(report);
  for (const text of lines) printLine(console.stdout, text);
  return EXIT.ok;
}

interface EpochEndingFlags extends OneoffFlags {
  readonly startEpoch: bigint;
  readonly endEpoch: bigint;
}

function addEpochEnding(oneoff: Command, dispatch: Dispatch): void {
  const command = oneoff
    .command('epoch-ending')
    .description('back up how some epochs ended')
    .requiredOption('--start-epoch <E>', 'first epoch', parseU64)
    .requiredOption('--end-epoch <E>', 'end of the epochs, exclusive', parseU64);
  addStorageOptions(command).action(() => {
    const flags = command.optsWithGlobals<EpochEndingFlags>();
    const { startEpoch, endEpoch } = flags;
    dispatch.run(() =>
      takeBackup(flags, dispatch, 'epoch-ending', (context) =>
        backUpEpochEndings(context, { startEpoch, endEpoch }),
      ),
    );
  });
}

interface StateSnapshotFlags extends OneoffFlags {
  readonly stateSnapshotEpoch: bigint;
}

function addStateSnapshot(oneoff: Command, dispatch: Dispatch): void {
  const command = oneoff
    .command('state-snapshot')
    .description('back up the state at the end of an epoch')
    .requiredOption('--state-snapshot-epoch <E>', 'the epoch', parseU64);
  addStorageOptions(command).action(() => {
    const flags = command.optsWithGlobals<StateSnapshotFlags>();
    dispatch.run(() =>
      takeBackup(flags, dispatch, 'state-snapshot', (context) =>
        backUpStateSnapshot(context, flags.stateSnapshotEpoch),
      ),
    );
  });
}

interface TransactionFlags extends OneoffFlags {
  readonly startVersion: bigint;
  readonly num_transactions: bigint;
}

function addTransaction(oneoff: Command, dispatch: Dispatch): void {
  const command = oneoff
    .command('transaction')
    .description('back up some transactions')
    .requiredOption('--start-version <V>', 'first version', parseU64)
    .requiredOption('--num_transactions <N>', 'how many', parseU64);
  addStorageOptions(command).action(() => {
    const flags = command.optsWithGlobals<TransactionFlags>();
    const range = { startVersion: flags.startVersion, count: flags.num_transactions };
    dispatch.run(() =>
      takeBackup(flags, dispatch, 'transaction', (context) => backUpTransactions(context, range)),
    );
  });
}

/** `backup oneoff`: one backup, proven before it is committed. */
export function addBackupOneoff(backup: Command, dispatch: Dispatch): void {
  const oneoff = addBackupOptions(
    backup.command('oneoff').description('take one backup from a backup service, and prove it on the way'),
  );
  addEpochEnding(oneoff, dispatch);
  addStateSnapshot(oneoff, dispatch);
  addTransaction(oneoff, dispatch);
}
