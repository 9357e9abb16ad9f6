import type { Console } from './console.js';
import type { ExitCode } from './exit-codes.js';

/** A command does its work and says how the process ends. */
export type Action = () => Promise<ExitCode>;

/** Collects what the parsed command wants done; it runs once parsing is over. */
export interface Dispatch {
  readonly console: Console;
  run(action: Action): void;
}
