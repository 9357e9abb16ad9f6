import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseU64 } from './argument-parsers.js';

export interface ThreadsFlag {
  readonly threads: number;
}

/** More would wait for memory and for whoever reads. */
const THREADS_MAX = 64;

function parseThreads(text: string): number {
  const value = Number(parseU64(text));
  if (value < 1 || value > THREADS_MAX)
    throw new InvalidArgumentError(`It must be from 1 to ${THREADS_MAX}.`);
  return value;
}

/** `--threads`: how many threads check and hash records; with 1 the main thread does it. */
export function addThreadsOption(command: Command): Command {
  return command.addOption(
    new Option('--threads <N>', 'threads that check and hash records')
      .argParser(parseThreads)
      .default(Math.min(availableParallelism(), THREADS_MAX)),
  );
}
