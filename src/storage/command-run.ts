import { type ChildProcess, spawn } from 'node:child_process';
import { messageOf, StorageError } from './storage-error.js';

/** What stands before every command (spec: backup-format.md, section 14). */
export const COMMAND_PRELUDE = 'set -o nounset -o errexit -o pipefail; ';

/** How much of a command's standard error is kept: its end, where the reason stands. */
const STDERR_TAIL_BYTES = 4096;
/** What the standard input is given at once; so much must be taken within the time limit. */
const INPUT_BYTES = 64 * 1024;
/** After a failure the processes are killed; their last words are waited for so long, in ms. */
const LAST_WORDS_MS = 2000;
/** Milliseconds that a killed command is waited for; only a process stuck in the kernel needs more. */
const KILL_MS = 5000;

export interface CommandRunOptions {
  /** The configured text, without the prelude. */
  readonly command: string;
  /** The operation of the storage contract, for messages: `open_for_read`. */
  readonly operation: string;
  /** The file that the command is about, if any. */
  readonly handle?: string;
  /** The command's whole environment. */
  readonly environment: NodeJS.ProcessEnv;
  /** Milliseconds without a byte, while the consumer waits for one, after which the command is given up. */
  readonly idleTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called once, when nothing of the run is left. */
  readonly onReleased?: (run: CommandRun) => void;
}

/** Process groups that run now, so that none survives the end of this process. */
const runningGroups = new Set<number>();

function killRunningGroups(): void {
  for (const group of runningGroups) killGroup(group);
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // ESRCH: all of its processes have ended by themselves.
  }
}

/**
 * One run of a configured command, and its standard output as an iterable with back-pressure: nothing
 * is taken from the pipe beyond what is consumed and one small buffer. The iteration ends well only if
 * the command exits with 0; by every other way out it and all its children are killed. Its standard
 * input is a pipe that stays open and empty as long as it runs, unless it is fed: `readOutput` first, then
 * `write`, and `finish` at the end.
 */
export class CommandRun implements AsyncIterableIterator<Uint8Array> {
  #options: CommandRunOptions;
  #child: ChildProcess;
  #stderrTail: Buffer = Buffer.alloc(0);
  #stdoutEnded = false;
  #stderrEnded = false;
  #exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined;
  #startFailure: unknown;
  #done = false;
  /** Why the run was ended from outside, if it was: an end of the bytes must not look like a file's end. */
  #stopped: { readonly reason: unknown } | undefined;
  #waiting = new Set<() => void>();
  /** The command, or whoever should read, has closed the standard input. */
  #inputBroken = false;

  /** @throws StorageError COMMAND_FAILED when no process can be started; the signal's reason */
  constructor(options: CommandRunOptions) {
    options.signal?.throwIfAborted();
    this.#options = options;
    // A group of its own, so that everything that the command starts can be ended with it. Node's pipes are
    // sockets, which bash takes for a remote login and then reads ~/.bashrc, unless it is told not to.
    try {
      this.#child = spawn('bash', ['--norc', '-c', COMMAND_PRELUDE + options.command], {
        env: options.environment,
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true,
      });
    } catch (error) {
      // Some refusals of the system, an environment too large among them, are thrown and not emitted.
      this.#startFailure = error;
      throw this.#startError();
    }
    const group = this.#child.pid;
    if (group !== undefined) {
      if (runningGroups.size === 0) process.on('exit', killRunningGroups);
      runningGroups.add(group);
    }
    this.#listen();
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#stopped !== undefined) throw this.#stopped.reason;
    if (this.#done) return { done: true, value: undefined };
    try {
      const piece = await this.#read();
      if (piece !== undefined) return { done: false, value: piece };
      this.#release();
      return { done: true, value: undefined };
    } catch (error) {
      await this.return();
      throw error;
    }
  }

  /**
   * All of the standard output, up to its end, without waiting for the command itself. A failure ends the
   * run, here and in `write` and `finish`.
   */
  async readOutput(bytesMax: number): Promise<Uint8Array> {
    return await this.#orStop(async () => {
      const pieces: Uint8Array[] = [];
      let size = 0;
      for (;;) {
        await this.#requireRunning();
        const piece: Buffer | null = this.#child.stdout?.read() ?? null;
        if (piece !== null) {
          pieces.push(piece);
          size += piece.length;
          if (size > bytesMax) throw this.#failure(`printed more than ${bytesMax} bytes`);
        } else if (this.#stdoutEnded) return Buffer.concat(pieces);
        else if (!(await this.#event(this.#options.idleTimeoutMs))) throw this.#timeout();
      }
    });
  }

  /** Feeds the standard input, as fast as the command takes it; the caller leaves `bytes` alone meanwhile. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#orStop(async () => {
      for (let start = 0; start < bytes.length; start += INPUT_BYTES) {
        await this.#feed(bytes.subarray(start, start + INPUT_BYTES));
      }
    });
  }

  /** Ends the standard input and waits for the command to end well. */
  async finish(): Promise<void> {
    await this.#orStop(async () => {
      await this.#requireRunning();
      // Nobody can know that the input is complete before it has ended.
      if (this.#exit !== undefined) throw this.#endedEarly();
      this.#child.stdin?.end();
      while (this.#exit === undefined) {
        await this.#requireRunning();
        if (!(await this.#event(this.#options.idleTimeoutMs))) throw this.#timeout();
      }
      await this.#requireRunning();
      if (this.#inputBroken) throw this.#endedEarly();
    });
    this.#release();
  }

  async #feed(piece: Uint8Array): Promise<void> {
    await this.#requireRunning();
    let taken = false;
    this.#child.stdin?.write(piece, () => {
      taken = true;
      this.#signalWake();
    });
    // A broken pipe is told before the exit that explains it.
    while (!taken || this.#inputBroken || this.#exit !== undefined) {
      await this.#requireRunning();
      if (this.#exit !== undefined) throw this.#endedEarly();
      if (!(await this.#event(this.#options.idleTimeoutMs))) throw this.#timeout();
    }
  }

  async #requireRunning(): Promise<void> {
    if (this.#stopped !== undefined) throw this.#stopped.reason;
    this.#options.signal?.throwIfAborted();
    if (this.#startFailure !== undefined) throw this.#startError();
    if (this.#exit === undefined || this.#exit.code === 0) return;
    await this.#until(() => this.#stderrEnded, LAST_WORDS_MS);
    throw this.#failure();
  }

  #endedEarly(): StorageError {
    return this.#failure('ended before it could know that it had the whole file');
  }

  async #orStop<Result>(run: () => Promise<Result>): Promise<Result> {
    try {
      return await run();
    } catch (error) {
      await this.return();
      throw error;
    }
  }

  /** Kills what still runs and waits until the command is gone. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    if (!this.#done) {
      this.#kill();
      await this.#until(() => this.#exit !== undefined || this.#startFailure !== undefined, KILL_MS);
      this.#release();
    }
    return { done: true, value: undefined };
  }

  /** Ends the run from outside: whoever still reads gets `reason` thrown. */
  async stop(reason: unknown): Promise<void> {
    if (this.#done) return;
    this.#stopped = { reason };
    this.#signalWake();
    await this.return();
  }

  #onAbort = (): void => {
    this.#kill();
    this.#signalWake();
  };

  #signalWake = (): void => {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  };

  #listen(): void {
    // Where no process could be made there may be no streams either.
    const { stdin, stdout, stderr } = this.#child;
    // The command may end without ever looking at its input.
    stdin?.on('error', () => {
      this.#inputBroken = true;
      this.#signalWake();
    });
    stdout?.on('readable', this.#signalWake);
    const stdoutOver = (): void => {
      this.#stdoutEnded = true;
      this.#signalWake();
    };
    stdout?.on('end', stdoutOver).on('close', stdoutOver).on('error', stdoutOver);
    stderr?.on('data', (piece: Buffer) => {
      this.#stderrTail = Buffer.concat([this.#stderrTail, piece]).subarray(-STDERR_TAIL_BYTES);
    });
    const stderrOver = (): void => {
      this.#stderrEnded = true;
      this.#signalWake();
    };
    stderr?.on('end', stderrOver).on('close', stderrOver).on('error', stderrOver);
    this.#child.on('exit', (code, signal) => {
      this.#exit = { code, signal };
      // At this very moment nobody else can have got the group's number.
      if (code !== 0) this.#kill();
      this.#signalWake();
    });
    this.#child.on('error', (error) => {
      this.#startFailure = error;
      this.#signalWake();
    });
  }

  /** The next bytes, or undefined when the command has ended well. */
  async #read(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#stopped !== undefined) throw this.#stopped.reason;
      this.#options.signal?.throwIfAborted();
      if (this.#startFailure !== undefined) throw this.#startError();
      const piece: Buffer | null = this.#child.stdout?.read() ?? null;
      if (piece !== null) return piece;
      if (this.#stdoutEnded && this.#exit !== undefined) break;
      if (!(await this.#event(this.#options.idleTimeoutMs))) throw this.#timeout();
    }
    if (this.#exit.code === 0) return undefined;
    await this.#until(() => this.#stderrEnded, LAST_WORDS_MS);
    throw this.#failure();
  }

  /** Waits for the next event of the processes or the signal; false when none came in time. */
  async #event(timeoutMs: number): Promise<boolean> {
    return await new Promise<boolean>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(wake);
        resolve(false);
      }, timeoutMs);
      this.#waiting.add(wake);
    });
  }

  async #until(condition: () => boolean, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!condition()) {
      const left = deadline - performance.now();
      if (left <= 0) return;
      await this.#event(left);
    }
  }

  #kill(): void {
    const { pid } = this.#child;
    if (pid !== undefined && runningGroups.has(pid) && !(this.#exit?.code === 0 && this.#stdoutEnded)) {
      killGroup(pid);
    }
  }

  #release(): void {
    this.#done = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    const { pid, stdin, stdout, stderr } = this.#child;
    for (const stream of [stdin, stdout, stderr]) stream?.destroy();
    if (pid !== undefined) {
      runningGroups.delete(pid);
      if (runningGroups.size === 0) process.off('exit', killRunningGroups);
    }
    this.#options.onReleased?.(this);
  }

  #subject(): string {
    const { operation, handle } = this.#options;
    return handle === undefined ? `command ${operation}` : `command ${operation} of ${handle}`;
  }

  #facts() {
    const { operation, handle, command } = this.#options;
    const stderr = this.#stderrTail.toString('utf8');
    return { operation, command, stderr, ...(handle === undefined ? {} : { handle }) };
  }

  #startError(): StorageError {
    return this.#failure(`could not be started: ${messageOf(this.#startFailure)}`);
  }

  /** `how` says it where the exit does not. */
  #failure(how?: string): StorageError {
    const { code, signal } = this.#exit ?? { code: null, signal: null };
    const exit = code === null ? `was ended by ${signal}` : `failed with exit code ${code}`;
    const facts = this.#facts();
    const lastLine = facts.stderr.trimEnd().split('\n').at(-1) ?? '';
    return new StorageError(
      'COMMAND_FAILED',
      `${this.#subject()} ${how ?? exit}${lastLine === '' ? '' : `: ${lastLine}`}`,
      {
        cause: this.#startFailure,
        retryable: this.#startFailure === undefined,
        hint: 'Run the command by hand with the same environment; its error output is in the facts.',
        facts: {
          ...facts,
          ...(code === null ? {} : { exitCode: code }),
          ...(signal === null ? {} : { signal }),
        },
      },
    );
  }

  #timeout(): StorageError {
    const { idleTimeoutMs } = this.#options;
    return new StorageError(
      'COMMAND_TIMEOUT',
      `${this.#subject()} gave no byte and did not end for ${idleTimeoutMs} ms`,
      {
        retryable: true,
        hint: 'Check the network; a command that reads its standard input for no reason needs </dev/null.',
        facts: { ...this.#facts(), timeoutMs: idleTimeoutMs },
      },
    );
  }
}
