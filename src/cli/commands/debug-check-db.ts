import type { Command } from 'commander';
import { stringify } from 'lossless-json';
import { checkDatabase, type DatabaseReport } from '../../aptosdb/check/check-database.js';
import type { ConditionResult } from '../../aptosdb/check/condition.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { printLine } from '../console.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Dispatch } from '../dispatch.js';

interface CheckDbFlags {
  readonly dbDir: string;
  readonly json?: boolean;
}

/** Widest condition name, and two spaces. */
const NAME_COLUMNS = 20;

function resultLine({ status, name, detail }: ConditionResult): string {
  return `${status.toUpperCase().padEnd(8)}${name.padEnd(NAME_COLUMNS)}${detail}`;
}

function verdict({ ok, syncedVersion, results }: DatabaseReport): string {
  const failures = results.filter(({ status }) => status === 'failed').length;
  if (!ok) return `NOT FIT: ${failures} condition${failures === 1 ? '' : 's'} failed`;
  return syncedVersion === undefined
    ? 'FIT: an empty database'
    : `FIT: a ledger up to version ${syncedVersion}`;
}

async function checkDb(flags: CheckDbFlags, { console }: Dispatch): Promise<ExitCode> {
  const { stdout, signal } = console;
  const report = await checkDatabase(flags.dbDir, {
    hashers: ledgerHashers(LEDGER_FAMILIES.aptos),
    signal,
    onResult: flags.json ? undefined : (result) => printLine(stdout, resultLine(result)),
  });
  printLine(stdout, flags.json ? (stringify(report) ?? '') : verdict(report));
  return report.ok ? EXIT.ok : EXIT.findings;
}

/** `debug check-db`: whether a node would open a database, condition by condition. */
export function addDebugCheckDb(debug: Command, dispatch: Dispatch): void {
  debug
    .command('check-db')
    .description('test every condition under which a node opens a database, and print each')
    .requiredOption('--db-dir <DIR>', 'the folder that holds ledger_db, state_kv_db and state_merkle_db')
    .option('--json', 'print the results as JSON')
    .action((flags: CheckDbFlags) => {
      dispatch.run(() => checkDb(flags, dispatch));
    });
}
