import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addBackupQuery } from './commands/backup-query.js';
import { addBackupVerify } from './commands/backup-verify.js';
import { addBootstrap } from './commands/bootstrap.js';
import type { Console } from './console.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { reportError } from './report-error.js';

/** A command does its work and says how the process ends. */
export type Action = () => Promise<ExitCode>;

/** Collects what the parsed command wants done; it runs once parsing is over. */
export interface Dispatch {
  readonly console: Console;
  run(action: Action): void;
}

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
  const backup = program.command('backup').description('read and verify backup archives');
  addBackupVerify(backup, dispatch);
  addBackupQuery(backup, dispatch);
  addBootstrap(program, dispatch);
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
