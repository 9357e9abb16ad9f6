import assert from 'node:assert/strict';
import { HASH_SIZE } from './hash-value.js';
import { bestKernelKind, instantiateKernel, type KernelExports, type KernelKind } from './kernel-instance.js';
import type { Spans } from './sha3-engine.js';
import type { WasmMemory } from './web-assembly.js';

// Parts of the work memory that are written here: as kernel/state-layout.ts has them.
const SEEDS = 0;
const ENTRIES = 160;
const PROGRAM = 192;

const SCRATCH_BYTES = 4096;
const WORK_BYTES = 1_536 * 1024;
const SUBTREES = SCRATCH_BYTES + WORK_BYTES;
const SUBTREES_MAX = 1024;
const SUBTREE_BYTES = 2 * HASH_SIZE + 8;
/** The kernel reads whole words and blocks, so also behind the last message. */
const READ_BEHIND = 256;
const PAGE_BYTES = 65_536;

/** Bytes of the part of a memory that this keeps for itself; a multiple of a page. */
export const STATES_AREA_BYTES =
  Math.ceil((SUBTREES + SUBTREES_MAX * SUBTREE_BYTES) / PAGE_BYTES) * PAGE_BYTES;

/** What state records look like and are hashed with. */
export interface KernelStatesSetup {
  /** 32 bytes each: seeds of keys, values, leaves, nodes; then the hash of a node without leaves. */
  readonly seeds: readonly Uint8Array[];
  /** The program that steps over keys and values. */
  readonly program: Uint32Array;
  /** Where it begins for keys and for values. */
  readonly entries: readonly number[];
}

/** What consecutive leaves come to: a node at the depth where keys part, 256 if it is one leaf. */
export interface KernelSubtree {
  readonly key: Uint8Array;
  readonly branch: number;
  readonly hash: Uint8Array;
}

/** Subtrees, each with values of its own, and the bits that keys share on both sides between them. */
export interface KernelSubtrees {
  readonly subtrees: readonly KernelSubtree[];
  readonly gaps: readonly number[];
}

/** Hashes state records and the tree above them without leaving the kernel, which is asked once a batch. */
export class KernelStates {
  readonly #kernel: KernelExports;
  readonly #memory: Uint8Array;
  readonly #view: DataView;
  readonly #area: number;

  /** @param area a multiple of 16; `STATES_AREA_BYTES` from there on belong to this alone */
  constructor(
    memory: WasmMemory,
    area: number,
    { seeds, program, entries }: KernelStatesSetup,
    kind: KernelKind = bestKernelKind(),
  ) {
    this.#kernel = instantiateKernel(kind, memory, area);
    assert(this.#kernel.scratchBytes() <= SCRATCH_BYTES);
    assert(this.#kernel.stateWorkBytes() <= WORK_BYTES);
    assert(program.byteLength <= this.#kernel.stateProgramBytes(), 'the program fits');
    this.#memory = new Uint8Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
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
   * @param keyHashes in that memory too, as are `valueHashes`: get 32 bytes a record
   * @returns the leaves' subtrees; undefined unless every record is plainly right and keys rise: then the
   *   hashes mean nothing
   */
  prove(
    { base, starts, ends, count }: Spans & { readonly starts: Uint32Array; readonly ends: Uint32Array },
    keyHashes: Uint8Array,
    valueHashes: Uint8Array,
  ): KernelSubtrees | undefined {
    assert(count <= Math.min(starts.length, ends.length), 'a place for each record');
    for (const bytes of [base, starts, ends, keyHashes, valueHashes]) assert(this.holds(bytes));
    assert(Math.min(keyHashes.length, valueHashes.length) >= HASH_SIZE * count, 'room for every hash');
    const found = this.#kernel.states(
      this.#area,
      this.#area + SCRATCH_BYTES,
      base.byteOffset,
      base.length,
      starts.byteOffset,
      ends.byteOffset,
      count,
      keyHashes.byteOffset,
      valueHashes.byteOffset,
      this.#area + SUBTREES,
    );
    return found === 0 ? undefined : this.#subtrees(found);
  }

  #subtrees(count: number): KernelSubtrees {
    const subtrees: KernelSubtree[] = [];
    const gaps: number[] = [];
    for (let index = 0; index < count; index++) {
      const at = this.#area + SUBTREES + SUBTREE_BYTES * index;
      const key = at + HASH_SIZE;
      const branch = this.#view.getUint32(key + HASH_SIZE, true);
      // The memory may be shared, what is given out is not.
      const bytes = Uint8Array.from(this.#memory.subarray(at, at + 2 * HASH_SIZE));
      subtrees.push({ key: bytes.subarray(HASH_SIZE), branch, hash: bytes.subarray(0, HASH_SIZE) });
      if (index < count - 1) gaps.push(this.#view.getUint32(key + HASH_SIZE + 4, true));
    }
    return { subtrees, gaps };
  }
}
