import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DomainHasher } from './domain-hasher.js';
import { HASH_SIZE, toHex } from './hash-value.js';
import { bestKernelKind, instantiateKernel } from './kernel-instance.js';
import { createKernelSha3, createKernelSha3On, KERNEL_AREA_BYTES, kernelSha3 } from './kernel-sha3.js';
import { nodeSha3 } from './node-sha3.js';
import type { Sha3Engine, Spans } from './sha3-engine.js';
import { webAssembly } from './web-assembly.js';

const seed = new Uint8Array(randomBytes(HASH_SIZE));

function expected(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha3-256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** `size` random bytes that begin in the middle of a larger buffer. */
function unaligned(size: number, offset: number): Uint8Array {
  return new Uint8Array(randomBytes(size + offset + 9)).subarray(offset, offset + size);
}

/** Spans of messages of these lengths, `gap` bytes apart. */
function spansOf(lengths: readonly number[], gap = 0): Spans {
  const starts: number[] = [];
  const ends: number[] = [];
  let offset = 0;
  for (const length of lengths) {
    starts.push(offset);
    ends.push(offset + length);
    offset += length + gap;
  }
  return { base: unaligned(offset, 3), starts, ends, count: lengths.length };
}

/** Hashes with the engine and compares each digest, and the rim of `out`, with node:crypto's. */
function checkRecords(engine: Sha3Engine, spans: Spans): void {
  const outStart = 5;
  const out = unaligned(outStart + spans.count * HASH_SIZE + 2, 7);
  const rim = [toHex(out.subarray(0, outStart)), toHex(out.subarray(-2))];
  const before = createHash('sha256').update(spans.base).digest('hex');
  engine.records(seed, spans, out, outStart);
  for (let index = 0; index < spans.count; index++) {
    const message = spans.base.subarray(spans.starts[index], spans.ends[index]);
    const at = outStart + index * HASH_SIZE;
    const digest = toHex(out.subarray(at, at + HASH_SIZE));
    assert.equal(digest, expected(seed, message), `message ${index} of ${message.length} bytes`);
  }
  assert.deepEqual([toHex(out.subarray(0, outStart)), toHex(out.subarray(-2))], rim, 'rim of the digests');
  assert.equal(createHash('sha256').update(spans.base).digest('hex'), before, 'the input is as it was');
}

function checkLevel(engine: Sha3Engine, count: number, inPlace: boolean): void {
  const start = 11;
  const nodes = unaligned(start + count * 2 * HASH_SIZE + HASH_SIZE, 5);
  const before = nodes.slice();
  const out = inPlace ? nodes : unaligned(start + count * HASH_SIZE + 3, 1);
  const rim = [toHex(out.subarray(0, start)), toHex(out.subarray(start + count * HASH_SIZE))];
  engine.nodes(seed, nodes, start, count, out, start);
  for (let index = 0; index < count; index++) {
    const from = start + index * 2 * HASH_SIZE;
    const at = start + index * HASH_SIZE;
    const digest = toHex(out.subarray(at, at + HASH_SIZE));
    const pair = before.subarray(from, from + 2 * HASH_SIZE);
    assert.equal(digest, expected(seed, pair), `pair ${index} of ${count}`);
  }
  assert.deepEqual(
    [toHex(out.subarray(0, start)), toHex(out.subarray(start + count * HASH_SIZE))],
    rim,
    'nothing else is touched',
  );
  if (!inPlace) assert.deepEqual(nodes, before, 'the pairs are as they were');
}

for (const kind of ['simd', 'scalar'] as const) {
  const skip = kind === 'simd' && bestKernelKind() !== 'simd' ? 'this engine has no SIMD' : false;
  describe(`the ${kind} kernel`, { skip }, () => {
    const engine = createKernelSha3(kind);

    it('hashes every length from 0 to 1000 in one batch', () => {
      const lengths = Array.from({ length: 1001 }, (_, length) => length);
      checkRecords(engine, spansOf(lengths));
      checkRecords(engine, spansOf(lengths.toReversed()));
    });

    it('hashes every length from 0 to 1000 alone', () => {
      for (let length = 0; length <= 1000; length++) checkRecords(engine, spansOf([length]));
    });

    it('hashes any batch of mixed lengths, gaps, overlaps and orders', () => {
      const length = fc.oneof(fc.nat(300), fc.constantFrom(0, 71, 103, 104, 105, 135, 136, 239, 240, 241));
      const span = fc.record({ start: fc.nat(6000), length });
      fc.assert(
        fc.property(fc.array(span, { maxLength: 40 }), fc.nat(16), (list, offset) => {
          const starts = list.map(({ start }) => start);
          const ends = list.map((each) => each.start + each.length);
          checkRecords(engine, { base: unaligned(6300, offset), starts, ends, count: list.length });
        }),
        { numRuns: 200 },
      );
    });

    it('hashes more messages, and more bytes, than fit into its memory', () => {
      checkRecords(engine, spansOf(Array.from({ length: 9000 }, (_, index) => index % 7)));
      checkRecords(engine, spansOf(Array.from({ length: 300 }, (_, index) => 5000 + index)));
      checkRecords(
        engine,
        spansOf(
          Array.from({ length: 300 }, () => 10),
          5000,
        ),
      );
    });

    it('hashes huge messages among small ones', () => {
      checkRecords(engine, spansOf([3, 65_535, 65_536, 65_537, 200, 3_000_001, 0, 1]));
      checkRecords(engine, spansOf([3_000_000]));
    });

    it('takes starts and ends of typed arrays too', () => {
      const { base, starts, ends, count } = spansOf([1, 200, 3]);
      checkRecords(engine, { base, starts: Float64Array.from(starts), ends: Uint32Array.from(ends), count });
    });

    it('hashes nothing when there is nothing', () => {
      engine.records(seed, { base: new Uint8Array(0), starts: [], ends: [], count: 0 }, new Uint8Array(0), 0);
      engine.nodes(seed, new Uint8Array(0), 0, 0, new Uint8Array(0), 0);
    });

    for (const inPlace of [true, false]) {
      it(`hashes levels of a tree ${inPlace ? 'in place' : 'to another place'}`, () => {
        for (const count of [0, 1, 2, 3, 4, 5, 100, 4095, 4096, 4097, 9001]) {
          checkLevel(engine, count, inPlace);
        }
      });
    }

    it('builds a whole tree in place like node:crypto', () => {
      const leaves = unaligned(1024 * HASH_SIZE, 1);
      const other = leaves.slice();
      for (let width = 512; width >= 1; width /= 2) {
        engine.nodes(seed, leaves, 0, width, leaves, 0);
        nodeSha3.nodes(seed, other, 0, width, other, 0);
      }
      assert.equal(toHex(leaves.subarray(0, HASH_SIZE)), toHex(other.subarray(0, HASH_SIZE)));
    });

    it('has the golden seed and pair of a domain', () => {
      const hasher = new DomainHasher('APTOS::', 'TransactionInfo', engine);
      const golden = 'a7571b1ac557d1d3f9e884d79f9174c9ff81fd091502dfad0008455b39eca471';
      assert.equal(toHex(hasher.seed), golden);
      const zero = new Uint8Array(HASH_SIZE);
      assert.equal(toHex(hasher.pair(zero, zero)), expected(hasher.seed, zero, zero));
    });

    it('refuses messages and pairs that do not lie in their array, and digests without room', () => {
      const base = new Uint8Array(64);
      const out = new Uint8Array(64);
      const record = (start: number, end: number) => () =>
        engine.records(seed, { base, starts: [start], ends: [end], count: 1 }, out, 0);
      assert.throws(record(0, 65), { name: 'AssertionError' });
      assert.throws(record(2, 1), { name: 'AssertionError' });
      assert.throws(record(-1, 1), { name: 'AssertionError' });
      assert.throws(() => engine.nodes(seed, base, 1, 1, out, 0), { name: 'AssertionError' });
      assert.throws(() => engine.nodes(seed, base, 0, 1, out, 33), { name: 'AssertionError' });
      assert.throws(() => engine.nodes(seed.subarray(1), base, 0, 1, out, 0), { name: 'AssertionError' });
    });

    it('hashes what lies in a shared memory where it lies, beside another engine', () => {
      const pages = (2 * KERNEL_AREA_BYTES) / 65_536 + 8;
      const memory = new webAssembly.Memory({ initial: pages, maximum: pages, shared: true });
      const engines = [0, KERNEL_AREA_BYTES].map((area) => createKernelSha3On(memory, area, kind));
      const at = 2 * KERNEL_AREA_BYTES;
      for (const [index, each] of engines.entries()) {
        const lengths = [0, 5, 103, 104, 200, 70_000, ...new Array<number>(5000).fill(9)];
        const { base, starts, ends, count } = spansOf(lengths);
        const shared = new Uint8Array(memory.buffer, at + index, base.length);
        shared.set(base);
        const out = new Uint8Array(memory.buffer, at + 150_003, count * HASH_SIZE);
        each.records(seed, { base: shared, starts, ends, count }, out, 0);
        const wanted = new Uint8Array(count * HASH_SIZE);
        nodeSha3.records(seed, { base, starts, ends, count }, wanted, 0);
        assert.equal(toHex(out.slice()), toHex(wanted));
        const copied = new Uint8Array(count * HASH_SIZE);
        each.records(seed, { base: shared, starts, ends, count }, copied, 0);
        assert.equal(toHex(copied), toHex(wanted));
        assert.deepEqual(shared.slice(), base.slice(), 'the messages are as they were');
        nodeSha3.nodes(seed, wanted, 0, 2500, wanted, 0);
        each.nodes(seed, out, 0, 2500, out, 0);
        assert.equal(toHex(out.slice(0, 80_000)), toHex(wanted.subarray(0, 80_000)));
        assert.throws(
          () => each.records(seed, { base: shared, starts: [1], ends: [0], count: 1 }, copied, 0),
          {
            name: 'AssertionError',
          },
        );
        const end = new Uint8Array(memory.buffer, pages * 65_536 - 40);
        each.records(seed, { base: end, starts: [0], ends: [40], count: 1 }, copied, 0);
        assert.equal(toHex(copied.subarray(0, 32)), expected(seed, end.slice()), 'at the very end');
      }
    });

    it('runs twice on one shared memory, each instance with scratch memory of its own', () => {
      const memory = new webAssembly.Memory({ initial: 2, maximum: 2, shared: true });
      const bytes = new Uint8Array(memory.buffer);
      const scratches = [0, 4096];
      const kernels = scratches.map((scratch) => instantiateKernel(kind, memory, scratch));
      const [seedAt, pairsAt] = [8192, 16_384];
      bytes.set(seed, seedAt);
      const pairs = randomBytes(20 * 2 * HASH_SIZE);
      bytes.set(pairs, pairsAt);
      kernels.forEach((kernel, index) => {
        assert(kernel.scratchBytes() <= 4096);
        const from = pairsAt + index * 10 * 2 * HASH_SIZE;
        kernel.nodes(scratches[index] ?? 0, seedAt, from, 10, from);
      });
      for (let index = 0; index < 20; index++) {
        const pair = pairs.subarray(index * 2 * HASH_SIZE, (index + 1) * 2 * HASH_SIZE);
        const at = pairsAt + (index < 10 ? index : 10 + index) * HASH_SIZE;
        assert.equal(toHex(bytes.slice(at, at + HASH_SIZE)), expected(seed, pair), `pair ${index}`);
      }
    });
  });
}

describe('kernelSha3', () => {
  it('is of the best kind of this engine', () => {
    assert.equal(kernelSha3.name, `kernel-${bestKernelKind()}`);
  });

  it('is caught by these checks when a digest is wrong', () => {
    const faulty: Sha3Engine = {
      name: 'faulty',
      digest: (message) => nodeSha3.digest(message),
      records: (...args) => {
        nodeSha3.records(...args);
        const [, , out, outStart] = args;
        out[outStart + HASH_SIZE] = (out[outStart + HASH_SIZE] ?? 0) ^ 1;
      },
      nodes: (...args) => {
        nodeSha3.nodes(...args);
        args[4].reverse();
      },
    };
    assert.throws(() => checkRecords(faulty, spansOf([5, 6, 7])), /message 1 of 6 bytes/);
    assert.throws(() => checkLevel(faulty, 3, true), /pair 0 of 3/);
  });
});
