import assert from 'node:assert/strict';
import { HASH_SIZE } from './hash-value.js';
import { bestKernelKind, instantiateKernel, type KernelExports, type KernelKind } from './kernel-instance.js';
import { nodeSha3 } from './node-sha3.js';
import type { Sha3Engine, Spans } from './sha3-engine.js';
import { webAssembly } from './web-assembly.js';

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
const MEMORY_BYTES = DATA + BATCH_BYTES_MAX + 256;
const PAGE_BYTES = 65_536;

/**
 * The engine on the compiled kernel. Batches are copied through its memory in slices, about half a MiB in all
 * whatever the input.
 */
class KernelSha3 implements Sha3Engine {
  readonly name: string;
  readonly #kernel: KernelExports;
  readonly #memory: Uint8Array;
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;

  constructor(kind: KernelKind) {
    this.name = `kernel-${kind}`;
    const pages = Math.ceil(MEMORY_BYTES / PAGE_BYTES);
    const memory = new webAssembly.Memory({ initial: pages, maximum: pages });
    this.#kernel = instantiateKernel(kind, memory, SCRATCH);
    assert(this.#kernel.scratchBytes() <= SEED);
    this.#memory = new Uint8Array(memory.buffer);
    this.#starts = new Uint32Array(memory.buffer, STARTS, BATCH_COUNT_MAX);
    this.#ends = new Uint32Array(memory.buffer, ENDS, BATCH_COUNT_MAX);
  }

  /** Single messages without a seed are rare: node:crypto is good enough for them. */
  digest(message: Uint8Array): Uint8Array {
    return nodeSha3.digest(message);
  }

  records(seed: Uint8Array, spans: Spans, out: Uint8Array, outStart: number): void {
    assert(outStart + HASH_SIZE * spans.count <= out.length, 'room for every digest');
    this.#setSeed(seed);
    for (let done = 0; done < spans.count; ) {
      const at = outStart + HASH_SIZE * done;
      const count = this.#gather(spans, done);
      if (count === 0) {
        const message = spans.base.subarray(spans.starts[done], spans.ends[done]);
        const alone = { base: message, starts: [0], ends: [message.length], count: 1 };
        nodeSha3.records(seed, alone, out, at);
        done++;
      } else {
        this.#kernel.records(SCRATCH, SEED, DATA, STARTS, ENDS, count, DIGESTS);
        out.set(this.#memory.subarray(DIGESTS, DIGESTS + HASH_SIZE * count), at);
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
    for (let done = 0; done < count; done += BATCH_COUNT_MAX) {
      const slice = Math.min(BATCH_COUNT_MAX, count - done);
      const from = start + PAIR_SIZE * done;
      this.#memory.set(pairs.subarray(from, from + PAIR_SIZE * slice), DATA);
      this.#kernel.nodes(SCRATCH, SEED, DATA, slice, DATA);
      // In place, the digests of a slice end before the pairs of the next one begin.
      out.set(this.#memory.subarray(DATA, DATA + HASH_SIZE * slice), outStart + HASH_SIZE * done);
    }
  }

  #setSeed(seed: Uint8Array): void {
    assert(seed.length === HASH_SIZE, 'a seed has 32 bytes');
    this.#memory.set(seed, SEED);
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
      assert(start >= 0 && start <= end && end <= base.length, 'every message lies in the base');
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

  #copyRun(base: Uint8Array, start: number, end: number, target: number): void {
    if (end > start) this.#memory.set(base.subarray(start, end), DATA + target);
  }
}

/** An engine with memory of its own, of the fastest kind that runs here unless one is asked for. */
export function createKernelSha3(kind: KernelKind = bestKernelKind()): Sha3Engine {
  return new KernelSha3(kind);
}

/** The engine that is used unless another is passed in. Calls return when they are done, so none overlap. */
export const kernelSha3: Sha3Engine = createKernelSha3();
