import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { lastCommittedVersion } from '../../aptosdb/commit/committed-state.js';
import { commitGenesis } from '../../aptosdb/commit/genesis.js';
import { AptosDatabaseFiles } from '../../aptosdb/driver/aptos-database-files.js';
import { DatabaseError } from '../../aptosdb/driver/database-error.js';
import { genesisLedger } from '../../ledger/genesis.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { equalWaypoints, formatWaypoint, parseWaypoint, type Waypoint } from '../../types/waypoint.js';
import { printLine } from '../console.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { addLedgerFamilyOption, type LedgerFamilyFlag } from '../ledger-family-option.js';
import type { Dispatch } from '../dispatch.js';
import { UsageError } from '../usage-error.js';

interface BootstrapFlags extends LedgerFamilyFlag {
  readonly genesisTxnFile: string;
  readonly waypointToVerify?: Waypoint;
  readonly commit?: boolean;
}

function parseWaypointFlag(text: string): Waypoint {
  try {
    return parseWaypoint(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

async function readGenesisFile(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new UsageError(`cannot read the genesis file ${file}: ${(error as Error).message}`);
  }
}

/** Transactions in a database; a folder without a database has none. */
async function transactionCount(dbDir: string | undefined): Promise<bigint> {
  if (dbDir === undefined) return 0n;
  try {
    await using database = await AptosDatabaseFiles.open(dbDir, { mode: 'read' });
    const last = await lastCommittedVersion(database);
    return last === undefined ? 0n : last + 1n;
  } catch (error) {
    if (error instanceof DatabaseError && error.code === 'DB_MISSING') return 0n;
    throw error;
  }
}

async function bootstrap(
  dbDir: string | undefined,
  flags: BootstrapFlags,
  dispatch: Dispatch,
): Promise<ExitCode> {
  const { stdout, stderr } = dispatch.console;
  const { waypointToVerify: expected, commit } = flags;
  if (commit && (dbDir === undefined || expected === undefined)) {
    throw new UsageError('--commit needs DB_DIR and --waypoint-to-verify');
  }
  const hashers = ledgerHashers(LEDGER_FAMILIES[flags.ledgerFamily]);
  const transactionBytes = await readGenesisFile(flags.genesisTxnFile);
  const count = await transactionCount(dbDir);
  printLine(stdout, `Db has ${count} transactions`);
  if (count > 0n) {
    const what = `Trying to generate waypoint at version 0, but DB has ${count} transactions.`;
    printLine(stderr, `error: ${what}`);
    return EXIT.findings;
  }
  const { waypoint } = genesisLedger(hashers, transactionBytes);
  const text = formatWaypoint(waypoint);
  printLine(stdout, `Successfully calculated genesis. Got waypoint: ${text}`);
  if (!expected) return EXIT.ok;
  if (!equalWaypoints(expected, waypoint)) {
    const wanted = formatWaypoint(expected);
    printLine(stderr, `error: Waypoint verification failed. Expected ${wanted}, got ${text}.`);
    return EXIT.findings;
  }
  printLine(stdout, 'Waypoint verified.');
  if (!commit || dbDir === undefined) return EXIT.ok;
  await using database = await AptosDatabaseFiles.open(dbDir, { mode: 'create' });
  await commitGenesis(database, hashers, transactionBytes, expected);
  printLine(stdout, 'Successfully committed genesis.');
  return EXIT.ok;
}

/** `bootstrap`: the waypoint that a genesis transaction gives, and a database that begins with it. */
export function addBootstrap(program: Command, dispatch: Dispatch): void {
  const command = program
    .command('bootstrap')
    .description('apply a genesis transaction to an empty ledger, print its waypoint, and commit it if asked')
    .argument('[DB_DIR]', 'the database; without it the ledger is one in memory')
    .requiredOption('-g, --genesis-txn-file <FILE>', 'the BCS bytes of the genesis transaction')
    .option('-w, --waypoint-to-verify <WAYPOINT>', 'fail unless this is the waypoint', parseWaypointFlag)
    .option('--commit', 'write the ledger to DB_DIR, which must have no transactions');
  addLedgerFamilyOption(command).action((dbDir: string | undefined, flags: BootstrapFlags) => {
    dispatch.run(() => bootstrap(dbDir, flags, dispatch));
  });
}
