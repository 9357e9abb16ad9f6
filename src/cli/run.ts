import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAdopt } from './commands/adopt.js';
import { addBackupMaintenanceCleanup } from './commands/backup-maintenance-cleanup.js';
import { addBackupContinuously } from './commands/backup-continuously.js';
import { addBackupOneoff } from './commands/backup-oneoff.js';
import { addBackupQuery } from './commands/backup-query.js';
import { addBackupQueryNodeState } from './commands/backup-query-node-state.js';
import { addBackupVerify } from './commands/backup-verify.js';
import { addBootstrap } from './commands/bootstrap.js';
import { addDebugCheckDb } from './commands/debug-check-db.js';
import { addDebugLedger } from './commands/debug-ledger.js';
import { addDebugStateTree } from './commands/debug-state-tree.js';
import { addDebugCheckpoint, addDebugTruncate } from './commands/debug-truncate.js';
import { addLedger } from './commands/ledger-generate.js';
import { addServe } from './commands/serve.js';
import type { Console } from './console.js';
import type { Action, Dispatch } from './dispatch.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { reportError } from './report-error.js';

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function buildProgram(dispatch: Dispatch): Command {
  const { stdout, stderr } = dispatch.console;
  const program = new Command('holdfast')
    .description('Crash-safe backup and disaster recovery for Aptos-family ledgers.')
    .version(packageVersion(), '--version')
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .showHelpAfterError('Try --help after the command for its options.')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 findings or failure, 2 usage, 3 storage, 130 interrupted.',
    );
  const backup = program.command('backup').description('make, ask and prove backups');
  addBackupOneoff(backup, dispatch);
  addBackupContinuously(backup, dispatch);
  addBackupVerify(backup, dispatch);
  addBackupQuery(backup, dispatch);
  addBackupQueryNodeState(backup, dispatch);
  addAdopt(program, dispatch);
  const maintenance = program.command('backup-maintenance').description('keep an archive in order');
  addBackupMaintenanceCleanup(maintenance, dispatch);
  addServe(program, dispatch);
  addBootstrap(program, dispatch);
  addLedger(program, dispatch);
  const debug = program.command('debug').description('look into a ledger database');
  addDebugCheckDb(debug, dispatch);
  addDebugStateTree(debug, dispatch);
  addDebugLedger(debug, dispatch);
  addDebugTruncate(debug, dispatch);
  addDebugCheckpoint(debug, dispatch);
  return program;
}

/** Runs one command line and gives its exit code; nothing is thrown, nothing ends the process. */
export async function runCommandLine(args: readonly string[], console: Console): Promise<ExitCode> {
  let action: Action | undefined;
  const dispatch: Dispatch = {
    console,
    run: (wanted) => {
      action = wanted;
    },
  };
  try {
    await buildProgram(dispatch).parseAsync(args, { from: 'user' });
    return action ? await action() : EXIT.ok;
  } catch (error) {
    return reportError(error, console);
  }
}
