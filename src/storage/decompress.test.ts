import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beginsAsGzip, readDecompressed } from './decompress.js';
import { LocalFsStorage } from './local-fs.js';
import { readWholeFile } from './read-file.js';
import { StorageError } from './storage-error.js';

let root = '';
let storage: LocalFsStorage;
before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'decompress-'));
  storage = new LocalFsStorage(root);
});
after(() => rm(root, { recursive: true, force: true }));

const bytesMax = 64 * 1024 * 1024;

async function readBack(content: Uint8Array, name = 'file.chunk'): Promise<Buffer> {
  await writeFile(path.join(root, name), content);
  return Buffer.from(await readWholeFile(storage, name, { bytesMax }));
}

async function damageOf(content: Uint8Array, name = 'file.chunk'): Promise<StorageError> {
  try {
    await readBack(content, name);
  } catch (error) {
    assert.ok(error instanceof StorageError, String(error));
    assert.equal(error.code, 'GZIP_DAMAGED');
    assert.equal(error.facts.handle, name);
    return error;
  }
  return assert.fail('the damage was not seen');
}

test('any bytes come out the same, stored bare or as one or more gzip members', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), fc.uint8Array({ maxLength: 50 }), async (a, b) => {
      const bare = Buffer.concat([a, b]);
      if (!beginsAsGzip(bare, 'file.chunk')) assert.ok(bare.equals(await readBack(bare)));
      assert.ok(bare.equals(await readBack(gzipSync(bare))));
      assert.ok(bare.equals(await readBack(Buffer.concat([gzipSync(a), gzipSync(b)]))));
    }),
    { numRuns: 60 },
  );
});

test('content of several megabytes passes in pieces', async () => {
  const content = Buffer.alloc(5 * 1024 * 1024 + 3);
  for (let index = 0; index < content.length; index += 97) content[index] = index & 0xff;
  assert.ok(content.equals(await readBack(gzipSync(content))));
});

test('a gzip that is cut short anywhere is found', async () => {
  const whole = gzipSync(Buffer.from('a record or two, or three'.repeat(20)));
  // Up to two bytes the file cannot be known as gzip: it is then a bare file that its reader refuses.
  for (let length = 2; length < whole.length; length++) await damageOf(whole.subarray(0, length));
});

test('anything behind a gzip is found, zero padding too', async () => {
  const whole = gzipSync(Buffer.from('content'));
  for (const tail of ['\0', '\0\0\0\0\0', 'x', 'garbage', '\x1f', '\x1f\x8b', '\x1f\x8b\x08'])
    await damageOf(Buffer.concat([whole, Buffer.from(tail, 'latin1')]));
  // Also where the padding begins at a boundary of the pieces that are read.
  const large = gzipSync(Buffer.alloc(1024 * 1024 + 7, 3), { level: 0 });
  await damageOf(Buffer.concat([large, Buffer.alloc(2 * 1024 * 1024)]));
});

test('a flipped bit behind the header is found, or leaves the content as it was', async () => {
  const content = Buffer.from('some content that is long enough'.repeat(4));
  const whole = gzipSync(content);
  let harmless = 0;
  for (let bit = 10 * 8; bit < whole.length * 8; bit++) {
    const copy = Buffer.from(whole);
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const read = await readBack(copy).catch((error: unknown) => error);
    if (Buffer.isBuffer(read)) {
      assert.ok(content.equals(read), `bit ${bit}`);
      harmless++;
    } else assert.ok(read instanceof StorageError && read.code === 'GZIP_DAMAGED', `bit ${bit}: ${read}`);
  }
  // The bits that fill up the last byte before the checksum mean nothing; there are at most seven.
  assert.ok(harmless <= 7, `${harmless} bits`);
});

test('a proof that merely begins with 1f 8b is read as it is', async () => {
  const proof = Buffer.alloc(1 + 31 * 32, 0x8b);
  proof[0] = 31;
  assert.ok(proof.equals(await readBack(proof, 'a.proof')));
  assert.equal(beginsAsGzip(proof, 'a.proof'), false);
  assert.equal(beginsAsGzip(proof, 'a.chunk'), true, 'no chunk begins so');
});

test('a proof with a whole gzip header is gzip, but its damage says that it might be bare', async () => {
  const proof = Buffer.alloc(1 + 31 * 32, 7);
  proof.set([31, 0x8b, 8, 0]);
  const error = await damageOf(proof, 'b.proof');
  assert.equal(error.facts.mayBeBare, true);
  const bare = await readWholeFile(storage, 'b.proof', { bytesMax, compression: 'none' });
  assert.ok(proof.equals(bare));
  assert.equal((await damageOf(proof, 'b.chunk')).facts.mayBeBare, undefined);
});

test('a file may be shorter than what is sniffed', async () => {
  for (const head of ['', '\x1f', 'ab', 'abc']) {
    const bare = Buffer.from(head, 'latin1');
    assert.ok(bare.equals(await readBack(bare)));
  }
});

test('a small gzip that unpacks to too much stops at the limit', async () => {
  await writeFile(path.join(root, 'bomb'), gzipSync(Buffer.alloc(bytesMax + 1)));
  const growth = process.memoryUsage().rss;
  await assert.rejects(
    readWholeFile(storage, 'bomb', { bytesMax: 1024 * 1024 }),
    (error) => error instanceof StorageError && error.code === 'FILE_TOO_LARGE',
  );
  assert.ok(process.memoryUsage().rss - growth < 32 * 1024 * 1024);
  await writeFile(path.join(root, 'exact'), gzipSync(Buffer.alloc(1000)));
  assert.equal((await readWholeFile(storage, 'exact', { bytesMax: 1000 })).length, 1000);
  await assert.rejects(readWholeFile(storage, 'exact', { bytesMax: 999 }));
});

test('leaving early, failing and aborting close the stored file', async () => {
  const openFiles = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
  await writeFile(path.join(root, 'large.gz'), gzipSync(Buffer.alloc(8 * 1024 * 1024), { level: 0 }));
  const opened = await openFiles();
  for await (const _piece of readDecompressed(storage, 'large.gz')) break;
  await assert.rejects(readWholeFile(storage, 'large.gz', { bytesMax: 5 }));
  const controller = new AbortController();
  const reason = new Error('enough');
  const reading = async (): Promise<void> => {
    for await (const _piece of readDecompressed(storage, 'large.gz', { signal: controller.signal }))
      controller.abort(reason);
  };
  await assert.rejects(reading(), (error) => error === reason);
  assert.equal(await openFiles(), opened);
});
