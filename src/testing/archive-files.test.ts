import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frameRecord } from '../archive/record-framing.js';
import { cutChunks } from './archive-files.js';

test('chunks hold all records in order, and only a single record exceeds the maximum', () => {
  const sizes = fc.array(fc.nat(300), { maxLength: 40 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 600 }), (recordSizes, chunkBytesMax) => {
      const records = recordSizes.map((size, index) => new Uint8Array(size).fill(index));
      const record = (index: number): Uint8Array => records[index] ?? assert.fail();
      const chunks = [...cutChunks(records.length, record, chunkBytesMax)];
      const all = Buffer.concat(records.map(frameRecord));
      assert.deepEqual(Buffer.concat(chunks.map(({ bytes }) => bytes)), all);
      let next = 0;
      for (const { first, last, bytes } of chunks) {
        assert.equal(first, next);
        assert(first === last || bytes.length <= chunkBytesMax);
        const after = records[last + 1];
        if (after) assert(bytes.length + frameRecord(after).length > chunkBytesMax, 'cut too early');
        next = last + 1;
      }
      assert.equal(next, records.length);
    }),
  );
});
