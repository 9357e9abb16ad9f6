import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { frameRecord } from '../archive/record-framing.js';
import { RecordSplitter } from './record-splitter.js';
import { ServiceError } from './service-error.js';

/** The records that come out of pieces of these sizes, repeated. */
function split(stream: Uint8Array, sizes: readonly number[], recordBytesMax = 1 << 20): Uint8Array[] {
  const splitter = new RecordSplitter('/x', recordBytesMax);
  const records: Uint8Array[] = [];
  for (let offset = 0, turn = 0; offset < stream.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    for (const batch of splitter.split(stream.subarray(offset, offset + size))) {
      assert.equal(batch.firstRecord, records.length);
      for (let index = 0; index < batch.count; index++) {
        records.push(batch.bytes.slice(batch.starts[index], batch.ends[index]));
      }
    }
    offset += size;
  }
  splitter.finish();
  return records;
}

describe('RecordSplitter', () => {
  it('finds the same records however the body is cut into pieces', () => {
    const records = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 });
    const sizes = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(records, sizes, (expected, pieceSizes) => {
        const stream = new Uint8Array(Buffer.concat(expected.map(frameRecord)));
        assert.deepEqual(split(stream, pieceSizes), expected);
      }),
    );
  });

  it('collects a record that is larger than every piece', () => {
    const record = new Uint8Array(1_000_000).map((_, index) => index * 7);
    assert.deepEqual(split(frameRecord(record), [65_536]), [record]);
  });

  it('names a body that ends inside of a record or of its length', () => {
    const stream = Buffer.concat([frameRecord(new Uint8Array(10)), frameRecord(new Uint8Array(10))]);
    for (let length = 0; length < stream.length; length++) {
      const cut = (): unknown => split(stream.subarray(0, length), [7]);
      if (length === 0 || length === 14) cut();
      else assert.throws(cut, { code: 'SERVICE_RECORD_TRUNCATED' }, `${length} bytes`);
    }
  });

  it('refuses a claimed length above the limit before any of its bytes have come', () => {
    const head = Uint8Array.of(0xff, 0xff, 0xff, 0xff);
    for (const size of [1, 4]) {
      assert.throws(
        () => split(head, [size], 1000),
        (error) => error instanceof ServiceError && error.code === 'SERVICE_BODY_TOO_LARGE',
      );
    }
  });

  it('does not reserve what a length claims before the bytes are there', () => {
    const before = process.memoryUsage().arrayBuffers;
    const splitter = new RecordSplitter('/x', 512 * 1024 * 1024);
    // 511 MiB, of which 100 bytes come.
    const claimed = Uint8Array.of(0x1f, 0xf0, 0, 0, ...new Uint8Array(100));
    assert.deepEqual([...splitter.split(claimed)], []);
    assert.ok(process.memoryUsage().arrayBuffers - before < 1 << 20);
    assert.throws(() => splitter.finish(), { code: 'SERVICE_RECORD_TRUNCATED' });
  });
});
