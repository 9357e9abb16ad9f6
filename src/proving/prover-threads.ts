import { Worker } from 'node:worker_threads';
import { bestKernelKind, type KernelKind, kernelModule } from '../hashing/kernel-instance.js';
import type { WasmMemory, WasmModule } from '../hashing/web-assembly.js';
import type { LedgerFamily } from '../types/ledger-family.js';
import { type BatchResult, type BatchTask, fromPosted, type PostedResult } from './batch-task.js';
import type { Provers } from './provers.js';
import { ProvingError } from './proving-error.js';

/** What a thread is started with. */
export interface ThreadSetup {
  readonly family: LedgerFamily;
  readonly memory: WasmMemory;
  /** Compiled once for all threads. */
  readonly kernel: WasmModule;
  readonly kernelKind: KernelKind;
  readonly threads: number;
  /** 0-based. */
  readonly thread: number;
}

export interface ThreadTask {
  readonly id: number;
  readonly task: BatchTask;
}

export interface ThreadAnswer {
  readonly id: number;
  readonly result?: PostedResult;
  /** A mistake of ours, with its stack. */
  readonly failure?: string;
}

/** Young objects of a thread; it makes few, and its heap would grow all the same. */
const YOUNG_MIB = 6;
/** Tasks that a thread has at once: the next one is there when it is done with one. */
const TASKS_A_THREAD = 2;

interface OpenTask extends ThreadTask {
  readonly resolve: (result: BatchResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly open: Map<number, OpenTask>;
}

/** Proves in threads of its own, which start when there is work for them and never keep a process alive. */
export class ProverThreads implements Provers {
  readonly #setup: Omit<ThreadSetup, 'thread'>;
  readonly #entry: URL;
  readonly #threads: Thread[] = [];
  readonly #queue: OpenTask[] = [];
  #nextId = 0;
  #failure: ProvingError | undefined;

  /** @param entry what threads run */
  constructor(
    setup: Pick<ThreadSetup, 'family' | 'memory' | 'threads'>,
    entry: URL = new URL('./proving-worker.js', import.meta.url),
  ) {
    const kernelKind = bestKernelKind();
    this.#setup = { ...setup, kernelKind, kernel: kernelModule(kernelKind, true) };
    this.#entry = entry;
  }

  start(): void {
    while (!this.#failure && this.#threads.length < this.#setup.threads) this.#start();
  }

  prove(task: BatchTask): Promise<BatchResult> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#queue.push({ id: this.#nextId++, task, resolve, reject });
      this.#assign();
    });
  }

  async close(): Promise<void> {
    this.#fail(new ProvingError('PROVING_CLOSED', 'the proving threads were closed while they were in use'));
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  /** Gives waiting tasks to the threads that have the least to do. */
  #assign(): void {
    for (;;) {
      if (this.#queue.length === 0) return;
      const thread = this.#leastBusy();
      const task = thread && this.#queue.shift();
      if (!task) return;
      if (thread.open.size === 0) thread.worker.ref();
      thread.open.set(task.id, task);
      thread.worker.postMessage({ id: task.id, task: task.task } satisfies ThreadTask);
    }
  }

  #leastBusy(): Thread | undefined {
    let best: Thread | undefined;
    for (const thread of this.#threads)
      if (thread.open.size < (best?.open.size ?? TASKS_A_THREAD)) best = thread;
    if (best?.open.size !== 0 && this.#threads.length < this.#setup.threads) return this.#start();
    return best;
  }

  #start(): Thread {
    const setup: ThreadSetup = { ...this.#setup, thread: this.#threads.length };
    const worker = new Worker(this.#entry, {
      workerData: setup,
      name: `proving ${setup.thread}`,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    worker.unref();
    const thread: Thread = { worker, open: new Map() };
    worker.on('message', (answer: ThreadAnswer) => this.#take(thread, answer));
    worker.on('messageerror', (error) => this.#lose(error));
    worker.on('error', (error) => this.#lose(error));
    worker.on('exit', (code) => this.#lose(new Error(`it ended with exit code ${code}`)));
    this.#threads.push(thread);
    return thread;
  }

  #take(thread: Thread, { id, result, failure }: ThreadAnswer): void {
    const task = thread.open.get(id);
    if (!task) return;
    thread.open.delete(id);
    if (thread.open.size === 0) thread.worker.unref();
    if (result) task.resolve(fromPosted(result));
    else task.reject(new ProvingError('PROVING_FAILED', `a proving thread failed: ${failure}`));
    this.#assign();
  }

  /** Without one thread nothing of the pool can be relied upon: its memory may be anything. */
  #lose(cause: unknown): void {
    if (this.#failure) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `a proving thread ended without being asked to: ${reason}`;
    const hint = 'Look for a want of memory in the log of the system; fewer threads need less.';
    this.#fail(new ProvingError('PROVING_THREAD_LOST', message, { cause, hint }));
    for (const { worker } of this.#threads) void worker.terminate();
  }

  #fail(failure: ProvingError): void {
    this.#failure ??= failure;
    const open = [...this.#queue.splice(0), ...this.#threads.flatMap((thread) => [...thread.open.values()])];
    for (const thread of this.#threads) thread.open.clear();
    for (const { reject } of open) reject(this.#failure);
  }
}
