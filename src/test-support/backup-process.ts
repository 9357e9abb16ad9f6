// The backup commands as a process of their own, for tests that kill it.
import { Command } from 'commander';
import { addBackupContinuously } from '../cli/commands/backup-continuously.js';
import { addBackupOneoff } from '../cli/commands/backup-oneoff.js';
import { addBackupQueryNodeState } from '../cli/commands/backup-query-node-state.js';
import type { Console } from '../cli/console.js';
import type { Action } from '../cli/dispatch.js';
import { reportError } from '../cli/report-error.js';

const interruption = new AbortController();
process.on('SIGTERM', () => interruption.abort(new Error('stopped by SIGTERM')));
const console: Console = {
  stdout: process.stdout,
  stderr: process.stderr,
  interactive: false,
  signal: interruption.signal,
};
let action: Action = async () => 2;
const dispatch = {
  console,
  run: (wanted: Action): void => {
    action = wanted;
  },
};
const program = new Command('holdfast').exitOverride();
const backup = program.command('backup');
addBackupOneoff(backup, dispatch);
addBackupContinuously(backup, dispatch);
addBackupQueryNodeState(backup, dispatch);
try {
  await program.parseAsync(process.argv.slice(2), { from: 'user' });
  process.exitCode = await action();
} catch (error) {
  process.exitCode = reportError(error, console);
}
