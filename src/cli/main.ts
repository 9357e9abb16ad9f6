#!/usr/bin/env node
import { runCommandLine } from './run.js';

const interruption = new AbortController();
for (const signalName of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signalName, () => {
    // The second one means: at once.
    if (interruption.signal.aborted) process.exit(130);
    interruption.abort(new Error(`stopped by ${signalName}`));
  });
}
// A reader that went away (`holdfast ... | head`) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  interactive: process.stderr.isTTY === true,
  signal: interruption.signal,
});
