import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BatchMemory } from './batch-memory.js';

const MIB = 1 << 20;

describe('the memory of batches', () => {
  it('keeps what was put in until it is released, whatever its size', () => {
    const sizes = fc.array(
      fc.tuple(fc.constantFrom(0, 1, 1000, MIB / 2 + 1, MIB - 1, MIB, MIB + 1), fc.boolean()),
      {
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(sizes, (steps) => {
        const memory = new BatchMemory();
        let kept: { fill: number; size: number; bytes: Uint8Array; release: () => void }[] = [];
        for (const [index, [size, isReleased]] of steps.entries()) {
          kept.push({ fill: index + 1, size, ...memory.keep(new Uint8Array(size).fill(index + 1)) });
          if (isReleased) kept.shift()?.release();
          for (const { fill, size, bytes } of kept) {
            assert.equal(bytes.length, size);
            assert.ok(size === 0 || (bytes[0] === fill && bytes.at(-1) === fill));
          }
          assert.ok(memory.held >= kept.reduce((sum, { size }) => sum + size, 0));
        }
        for (const { release } of kept) release();
        assert.equal(memory.held, 0);
        kept = [];
      }),
      { numRuns: 30 },
    );
  });

  it('uses blocks again, and lets go of what nothing waits in', () => {
    const memory = new BatchMemory();
    const stays = memory.keep(new Uint8Array(MIB).fill(1));
    const goes = memory.keep(new Uint8Array(MIB).fill(2));
    const place = goes.bytes.byteOffset;
    goes.release();
    const next = memory.keep(new Uint8Array(MIB - 7).fill(3));
    assert.equal(next.bytes.buffer, stays.bytes.buffer);
    assert.equal(next.bytes.byteOffset, place);
    stays.release();
    assert.equal(next.bytes[0], 3);
    next.release();
    assert.equal(next.bytes.buffer.byteLength, 0);
  });

  it('says when there is room', async () => {
    const memory = new BatchMemory(4 * MIB);
    const kept = [1, 2, 3].map((fill) => memory.keep(new Uint8Array(MIB).fill(fill)));
    await memory.whenRoom(MIB);
    const told: number[] = [];
    const waiting = [2, 3].map((mib) => memory.whenRoom(mib * MIB).then(() => told.push(mib)));
    await Promise.resolve();
    assert.deepEqual(told, []);
    kept[0]?.release();
    await waiting[0];
    assert.deepEqual(told, [2]);
    kept[1]?.release();
    await Promise.all(waiting);
    assert.deepEqual(told, [2, 3]);
  });
});
