import type { Command } from 'commander';
import { checkpointDatabase } from '../../aptosdb/commit/checkpoint.js';
import { truncateDatabase } from '../../aptosdb/commit/truncate.js';
import { AptosDatabaseFiles } from '../../aptosdb/driver/aptos-database-files.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { parseU64 } from '../argument-parsers.js';
import { type Console, printLine } from '../console.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Dispatch } from '../dispatch.js';
import { UsageError } from '../usage-error.js';

const DB_DIR = [
  '--db-dir <DIR>',
  'the folder that holds ledger_db, state_kv_db and state_merkle_db',
] as const;

interface TruncateFlags {
  readonly dbDir: string;
  readonly targetVersion: bigint;
  readonly backupCheckpointDir?: string;
  readonly optOutBackupCheckpoint?: boolean;
}

async function truncate(flags: TruncateFlags, { stdout }: Console): Promise<ExitCode> {
  const { dbDir, targetVersion, backupCheckpointDir: copy, optOutBackupCheckpoint: noCopy } = flags;
  if ((copy === undefined) === (noCopy !== true)) {
    throw new UsageError('exactly one of --backup-checkpoint-dir and --opt-out-backup-checkpoint is needed');
  }
  if (copy !== undefined) {
    await checkpointDatabase(dbDir, copy);
    printLine(stdout, `Copied the database to ${copy}.`);
  }
  await using database = await AptosDatabaseFiles.open(dbDir, { mode: 'write' });
  await truncateDatabase(database, ledgerHashers(LEDGER_FAMILIES.aptos), targetVersion);
  printLine(stdout, `The database ends at version ${targetVersion}.`);
  return EXIT.ok;
}

/** `debug truncate`: takes a database back to an earlier version. */
export function addDebugTruncate(debug: Command, dispatch: Dispatch): void {
  debug
    .command('truncate')
    .description('take a database back to an earlier version')
    .requiredOption(...DB_DIR)
    .requiredOption('--target-version <V>', 'the last version to keep', parseU64)
    .option('--ledger-db-batch-size <N>', 'accepted for compatibility: batches are cut by bytes', parseU64)
    .option('--backup-checkpoint-dir <DIR>', 'copy the database there first; must not exist')
    .option('--opt-out-backup-checkpoint', 'make no copy first')
    .action((flags: TruncateFlags) => dispatch.run(() => truncate(flags, dispatch.console)));
}

interface CheckpointFlags {
  readonly dbDir: string;
  readonly outputDir: string;
}

async function checkpoint({ dbDir, outputDir }: CheckpointFlags, { stdout }: Console): Promise<ExitCode> {
  await checkpointDatabase(dbDir, outputDir);
  printLine(stdout, `Copied the database to ${outputDir}.`);
  return EXIT.ok;
}

/** `debug checkpoint`: copies a database that nobody writes to, mostly by hard links. */
export function addDebugCheckpoint(debug: Command, dispatch: Dispatch): void {
  debug
    .command('checkpoint')
    .description('copy a database that no process has open, mostly by hard links')
    .requiredOption(...DB_DIR)
    .requiredOption('--output-dir <DIR>', 'where to; must not exist')
    .action((flags: CheckpointFlags) => dispatch.run(() => checkpoint(flags, dispatch.console)));
}
