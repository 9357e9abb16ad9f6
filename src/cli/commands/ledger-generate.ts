import { type Command, InvalidArgumentError, Option } from 'commander';
import { stringify } from 'lossless-json';
import { AptosDatabaseFiles } from '../../aptosdb/driver/aptos-database-files.js';
import { lastCommittedVersion } from '../../aptosdb/commit/committed-state.js';
import { commitGeneratedLedger } from '../../testing/commit-generated-ledger.js';
import { generateLedger, type LedgerProfile } from '../../testing/ledger-generator.js';
import { parseU64 } from '../argument-parsers.js';
import { printLine } from '../console.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { progressLine } from '../progress-line.js';
import type { Dispatch } from '../dispatch.js';
import { UsageError } from '../usage-error.js';

/** A generated ledger is made in memory: some 5 kB a transaction, 1 kB an item. */
const TRANSACTIONS_MAX = 2_000_000;

const PROFILES = { mixed: 'everything', transfers: 'transfers' } as const satisfies Record<
  string,
  LedgerProfile
>;

interface GenerateFlags {
  readonly dbDir: string;
  readonly epochs: number;
  readonly transactions: number;
  readonly stateItems: number;
  readonly seed: string;
  readonly profile: keyof typeof PROFILES;
  readonly json?: boolean;
}

function parseCount(text: string): number {
  const count = parseU64(text);
  if (count < 1n || count > BigInt(TRANSACTIONS_MAX)) {
    throw new InvalidArgumentError(`It must be from 1 to ${TRANSACTIONS_MAX}.`);
  }
  return Number(count);
}

async function generate(flags: GenerateFlags, { console }: Dispatch): Promise<ExitCode> {
  const { dbDir, seed, epochs, transactions, stateItems, profile } = flags;
  if (transactions < epochs) {
    throw new UsageError(`${epochs} ended epochs take at least ${epochs} transactions`);
  }
  await using database = await AptosDatabaseFiles.open(dbDir, { mode: 'create' });
  if ((await lastCommittedVersion(database)) !== undefined) {
    throw new UsageError(`${dbDir} holds a ledger already`, 'Name a folder that does not exist yet.');
  }
  const progress = await progressLine(console);
  progress.listener({ stage: 'generating', done: 0, total: transactions, unit: 'transactions' });
  const ledger = generateLedger({ seed, epochs, transactions, stateItems, profile: PROFILES[profile] });
  await commitGeneratedLedger(ledger, database, { signal: console.signal, onProgress: progress.listener });
  progress.finish();
  const ended = ledger.epochs
    .filter((epoch) => epoch.ended)
    .map(({ epoch, lastVersion }) => ({
      epoch,
      lastVersion,
    }));
  const summary = {
    genesisWaypoint: ledger.genesisWaypoint,
    lastVersion: ledger.lastVersion,
    openEpoch: BigInt(epochs),
    endedEpochs: ended,
  };
  if (flags.json) printLine(console.stdout, stringify(summary) ?? '');
  else {
    printLine(console.stdout, `genesis waypoint: ${summary.genesisWaypoint}`);
    printLine(console.stdout, `last version: ${summary.lastVersion}`);
    const ends = ended.map(({ epoch, lastVersion }) => `${epoch} at version ${lastVersion}`).join(', ');
    printLine(console.stdout, `epochs ended: ${ends}; epoch ${epochs} is open`);
  }
  return EXIT.ok;
}

/** `ledger generate`: a ledger in a database, for trying things out without a node. */
export function addLedger(program: Command, dispatch: Dispatch): void {
  const ledger = program.command('ledger').description('make ledgers to try things out with');
  ledger
    .command('generate')
    .description('write a generated ledger, with real signatures and proofs, to a new database')
    .requiredOption('--db-dir <DIR>', 'where to; must hold no ledger')
    .requiredOption('--epochs <E>', 'epochs that have ended: 0 to E-1; epoch E is open', parseCount)
    .requiredOption('--transactions <N>', 'transactions in all, genesis included', parseCount)
    .requiredOption('--state-items <S>', 'state items that genesis creates', parseCount)
    .requiredOption('--seed <X>', 'the same seed gives the same ledger')
    .addOption(
      new Option('--profile <NAME>', 'every kind of transaction in turn, or transfers alone')
        .choices(Object.keys(PROFILES))
        .default('mixed'),
    )
    .option('--json', 'print the summary as JSON')
    .action((flags: GenerateFlags) => {
      dispatch.run(() => generate(flags, dispatch));
    });
}
