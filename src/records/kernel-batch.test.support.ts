import type { RecordBatch } from '../archive/record-file.js';
import { bestKernelKind, type KernelKind } from '../hashing/kernel-instance.js';
import { type WasmMemory, webAssembly } from '../hashing/web-assembly.js';

const BYTES = 4 * 1024 * 1024;
const RECORDS = 16 * 1024;
const HASHES_A_RECORD = 2;
const HASH_BYTES = 32;
const PAGE = 65_536;

/** A kernel that batches are proven with, and whether its memory is shared: each is a module of its own. */
export interface KernelVariant {
  readonly kind: KernelKind;
  readonly shared: boolean;
  readonly title: string;
  /** For a test's options: why this machine has no such kernel. */
  readonly skip: string | false;
}

export const KERNEL_VARIANTS: readonly KernelVariant[] = (['simd', 'scalar'] as const).flatMap((kind) =>
  [true, false].map((shared) => ({
    kind,
    shared,
    title: `the ${kind} kernel on ${shared ? 'shared' : 'private'} memory`,
    skip: kind === 'simd' && bestKernelKind() !== 'simd' ? 'this engine has no SIMD' : false,
  })),
);

/** One batch's memory, behind the area that a prover keeps for itself. */
export class KernelBatchMemory {
  readonly memory: WasmMemory;
  readonly #bytesAt: number;
  readonly #placesAt: number;
  readonly #hashesAt: number;

  constructor(areaBytes: number, { shared }: KernelVariant) {
    this.#bytesAt = areaBytes;
    this.#placesAt = areaBytes + BYTES;
    this.#hashesAt = this.#placesAt + 8 * RECORDS;
    const pages = Math.ceil((this.#hashesAt + HASHES_A_RECORD * HASH_BYTES * RECORDS) / PAGE) + 1;
    this.memory = new webAssembly.Memory({ initial: pages, maximum: pages, shared });
  }

  get hashes(): Uint8Array {
    return new Uint8Array(this.memory.buffer, this.#hashesAt, HASHES_A_RECORD * HASH_BYTES * RECORDS);
  }

  /** Puts records, each behind its length's place, where the kernel proves them. */
  batch(records: readonly Uint8Array[]): RecordBatch & Record<'starts' | 'ends', Uint32Array> {
    const { buffer } = this.memory;
    const bytes = new Uint8Array(buffer, this.#bytesAt, BYTES);
    const starts = new Uint32Array(buffer, this.#placesAt, RECORDS);
    const ends = new Uint32Array(buffer, this.#placesAt + 4 * RECORDS, RECORDS);
    let offset = 0;
    for (const [index, record] of records.entries()) {
      bytes.set(record, offset + 4);
      starts[index] = offset + 4;
      offset += 4 + record.length;
      ends[index] = offset;
    }
    const count = records.length;
    return { bytes: bytes.subarray(0, offset), count, starts, ends, firstRecord: 1000, fileOffset: 0 };
  }
}
