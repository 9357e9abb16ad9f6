import assert from 'node:assert/strict';
import type { RecordBatch } from '../archive/record-file.js';
import { HASH_SIZE } from '../hashing/hash-value.js';
import type { LedgerFamily } from '../types/ledger-family.js';
import { BatchProver } from './batch-prover.js';
import type { BatchWork } from './batch-task.js';
import { ProvingError } from './proving-error.js';
import { ProverThreads } from './prover-threads.js';
import { OwnThread, type Provers } from './provers.js';
import { ProvingMemory } from './proving-memory.js';
import type {
  ProvenStateBatch,
  ProvenTransactionBatch,
  ProvingOptions,
  ProvingPool,
  RecordSource,
  TransactionProvingOptions,
} from './proving-pool.js';
import { type ProvenBatch, type ProvingParts, proveSource } from './proving-run.js';
import { SlotShares } from './slot-shares.js';

/** For which ledgers, and with how many threads. */
export interface ProvingPoolOptions {
  readonly family: LedgerFamily;
  /** With 1, the default, everything is done in the calling thread. */
  readonly threads?: number;
}

/** Slots a thread: one in work, one that waits for it, one being filled or taken. */
const SLOTS_A_THREAD = 3;
const SLOTS_BESIDES = 4;

/** Makes a pool; memory is taken and threads start when there is work. The caller closes it. */
export function openProvingPool({ family, threads = 1 }: ProvingPoolOptions): ProvingPool {
  return new Pool(threads, () => {
    const slotCount = SLOTS_A_THREAD * threads + SLOTS_BESIDES;
    const memory = ProvingMemory.create(threads, slotCount);
    const provers =
      threads === 1
        ? new OwnThread(new BatchProver(family, memory, 0))
        : new ProverThreads({ family, memory: memory.memory, threads });
    return provingParts(memory, slotCount, provers);
  });
}

/** A pool of given provers over a memory of so many slots. */
export function proversPool(
  threads: number,
  memory: ProvingMemory,
  slotCount: number,
  provers: Provers,
): ProvingPool {
  return new Pool(threads, () => provingParts(memory, slotCount, provers));
}

function provingParts(memory: ProvingMemory, slotCount: number, provers: Provers): ProvingParts {
  const slots = Array.from({ length: slotCount }, (_, index) => memory.slot(index));
  return { memory, shares: new SlotShares(slots), provers };
}

class Pool implements ProvingPool {
  readonly threads: number;
  readonly #make: () => ProvingParts;
  #made: ProvingParts | undefined;
  /** Sources that are being proven. */
  #running = 0;
  #closed = false;

  constructor(threads: number, make: () => ProvingParts) {
    this.threads = threads;
    this.#make = make;
  }

  get #parts(): ProvingParts {
    if (this.#closed) throw new ProvingError('PROVING_CLOSED', 'the proving threads were closed already');
    this.#made ??= this.#make();
    return this.#made;
  }

  start(): void {
    this.#parts.provers.start();
  }

  async *stateItems(source: RecordSource, { signal }: ProvingOptions = {}): AsyncGenerator<ProvenStateBatch> {
    const batches = this.#prove(source, () => ({ kind: 'state' }), signal);
    for await (const proven of batches) yield stateBatch(proven);
  }

  async *transactions(
    source: RecordSource,
    { signal, format }: TransactionProvingOptions,
  ): AsyncGenerator<ProvenTransactionBatch> {
    const batches = this.#prove(
      source,
      (first) => ({ kind: 'transactions', format: typeof format === 'string' ? format : format(first) }),
      signal,
    );
    for await (const proven of batches) yield transactionBatch(proven);
  }

  async *#prove(
    source: RecordSource,
    workFor: (first: RecordBatch) => BatchWork,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ProvenBatch> {
    const parts = this.#parts;
    this.#running++;
    try {
      yield* proveSource(parts, source, workFor, signal);
    } finally {
      this.#running--;
    }
  }

  async rest(): Promise<void> {
    if (this.#running > 0) return;
    const made = this.#made;
    this.#made = undefined;
    await made?.provers.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#made?.provers.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function stateBatch({ batch, slot, result }: ProvenBatch): ProvenStateBatch {
  assert(result.kind === 'state');
  const { faults, segment, disorder } = result;
  const size = faults.length === 0 ? batch.count * HASH_SIZE : 0;
  const keyHashes = slot.hashes.subarray(0, size);
  const valueHashes = slot.hashes.subarray(size, 2 * size);
  return { ...batch, faults, segment, disorder, keyHashes, valueHashes };
}

function transactionBatch({ batch, slot, result }: ProvenBatch): ProvenTransactionBatch {
  assert(result.kind === 'transactions');
  const { faults, complete, format } = result;
  const infoHashes = slot.hashes.subarray(0, result.hashCount * HASH_SIZE);
  return { ...batch, format, faults, infoHashes, complete };
}
