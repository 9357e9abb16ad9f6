import assert from 'node:assert/strict';
import { HASH_SIZE } from './hash-value.js';
import { bestKernelKind, instantiateKernel, type KernelExports, type KernelKind } from './kernel-instance.js';
import { nodeSha3 } from './node-sha3.js';
import type { Sha3Engine, Spans } from './sha3-engine.js';
import { type WasmMemory, webAssembly } from './web-assembly.js';

const PAIR_SIZE = 2 * HASH_SIZE;
/** Messages of one call of the kernel. */
const BATCH_COUNT_MAX = 4096;
/** Bytes of one call: with the digests they stay in a core's second-level cache. */
const BATCH_BYTES_MAX = BATCH_COUNT_MAX * PAIR_SIZE;
/** Longer messages go to node:crypto: nothing would be left to hash beside them. */
const MESSAGE_BYTES_MAX = 64 * 1024;
/** Messages with at most this many bytes between them are copied as one piece. */
const GAP_BYTES_MAX = 256;

const SCRATCH = 0;
const SEED = 4096;
const STARTS = SEED + 64;
const ENDS = STARTS + 4 * BATCH_COUNT_MAX;
const DIGESTS = ENDS + 4 * BATCH_COUNT_MAX;
const DATA = DIGESTS + HASH_SIZE * BATCH_COUNT_MAX;
/** The kernel reads whole words and blocks, so also behind the last message. */
const READ_BEHIND = 256;
const MEMORY_BYTES = DATA + BATCH_BYTES_MAX + READ_BEHIND;
const PAGE_BYTES = 65_536;

/** Bytes of the part of a memory that an engine keeps for itself; a multiple of a page. */
export const KERNEL_AREA_BYTES = Math.ceil(MEMORY_BYTES / PAGE_BYTES) * PAGE_BYTES;

/**
 * The engine on the compiled kernel. What lies in the kernel's memory is hashed where it lies; other batches
 * are copied through the engine's own part of it in slices, about half a MiB in all whatever the input.
 */
class KernelSha3 implements Sha3Engine {
  readonly name: string;
  readonly #kernel: KernelExports;
  readonly #memory: Uint8Array;
  /** Where the engine's own part begins. */
  readonly #area: number;
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;

  constructor(kind: KernelKind, memory: WasmMemory, area: number) {
    this.name = `kernel-${kind}`;
    this.#kernel = instantiateKernel(kind, memory, area + SCRATCH);
    assert(this.#kernel.scratchBytes() <= SEED);
    this.#memory = new Uint8Array(memory.buffer);
    this.#area = area;
    this.#starts = new Uint32Array(memory.buffer, area + STARTS, BATCH_COUNT_MAX);
    this.#ends = new Uint32Array(memory.buffer, area + ENDS, BATCH_COUNT_MAX);
  }

  /** Single messages without a seed are rare: node:crypto is good enough for them. */
  digest(message: Uint8Array): Uint8Array {
    return nodeSha3.digest(message);
  }

  records(seed: Uint8Array, spans: Spans, out: Uint8Array, outStart: number): void {
    assert(outStart + HASH_SIZE * spans.count <= out.length, 'room for every digest');
    this.#setSeed(seed);
    const inPlace = this.#holds(spans.base);
    for (let done = 0; done < spans.count; ) {
      const at = outStart + HASH_SIZE * done;
      const count = inPlace ? this.#locate(spans, done) : this.#gather(spans, done);
      if (count === 0) {
        const message = spans.base.subarray(spans.starts[done], spans.ends[done]);
        const alone = { base: message, starts: [0], ends: [message.length], count: 1 };
        nodeSha3.records(seed, alone, out, at);
        done++;
      } else {
        this.#hashLocated(inPlace ? spans.base.byteOffset : this.#area + DATA, count, out, at);
        done += count;
      }
    }
  }

  nodes(
    seed: Uint8Array,
    pairs: Uint8Array,
    start: number,
    count: number,
    out: Uint8Array,
    outStart: number,
  ): void {
    assert(start + PAIR_SIZE * count <= pairs.length, 'every pair is there');
    assert(outStart + HASH_SIZE * count <= out.length, 'room for every digest');
    this.#setSeed(seed);
    const area = this.#area;
    const data = area + DATA;
    if (this.#holds(pairs) && this.#holds(out)) {
      const [from, to] = [pairs.byteOffset + start, out.byteOffset + outStart];
      this.#kernel.nodes(area + SCRATCH, area + SEED, from, count, to);
      return;
    }
    for (let done = 0; done < count; done += BATCH_COUNT_MAX) {
      const slice = Math.min(BATCH_COUNT_MAX, count - done);
      const from = start + PAIR_SIZE * done;
      this.#memory.set(pairs.subarray(from, from + PAIR_SIZE * slice), data);
      this.#kernel.nodes(area + SCRATCH, area + SEED, data, slice, data);
      // In place, the digests of a slice end before the pairs of the next one begin.
      out.set(this.#memory.subarray(data, data + HASH_SIZE * slice), outStart + HASH_SIZE * done);
    }
  }

  /** Hashes `count` messages whose places, from `base` on, are noted. */
  #hashLocated(base: number, count: number, out: Uint8Array, outStart: number): void {
    const area = this.#area;
    const direct = this.#holds(out);
    const target = direct ? out.byteOffset + outStart : area + DIGESTS;
    this.#kernel.records(area + SCRATCH, area + SEED, base, area + STARTS, area + ENDS, count, target);
    if (!direct) out.set(this.#memory.subarray(target, target + HASH_SIZE * count), outStart);
  }

  /** Whether bytes lie in the kernel's memory, and not at its very end, behind which the kernel may read. */
  #holds(bytes: Uint8Array): boolean {
    return (
      bytes.buffer === this.#memory.buffer &&
      bytes.byteOffset + bytes.length + READ_BEHIND <= this.#memory.length
    );
  }

  #setSeed(seed: Uint8Array): void {
    assert(seed.length === HASH_SIZE, 'a seed has 32 bytes');
    this.#memory.set(seed, this.#area + SEED);
  }

  /**
   * Copies as many messages from `first` on as fit, with their places, and returns their number: 0 if the
   * first one is too long for the kernel. Neighbours are copied as one run.
   */
  #gather({ base, starts, ends, count }: Spans, first: number): number {
    const limit = Math.min(BATCH_COUNT_MAX, count - first);
    let taken = 0;
    // The run base[runStart..runEnd] is to lie at runTarget of the data.
    let runStart = 0;
    let runEnd = 0;
    let runTarget = 0;
    for (; taken < limit; taken++) {
      const start = starts[first + taken] ?? -1;
      const end = ends[first + taken] ?? -1;
      if (start < 0 || start > end || end > base.length) refuseSpan();
      if (end - start > MESSAGE_BYTES_MAX) break;
      const joins = taken > 0 && start >= runStart && start <= runEnd + GAP_BYTES_MAX;
      const target = joins ? runTarget : runTarget + runEnd - runStart;
      const origin = joins ? runStart : start;
      if (target + end - origin > BATCH_BYTES_MAX) break;
      if (!joins) {
        this.#copyRun(base, runStart, runEnd, runTarget);
        runStart = start;
        runEnd = end;
        runTarget = target;
      } else if (end > runEnd) runEnd = end;
      this.#starts[taken] = target + start - origin;
      this.#ends[taken] = target + end - origin;
    }
    this.#copyRun(base, runStart, runEnd, runTarget);
    return taken;
  }

  /** Notes the places of as many messages from `first` on as one call takes, and returns their number. */
  #locate({ base, starts, ends, count }: Spans, first: number): number {
    const taken = Math.min(BATCH_COUNT_MAX, count - first);
    for (let index = 0; index < taken; index++) {
      const start = starts[first + index] ?? -1;
      const end = ends[first + index] ?? -1;
      if (start < 0 || start > end || end > base.length) refuseSpan();
      this.#starts[index] = start;
      this.#ends[index] = end;
    }
    return taken;
  }

  #copyRun(base: Uint8Array, start: number, end: number, target: number): void {
    if (end > start) this.#memory.set(base.subarray(start, end), this.#area + DATA + target);
  }
}

/** An engine with memory of its own, of the fastest kind that runs here unless one is asked for. */
export function createKernelSha3(kind: KernelKind = bestKernelKind()): Sha3Engine {
  const pages = KERNEL_AREA_BYTES / PAGE_BYTES;
  return new KernelSha3(kind, new webAssembly.Memory({ initial: pages, maximum: pages }), 0);
}

/**
 * An engine on a memory that others use too. `KERNEL_AREA_BYTES` from `area`, a multiple of 16, on belong to
 * it alone. Messages, pairs and digests that lie in the memory are not copied.
 */
export function createKernelSha3On(
  memory: WasmMemory,
  area: number,
  kind: KernelKind = bestKernelKind(),
): Sha3Engine {
  return new KernelSha3(kind, memory, area);
}

/** The engine that is used unless another is passed in. Calls return when they are done, so none overlap. */
export const kernelSha3: Sha3Engine = createKernelSha3();

/** No `assert` where it stands: its call alone would cost a tenth of hashing a message. */
function refuseSpan(): never {
  assert.fail('every message lies in the base');
}
