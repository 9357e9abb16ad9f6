import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { HASH_SIZE, toHex } from './hash-value.js';
import { nodeSha3 } from './node-sha3.js';

const seed = new Uint8Array(randomBytes(HASH_SIZE));

function expected(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha3-256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Hex of the hash at `start`. */
function hashAt(bytes: Uint8Array, start: number): string {
  return toHex(bytes.subarray(start, start + HASH_SIZE));
}

/** `size` random bytes that begin in the middle of a larger buffer, at an odd offset. */
function unaligned(size: number, offset: number): Uint8Array {
  return new Uint8Array(randomBytes(size + offset + 9)).subarray(offset, offset + size);
}

describe('nodeSha3', () => {
  it('hashes the empty message as FIPS 202 does', () => {
    const empty = 'a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a';
    assert.equal(toHex(nodeSha3.digest(new Uint8Array(0))), empty);
  });

  it('hashes records of every length from 0 to 1000 in one batch, at unaligned places', () => {
    const lengths = Array.from({ length: 1001 }, (_, length) => length);
    const base = unaligned(
      lengths.reduce((sum, length) => sum + length, 0),
      3,
    );
    const starts: number[] = [];
    const ends: number[] = [];
    let offset = 0;
    for (const length of lengths) {
      starts.push(offset);
      offset += length;
      ends.push(offset);
    }
    const outStart = 5;
    const out = unaligned(outStart + lengths.length * HASH_SIZE + 2, 7);
    const before = toHex(base);
    const rim = [toHex(out.subarray(0, outStart)), toHex(out.subarray(-2))];
    nodeSha3.records(seed, { base, starts, ends, count: lengths.length }, out, outStart);
    for (const length of lengths) {
      const message = base.subarray(starts[length], ends[length]);
      assert.equal(hashAt(out, outStart + length * HASH_SIZE), expected(seed, message), `length ${length}`);
    }
    assert.equal(toHex(base), before, 'the input is as it was');
    assert.deepEqual([toHex(out.subarray(0, outStart)), toHex(out.subarray(-2))], rim);
  });

  it('hashes records that are longer than its scratch memory', () => {
    for (const length of [16_383, 16_384, 16_385, 100_001]) {
      const base = unaligned(length, 1);
      const out = new Uint8Array(HASH_SIZE);
      nodeSha3.records(seed, { base, starts: [0], ends: [length], count: 1 }, out, 0);
      assert.equal(toHex(out), expected(seed, base), `length ${length}`);
      assert.equal(toHex(nodeSha3.digest(base)), expected(base), `length ${length}`);
    }
  });

  it('hashes pairs to another place and leaves them as they were', () => {
    const pairs = unaligned(1 + 5 * 2 * HASH_SIZE, 3);
    const before = toHex(pairs);
    const out = unaligned(2 + 5 * HASH_SIZE, 1);
    nodeSha3.nodes(seed, pairs, 1, 5, out, 2);
    for (let index = 0; index < 5; index++) {
      const from = 1 + index * 2 * HASH_SIZE;
      const pair = pairs.subarray(from, from + 2 * HASH_SIZE);
      assert.equal(hashAt(out, 2 + index * HASH_SIZE), expected(seed, pair), `pair ${index}`);
    }
    assert.equal(toHex(pairs), before);
  });

  it('replaces a level by its parents in place, and touches nothing else', () => {
    for (const count of [0, 1, 2, 3, 100]) {
      const start = 11;
      const nodes = unaligned(start + count * 2 * HASH_SIZE + HASH_SIZE, 5);
      const before = nodes.slice();
      nodeSha3.nodes(seed, nodes, start, count, nodes, start);
      for (let index = 0; index < count; index++) {
        const from = start + index * 2 * HASH_SIZE;
        const pair = before.subarray(from, from + 2 * HASH_SIZE);
        assert.equal(hashAt(nodes, start + index * HASH_SIZE), expected(seed, pair), `${index} of ${count}`);
      }
      const rest = start + count * HASH_SIZE;
      assert.equal(toHex(nodes.subarray(rest)), toHex(before.subarray(rest)), 'after the parents');
      assert.equal(toHex(nodes.subarray(0, start)), toHex(before.subarray(0, start)), 'before the parents');
    }
  });
});
