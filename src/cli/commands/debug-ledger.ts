import { type Command, InvalidArgumentError } from 'commander';
import { AptosDatabaseFiles } from '../../aptosdb/driver/aptos-database-files.js';
import { proveRangeInEveryEpoch, wrongTransactionInfoHashes } from '../../aptosdb/read/ledger-checks.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { parseU64 } from '../argument-parsers.js';
import { type Console, printLine } from '../console.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Dispatch } from '../dispatch.js';

/** A range proof holds all its leaf hashes in memory: 32 bytes each. */
const VERSIONS_MAX = 100_000_000n;

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);

interface DbFlags {
  readonly dbDir: string;
}

function parseVersionCount(text: string): number {
  const count = parseU64(text);
  if (count < 1n || count > VERSIONS_MAX) {
    throw new InvalidArgumentError(`It must be from 1 to ${VERSIONS_MAX}.`);
  }
  return Number(count);
}

async function checkRangeProof(
  start: bigint,
  count: number,
  { dbDir }: DbFlags,
  { stdout }: Console,
): Promise<ExitCode> {
  await using database = await AptosDatabaseFiles.open(dbDir, { mode: 'read' });
  let proven = 0;
  for await (const { epoch, version } of proveRangeInEveryEpoch(database, hashers, start, count)) {
    proven++;
    printLine(stdout, `proven towards the ledger info of epoch ${epoch} at version ${version}`);
  }
  if (proven > 0) return EXIT.ok;
  printLine(stdout, 'no ledger info covers these versions');
  return EXIT.findings;
}

async function checkInfoHashes(
  start: bigint,
  count: number,
  { dbDir }: DbFlags,
  { stdout }: Console,
): Promise<ExitCode> {
  await using database = await AptosDatabaseFiles.open(dbDir, { mode: 'read' });
  let wrong = 0;
  for await (const leaf of wrongTransactionInfoHashes(database, hashers, start, count)) {
    wrong++;
    const stored = leaf.stored ?? 'missing';
    printLine(stdout, `version ${leaf.version}: info hashes to ${leaf.expected}, leaf is ${stored}`);
  }
  printLine(stdout, `${count} versions checked, ${wrong} wrong`);
  return wrong === 0 ? EXIT.ok : EXIT.findings;
}

/** `debug ledger`: whether infos, accumulator and ledger infos agree. */
export function addDebugLedger(debug: Command, dispatch: Dispatch): void {
  const ledger = debug.command('ledger').description('check the transaction accumulator of a database');
  const dbDir = [
    '--db-dir <DIR>',
    'the folder that holds ledger_db, state_kv_db and state_merkle_db',
  ] as const;
  ledger
    .command('check-range-proof')
    .description('prove versions towards every ledger info behind them')
    .argument('<START_VERSION>', 'the first version', parseU64)
    .argument('<NUM_VERSIONS>', 'how many', parseVersionCount)
    .requiredOption(...dbDir)
    .action((start: bigint, count: number, flags: DbFlags) =>
      dispatch.run(() => checkRangeProof(start, count, flags, dispatch.console)),
    );
  ledger
    .command('check-transaction-info-hashes')
    .description('compare transaction infos with the leaves of the accumulator')
    .argument('<START_VERSION>', 'the first version', parseU64)
    .argument('<NUM_VERSIONS>', 'how many', parseVersionCount)
    .requiredOption(...dbDir)
    .action((start: bigint, count: number, flags: DbFlags) =>
      dispatch.run(() => checkInfoHashes(start, count, flags, dispatch.console)),
    );
}
