import { CommanderError } from 'commander';
import { HoldfastError } from '../errors/holdfast-error.js';
import { RestoreFindingError } from '../restore/restore-finding.js';
import { StorageError } from '../storage/storage-error.js';
import { type Console, printLine } from './console.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { findingLines } from './render-report.js';
import { UsageError } from './usage-error.js';

/** Says on stderr what went wrong and what to do, and gives the exit code for it. */
export function reportError(error: unknown, console: Console): ExitCode {
  if (error instanceof CommanderError) {
    // Commander has printed its message already; help and version are no failure.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  if (console.signal.aborted) {
    printLine(console.stderr, 'interrupted');
    return EXIT.interrupted;
  }
  if (error instanceof RestoreFindingError) {
    printLine(console.stderr, `error: the archive is damaged where it is read (${error.code})`);
    for (const finding of error.findings) {
      for (const line of findingLines(finding, false)) printLine(console.stderr, line);
    }
    if (error.detour !== undefined) printLine(console.stderr, error.detour);
    return EXIT.findings;
  }
  if (error instanceof HoldfastError) {
    printLine(console.stderr, `error: ${error.message} (${error.code})`);
    if (error.hint) printLine(console.stderr, `  ${error.hint}`);
    if (error instanceof UsageError) return EXIT.usage;
    return error instanceof StorageError ? EXIT.storage : EXIT.findings;
  }
  // A mistake of ours: show where.
  printLine(
    console.stderr,
    `error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return EXIT.findings;
}
