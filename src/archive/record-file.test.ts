import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { BackupStorage } from '../storage/backup-storage.js';
import { LocalFsStorage } from '../storage/local-fs.js';
import { StorageError } from '../storage/storage-error.js';
import { ArchiveError } from './archive-error.js';
import { type ReadRecordOptions, readRecordBatches } from './record-file.js';
import { frameRecord, mustCutChunk, writeRecord } from './record-framing.js';

let root = '';
let local: LocalFsStorage;
before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'record-file-'));
  local = new LocalFsStorage(root);
});
after(() => rm(root, { recursive: true, force: true }));

/** A storage whose one file comes in the given pieces. */
function inPieces(pieces: readonly Uint8Array[]): BackupStorage {
  return {
    kind: 'local-fs',
    description: 'pieces',
    openForRead: async () =>
      (async function* () {
        yield* pieces;
      })(),
    listMetadataFiles: async () => [],
    close: async () => {},
  };
}

function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

interface ReadBack {
  readonly records: Buffer[];
  readonly error: unknown;
  readonly batchSizes: number[];
}

/** Reads all, checks what every batch promises, and copies the records. */
async function readBack(
  storage: BackupStorage,
  file: Uint8Array,
  options: ReadRecordOptions = {},
  handle = 'f.chunk',
): Promise<ReadBack> {
  const records: Buffer[] = [];
  const batchSizes: number[] = [];
  let offset = 0;
  try {
    for await (const batch of readRecordBatches(storage, handle, options)) {
      assert.equal(batch.firstRecord, records.length);
      assert.equal(batch.fileOffset, offset);
      assert.ok(batch.count > 0);
      assert.equal(batch.starts.length, batch.count);
      assert.equal(batch.ends.length, batch.count);
      assert.ok(Buffer.from(file.subarray(offset, offset + batch.bytes.length)).equals(batch.bytes));
      let place = 0;
      for (const [index, start] of batch.starts.entries()) {
        assert.equal(start, place + 4);
        place = batch.ends[index] ?? 0;
        records.push(Buffer.from(batch.bytes.subarray(start, place)));
      }
      assert.equal(place, batch.bytes.length, 'whole records only');
      offset += batch.bytes.length;
      batchSizes.push(batch.bytes.length);
    }
  } catch (error) {
    return { records, error, batchSizes };
  }
  return { records, error: undefined, batchSizes };
}

const anyRecords = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 });
const anyCuts = fc.array(fc.nat(), { maxLength: 12 });
const framed = (records: readonly Uint8Array[]): Buffer => Buffer.concat(records.map(frameRecord));

test('a file gives the same records in whatever pieces and batches it comes', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyRecords,
      anyCuts,
      fc.integer({ min: 1, max: 200 }),
      async (records, cuts, batchBytes) => {
        const file = framed(records);
        const read = await readBack(inPieces(cutAt(file, cuts)), file, { batchBytes });
        assert.equal(read.error, undefined);
        assert.deepEqual(
          read.records,
          records.map((record) => Buffer.from(record)),
        );
        const largest = Math.max(4, batchBytes, ...records.map(({ length }) => length + 4));
        for (const size of read.batchSizes) assert.ok(size <= largest);
      },
    ),
    { numRuns: 300 },
  );
});

test('a file cut short inside of a record is truncated, and its whole records still come', async () => {
  await fc.assert(
    fc.asyncProperty(anyRecords, fc.nat(), anyCuts, async (records, at, cuts) => {
      const whole = framed(records);
      const file = whole.subarray(0, at % (whole.length + 1));
      let start = 0;
      let count = 0;
      while (count < records.length && start + 4 + (records[count]?.length ?? 0) <= file.length)
        start += 4 + (records[count++]?.length ?? 0);
      const read = await readBack(inPieces(cutAt(file, cuts)), file, { batchBytes: 64 });
      assert.equal(read.records.length, count);
      if (start === file.length) assert.equal(read.error, undefined);
      else {
        assert.ok(read.error instanceof ArchiveError);
        assert.equal(read.error.code, 'RECORD_TRUNCATED');
        assert.equal(read.error.facts.recordIndex, count);
        assert.equal(read.error.facts.byteOffset, start);
        assert.equal(read.error.facts.handle, 'f.chunk');
      }
    }),
    { numRuns: 300 },
  );
});

test('a truncation tells how much there is and how much there should be', async () => {
  const truncation = async (file: Buffer) => {
    const { error } = await readBack(inPieces([file]), file);
    assert.ok(error instanceof ArchiveError);
    return [error.facts.expected, error.facts.actual, error.message];
  };
  const file = framed([Buffer.from('first'), Buffer.from('second')]);
  assert.deepEqual(await truncation(file.subarray(0, 11)), [
    4,
    2,
    'f.chunk ends inside of the length of record 1 at byte 9: 2 of 4 bytes',
  ]);
  assert.deepEqual(await truncation(file.subarray(0, 13)), [
    6,
    0,
    'f.chunk ends inside of record 1 at byte 9: 0 of 6 bytes',
  ]);
  assert.deepEqual(await truncation(file.subarray(0, 18)), [
    6,
    5,
    'f.chunk ends inside of record 1 at byte 9: 5 of 6 bytes',
  ]);
});

test('an empty file has no records, and an empty record is a record', async () => {
  assert.deepEqual(await readBack(inPieces([]), Buffer.alloc(0)), {
    records: [],
    error: undefined,
    batchSizes: [],
  });
  const file = Buffer.alloc(4 * 3000);
  assert.equal((await readBack(inPieces([file]), file)).records.length, 3000);
});

test('a record larger than the batch comes in a batch of its own size', async () => {
  const records = [Buffer.alloc(10, 1), Buffer.alloc(5_000_000, 2), Buffer.alloc(20, 3), Buffer.alloc(30, 4)];
  const file = framed(records);
  await writeFile(path.join(root, 'f.chunk'), file);
  const read = await readBack(local, file, { batchBytes: 1000 });
  assert.deepEqual(read.batchSizes, [14, 5_000_004, 58]);
  assert.ok(records.every((record, index) => read.records[index]?.equals(record)));
});

test('a claimed size of gigabytes on a short file costs no memory', async () => {
  const file = Buffer.concat([
    frameRecord(Buffer.from('good')),
    Buffer.from('1f000000', 'hex'),
    Buffer.alloc(3000),
  ]);
  await writeFile(path.join(root, 'f.chunk'), file);
  const before = process.memoryUsage();
  const read = await readBack(local, file);
  assert.ok(process.memoryUsage().arrayBuffers - before.arrayBuffers < 8 * 1024 * 1024);
  assert.equal(read.records.length, 1);
  assert.ok(read.error instanceof ArchiveError && read.error.code === 'RECORD_TRUNCATED');
});

test('a record that claims more than the limit is refused after the good ones before it', async () => {
  const file = Buffer.concat([
    frameRecord(Buffer.from('good')),
    Buffer.from('ffffffff', 'hex'),
    Buffer.alloc(3000),
  ]);
  const { records, error } = await readBack(inPieces([file]), file);
  assert.equal(records.length, 1);
  assert.ok(error instanceof ArchiveError);
  assert.equal(error.code, 'RECORD_TOO_LARGE');
  assert.deepEqual(
    [error.facts.recordIndex, error.facts.byteOffset, error.facts.actual],
    [1, 8, 2 ** 32 - 1],
  );
  const exact = frameRecord(Buffer.alloc(100));
  assert.equal((await readBack(inPieces([exact]), exact, { recordBytesMax: 100 })).error, undefined);
  assert.ok((await readBack(inPieces([exact]), exact, { recordBytesMax: 99 })).error instanceof ArchiveError);
});

test('a packed file is read unpacked, and its damage comes after the records before it', async () => {
  const records = Array.from({ length: 2000 }, (_, index) =>
    Buffer.from(`record ${index} ${Math.sin(index)}`.repeat(40)),
  );
  const file = framed(records);
  const packed = gzipSync(file);
  await writeFile(path.join(root, 'f.chunk'), packed);
  assert.equal((await readBack(local, file)).records.length, 2000);
  await writeFile(path.join(root, 'f.chunk'), packed.subarray(0, -1));
  const { records: read, error } = await readBack(local, file);
  assert.ok(error instanceof StorageError && error.code === 'GZIP_DAMAGED');
  assert.ok(read.length > 0);
  await assert.rejects(
    async () => {
      for await (const _batch of readRecordBatches(local, 'none.chunk')) assert.fail();
    },
    (failure) => failure instanceof StorageError && failure.code === 'FILE_MISSING',
  );
});

test('an abort ends the reading with its reason and no further batch', async () => {
  await writeFile(path.join(root, 'f.chunk'), framed(Array.from({ length: 5000 }, () => Buffer.alloc(1000))));
  const controller = new AbortController();
  const reason = new Error('enough');
  let batches = 0;
  const reading = async (): Promise<void> => {
    for await (const _batch of readRecordBatches(local, 'f.chunk', { signal: controller.signal })) {
      batches++;
      controller.abort(reason);
    }
  };
  await assert.rejects(reading(), (error) => error === reason);
  assert.equal(batches, 1);
});

test('a record is framed by its big-endian length', () => {
  assert.equal(Buffer.from(frameRecord(Buffer.from('abc'))).toString('hex'), '00000003616263');
  const target = new Uint8Array(12).subarray(1);
  assert.equal(writeRecord(target, 2, Buffer.from('xyz')), 9);
  assert.equal(Buffer.from(target).toString('hex'), '00000000000378797a0000');
  assert.throws(() => writeRecord(new Uint8Array(5), 0, Buffer.from('xyz')), RangeError);
});

test('a chunk is cut before the record that would make it too large, but never when it is empty', () => {
  assert.equal(mustCutChunk(0, 1000, 10), false);
  assert.equal(mustCutChunk(50, 46, 100), false);
  assert.equal(mustCutChunk(50, 47, 100), true);
  fc.assert(
    fc.property(fc.array(fc.nat(50)), fc.integer({ min: 1, max: 120 }), (sizes, max) => {
      const chunks: number[][] = [];
      let chunkBytes = 0;
      for (const size of sizes) {
        if (chunks.length === 0 || mustCutChunk(chunkBytes, size, max)) {
          chunks.push([]);
          chunkBytes = 0;
        }
        chunks.at(-1)?.push(size);
        chunkBytes += 4 + size;
      }
      const sum = (chunk: readonly number[]): number => chunk.reduce((total, size) => total + size + 4, 0);
      for (const [index, chunk] of chunks.entries()) {
        assert.ok(chunk.length === 1 || sum(chunk) <= max);
        const next = chunks[index + 1]?.[0];
        assert.ok(next === undefined || sum(chunk) + next + 4 > max, 'no chunk is cut too early');
      }
    }),
  );
});
