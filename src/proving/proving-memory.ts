import type { BatchBuffer } from '../archive/record-file.js';
import { HASH_SIZE } from '../hashing/hash-value.js';
import { KERNEL_AREA_BYTES } from '../hashing/kernel-sha3.js';
import { STATES_AREA_BYTES } from '../hashing/kernel-states.js';
import { TRANSACTIONS_AREA_BYTES } from '../hashing/kernel-transactions.js';
import { type WasmMemory, webAssembly } from '../hashing/web-assembly.js';

/** Bytes of a batch: large enough that messages between threads do not count, small enough for the cache. */
const SLOT_BYTES = 1024 * 1024;
const SLOT_RECORDS = 16 * 1024;
const PLACE_BYTES = 4 * SLOT_RECORDS;
const HASHES_BYTES = 2 * HASH_SIZE * SLOT_RECORDS;
const SLOT_STRIDE = SLOT_BYTES + 2 * PLACE_BYTES + HASHES_BYTES;
const PAGE_BYTES = 65_536;
const THREAD_BYTES = KERNEL_AREA_BYTES + TRANSACTIONS_AREA_BYTES + STATES_AREA_BYTES;

/** Room for one batch, its records' places, and up to two hashes a record. */
export interface Slot extends BatchBuffer {
  readonly index: number;
  readonly hashes: Uint8Array;
}

/**
 * One linear memory for all threads: a part for the kernel of each, then the slots. Memory that was never
 * touched costs nothing.
 */
export class ProvingMemory {
  readonly memory: WasmMemory;
  readonly #slotsAt: number;
  readonly #shared: boolean;

  private constructor(memory: WasmMemory, threads: number) {
    this.memory = memory;
    this.#slotsAt = threads * THREAD_BYTES;
    this.#shared = memory.buffer instanceof SharedArrayBuffer;
  }

  /** Memory for a number of threads; shared when there are several. */
  static create(threads: number, slots: number): ProvingMemory {
    // A page behind the last slot, since the kernel reads a little behind messages.
    const bytes = threads * THREAD_BYTES + slots * SLOT_STRIDE + PAGE_BYTES;
    const pages = Math.ceil(bytes / PAGE_BYTES);
    const shared = threads > 1;
    return new ProvingMemory(new webAssembly.Memory({ initial: pages, maximum: pages, shared }), threads);
  }

  /** The memory that another thread created. */
  static adopt(memory: WasmMemory, threads: number): ProvingMemory {
    return new ProvingMemory(memory, threads);
  }

  /** Where the part of a thread's kernel begins. */
  kernelArea(thread: number): number {
    return thread * THREAD_BYTES;
  }

  /** Where a thread's kernel keeps what it needs for transaction records. */
  transactionsArea(thread: number): number {
    return thread * THREAD_BYTES + KERNEL_AREA_BYTES;
  }

  /** Where a thread's kernel keeps what it needs for state records. */
  statesArea(thread: number): number {
    return this.transactionsArea(thread) + TRANSACTIONS_AREA_BYTES;
  }

  slot(index: number): Slot {
    const { buffer } = this.memory;
    const at = this.#slotsAt + index * SLOT_STRIDE;
    const startsAt = at + SLOT_BYTES;
    return {
      index,
      bytes: new Uint8Array(buffer, at, SLOT_BYTES),
      starts: new Uint32Array(buffer, startsAt, SLOT_RECORDS),
      ends: new Uint32Array(buffer, startsAt + PLACE_BYTES, SLOT_RECORDS),
      hashes: new Uint8Array(buffer, startsAt + 2 * PLACE_BYTES, HASHES_BYTES),
    };
  }

  /** Memory beside the slots, for a single large record; all threads can see it. */
  larger(bytes: number): Uint8Array {
    return this.#shared ? new Uint8Array(new SharedArrayBuffer(bytes)) : new Uint8Array(bytes);
  }
}
