import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addCalledCommands } from './command-table.js';
import type { Console } from './console.js';
import type { Action, Dispatch } from './dispatch.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { reportError } from './report-error.js';

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function buildProgram(dispatch: Dispatch, args: readonly string[]): Promise<Command> {
  const { stdout, stderr } = dispatch.console;
  const program = new Command('holdfast')
    .description('Crash-safe backup and disaster recovery for Aptos-family ledgers.')
    .version(packageVersion(), '--version')
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .showHelpAfterError('Try --help after the command for its options.')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 findings or failure, 2 usage (replay-verify: also a state root that differs),' +
        '\n3 storage, 130 interrupted.',
    );
  await addCalledCommands(program, dispatch, args);
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
    const program = await buildProgram(dispatch, args);
    await program.parseAsync(args, { from: 'user' });
    return action ? await action() : EXIT.ok;
  } catch (error) {
    return reportError(error, console);
  }
}
