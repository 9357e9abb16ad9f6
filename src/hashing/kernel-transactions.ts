import assert from 'node:assert/strict';
import { HASH_SIZE } from './hash-value.js';
import { bestKernelKind, instantiateKernel, type KernelExports, type KernelKind } from './kernel-instance.js';
import type { Spans } from './sha3-engine.js';
import type { WasmMemory } from './web-assembly.js';

// Parts of the work memory that are written here: as kernel/transactions.ts has them.
const SEEDS = 0;
const ENTRIES = 224;
const PROGRAM = 256;

const SCRATCH_BYTES = 4096;
const WORK_BYTES = 512 * 1024;
/** Records of one call. */
const COUNT_MAX = 16 * 1024;
const DOUBTS = SCRATCH_BYTES + WORK_BYTES;
/** The kernel reads whole words and blocks, so also behind the last message. */
const READ_BEHIND = 256;
const PAGE_BYTES = 65_536;

/** Bytes of the part of a memory that this keeps for itself; a multiple of a page. */
export const TRANSACTIONS_AREA_BYTES = Math.ceil((DOUBTS + 4 * COUNT_MAX) / PAGE_BYTES) * PAGE_BYTES;

/** What transaction records look like and are hashed with. */
export interface KernelTransactionsSetup {
  /**
   * 32 bytes each: seeds of transactions, write sets, auxiliary infos, transaction infos, events, nodes of
   * event accumulators; then the hash of an accumulator without leaves, also in the place of a missing node.
   */
  readonly seeds: readonly Uint8Array[];
  /** The program that steps over the parts of records. */
  readonly program: Uint32Array;
  /**
   * Where it begins for transactions, auxiliary infos, execution statuses, events, write sets, encrypted
   * payloads, and what their senders wrote of these.
   */
  readonly entries: readonly number[];
}

/**
 * Proves transaction records against their own transaction infos without leaving the kernel, which has to be
 * asked once a batch. It says of which records all is well; why it doubts others is for someone else to say.
 */
export class KernelTransactions {
  readonly #kernel: KernelExports;
  readonly #memory: Uint8Array;
  readonly #area: number;

  /** @param area a multiple of 16; `TRANSACTIONS_AREA_BYTES` from there on belong to this alone */
  constructor(
    memory: WasmMemory,
    area: number,
    { seeds, program, entries }: KernelTransactionsSetup,
    kind: KernelKind = bestKernelKind(),
  ) {
    this.#kernel = instantiateKernel(kind, memory, area);
    assert(this.#kernel.scratchBytes() <= SCRATCH_BYTES);
    assert(this.#kernel.transactionWorkBytes() <= WORK_BYTES);
    assert(program.byteLength <= this.#kernel.transactionProgramBytes(), 'the program fits');
    this.#memory = new Uint8Array(memory.buffer);
    this.#area = area;
    const work = area + SCRATCH_BYTES;
    for (const [index, seed] of seeds.entries()) this.#memory.set(seed, work + SEEDS + HASH_SIZE * index);
    new Uint32Array(memory.buffer, work + ENTRIES, entries.length).set(entries);
    new Uint32Array(memory.buffer, work + PROGRAM, program.length).set(program);
  }

  /** Whether bytes lie in the kernel's memory, and not at its very end. */
  holds({ buffer, byteOffset, byteLength }: Uint8Array | Uint32Array): boolean {
    return buffer === this.#memory.buffer && byteOffset + byteLength + READ_BEHIND <= this.#memory.byteLength;
  }

  /**
   * @param records where records lie; all of it in the kernel's memory
   * @param out in that memory too: gets the hash of each record's transaction info
   * @returns indices of records that are not plainly right, rising, whose hashes in `out` mean nothing; valid
   *   until the next call
   */
  prove(
    { base, starts, ends, count }: Spans & { readonly starts: Uint32Array; readonly ends: Uint32Array },
    hasAuxiliary: boolean,
    out: Uint8Array,
  ): Uint32Array {
    assert(count <= Math.min(COUNT_MAX, starts.length, ends.length), 'a place for each record');
    assert(this.holds(base) && this.holds(starts) && this.holds(ends) && this.holds(out));
    assert(out.length >= HASH_SIZE * count, 'room for every hash');
    const doubtful = this.#kernel.transactions(
      this.#area,
      this.#area + SCRATCH_BYTES,
      base.byteOffset,
      base.length,
      starts.byteOffset,
      ends.byteOffset,
      count,
      hasAuxiliary,
      out.byteOffset,
      this.#area + DOUBTS,
    );
    return new Uint32Array(this.#memory.buffer, this.#area + DOUBTS, doubtful);
  }
}
