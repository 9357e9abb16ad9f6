#!/usr/bin/env node
import { boundHeapGrowth } from './heap-growth.js';
import { runCommandLine } from './run.js';

boundHeapGrowth();

const interruption = new AbortController();
for (const signalName of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signalName, () => {
    // The second one means: at once.
    if (interruption.signal.aborted) process.exit(130);
    interruption.abort(new Error(`stopped by ${signalName}`));
  });
}
/** A pipe says EPIPE, a socket ECONNRESET when what it was sent last went unread. */
const READER_GONE: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET']);

for (const stream of [process.stdout, process.stderr]) {
  // A reader that went away (`holdfast ... | head`) is no failure of ours.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (!READER_GONE.has(error.code)) throw error;
  });
}

process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  interactive: process.stderr.isTTY === true,
  signal: interruption.signal,
});
