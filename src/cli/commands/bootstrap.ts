import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { genesisLedger } from '../../ledger/genesis.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { equalWaypoints, formatWaypoint, parseWaypoint, type Waypoint } from '../../types/waypoint.js';
import { printLine } from '../console.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { addLedgerFamilyOption, type LedgerFamilyFlag } from '../ledger-family-option.js';
import type { Dispatch } from '../run.js';
import { UsageError } from '../usage-error.js';

interface BootstrapFlags extends LedgerFamilyFlag {
  readonly genesisTxnFile: string;
  readonly waypointToVerify?: Waypoint;
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

async function bootstrap(flags: BootstrapFlags, dispatch: Dispatch): Promise<ExitCode> {
  const { stdout, stderr } = dispatch.console;
  const hashers = ledgerHashers(LEDGER_FAMILIES[flags.ledgerFamily]);
  const { waypoint } = genesisLedger(hashers, await readGenesisFile(flags.genesisTxnFile));
  const text = formatWaypoint(waypoint);
  printLine(stdout, 'Db has 0 transactions');
  printLine(stdout, `Successfully calculated genesis. Got waypoint: ${text}`);
  if (!flags.waypointToVerify) return EXIT.ok;
  if (!equalWaypoints(flags.waypointToVerify, waypoint)) {
    const expected = formatWaypoint(flags.waypointToVerify);
    printLine(stderr, `error: Waypoint verification failed. Expected ${expected}, got ${text}.`);
    return EXIT.findings;
  }
  printLine(stdout, 'Waypoint verified.');
  return EXIT.ok;
}

/** `bootstrap`: the waypoint that a genesis transaction gives. */
export function addBootstrap(program: Command, dispatch: Dispatch): void {
  const command = program
    .command('bootstrap')
    .description('apply a genesis transaction to an empty ledger in memory and print its waypoint')
    .requiredOption('-g, --genesis-txn-file <FILE>', 'the BCS bytes of the genesis transaction')
    .option('-w, --waypoint-to-verify <WAYPOINT>', 'fail unless this is the waypoint', parseWaypointFlag);
  addLedgerFamilyOption(command).action((flags: BootstrapFlags) => {
    dispatch.run(() => bootstrap(flags, dispatch));
  });
}
