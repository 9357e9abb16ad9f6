import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { WriterProcessOptions } from './writer-process.js';

/** The program of the process that is cut off. */
export const WRITER_PROGRAM = fileURLToPath(new URL('./writer-process.js', import.meta.url));

/** The end of what a process said on stderr, in characters. */
const STDERR_MAX = 4000;

/** A writing process, started to be killed, and what it acknowledged until then. */
export class StartedWriter {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #acknowledged: string[] = [];
  readonly #linesEnd: Promise<unknown>;
  readonly #started: Promise<void>;
  readonly #finished: Promise<void>;
  #runsFinished = 0;
  #stderr = '';

  /** `command` stands before the program: a tracer. */
  constructor(options: WriterProcessOptions, command: readonly string[] = []) {
    const [file = process.execPath, ...args] = [...command, process.execPath, WRITER_PROGRAM];
    // Its file calls must be system calls that a tracer can see.
    const env = { ...process.env, UV_USE_IO_URING: '0' };
    const child = spawn(file, [...args, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.#child = child;
    this.pid = child.pid ?? 0;
    child.stderr.on('data', (bytes: Buffer) => {
      this.#stderr = (this.#stderr + bytes.toString()).slice(-STDERR_MAX);
    });
    const lines = createInterface({ input: child.stdout });
    this.#linesEnd = once(lines, 'close');
    lines.on('line', (line) => {
      if (line === 'finished') this.#runsFinished++;
      if (line.startsWith('ack ')) this.#acknowledged.push(line.slice('ack '.length));
    });
    const said = (awaited: string): Promise<void> =>
      new Promise((resolve, reject) => {
        lines.on('line', (line) => {
          if (line === awaited) resolve();
        });
        child.once('error', reject);
        child.once('exit', () => reject(new Error(`the writer ended: ${this.#stderr}`)));
      });
    this.#started = said('started');
    this.#finished = said('finished');
    // Whoever does not wait for these learns of a failure from `finish` or `kill`.
    this.#started.catch(() => undefined);
    this.#finished.catch(() => undefined);
  }

  /** Resolves when it is about to change something; rejects if it ends before. */
  get started(): Promise<void> {
    return this.#started;
  }

  /** Resolves when it has done one whole run of the workload; rejects if it ends before. */
  get finished(): Promise<void> {
    return this.#finished;
  }

  /** Where it stands: before its first acknowledgement, in its first run, or after that. */
  get progress(): 'before' | 'in' | 'after' {
    if (this.#runsFinished > 0) return 'after';
    return this.#acknowledged.length > 0 ? 'in' : 'before';
  }

  /** What it said, if it ended by itself; undefined while it runs. */
  get failure(): string | undefined {
    return this.#hasEnded() ? this.#stderr : undefined;
  }

  /** `kill -9`, if it still runs; resolves to everything that it acknowledged. May be called again. */
  async kill(): Promise<readonly string[]> {
    const exit = this.#hasEnded() ? undefined : once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await Promise.all([exit, this.#linesEnd]);
    return this.#acknowledged;
  }

  /** Waits for its own end; rejects if that was a failure. */
  async finish(): Promise<readonly string[]> {
    if (!this.#hasEnded()) await once(this.#child, 'exit');
    await this.#linesEnd;
    if (this.#child.exitCode !== 0) throw new Error(`the writer failed: ${this.#stderr}`);
    return this.#acknowledged;
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}
