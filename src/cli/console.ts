import type { Writable } from 'node:stream';

/** What a command talks to: handed in, so that nothing else reaches for the process. */
export interface Console {
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** True when stderr is a terminal that progress may be drawn on. */
  readonly interactive: boolean;
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

export function printLine(stream: Writable, line: string): void {
  stream.write(`${line}\n`);
}

/** Something that the operator should know, on stderr; the command goes on. */
export function warn({ stderr }: Pick<Console, 'stderr'>, code: string, message: string): void {
  printLine(stderr, `warning: ${message} (${code})`);
}
