import type { BatchResult, BatchTask } from './batch-task.js';
import type { BatchProver } from './batch-prover.js';

/** Does the work on batches, somewhere. */
export interface Provers {
  /** Makes itself ready for work that will come. */
  start(): void;
  /** @throws ProvingError */
  prove(task: BatchTask): Promise<BatchResult>;
  close(): Promise<void>;
}

/** Proves in the calling thread. */
export class OwnThread implements Provers {
  readonly #prover: BatchProver;

  constructor(prover: BatchProver) {
    this.#prover = prover;
  }

  start(): void {
    // This thread runs already.
  }

  async prove(task: BatchTask): Promise<BatchResult> {
    // First let the next read begin, which goes on while this thread is busy.
    await new Promise((resolve) => setImmediate(resolve));
    return this.#prover.prove(task);
  }

  async close(): Promise<void> {
    // There is nothing to end.
  }
}
