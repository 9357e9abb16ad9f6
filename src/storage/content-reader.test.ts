import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { memoryFolder } from '../test-support/memory-folder.js';
import type { BackupStorage } from './backup-storage.js';
import { openContent } from './content-reader.js';
import { LocalFsStorage } from './local-fs.js';
import { StorageError } from './storage-error.js';

const content = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7) & 255));

/** Reads all, `room` bytes at a time; also what `onContent` saw. */
async function readAll(storage: BackupStorage, handle: string, room: number, compression?: 'none') {
  const seen: Buffer[] = [];
  const onContent = (piece: Uint8Array): void => void seen.push(Buffer.from(piece));
  const reader = await openContent(storage, handle, { onContent, compression });
  const read: Buffer[] = [];
  const target = new Uint8Array(new SharedArrayBuffer(room));
  try {
    for (;;) {
      const size = await reader.readInto(target);
      if (size === 0) return { read: Buffer.concat(read), seen: Buffer.concat(seen) };
      read.push(Buffer.from(target.slice(0, size)));
    }
  } finally {
    await reader.close();
  }
}

describe('the content of a file, read into memory of the reader', () => {
  it('is the same bare or packed, read directly or in pieces, in whatever portions', async (t) => {
    const folder = memoryFolder(t);
    const local = new LocalFsStorage(folder);
    // The same files, of a storage that has pieces only.
    const pieces: BackupStorage = {
      kind: 'local-fs',
      description: 'pieces',
      openForRead: (...args) => local.openForRead(...args),
      listMetadataFiles: async () => [],
      close: async () => {},
    };
    for (const size of [0, 1, 3, 4, 5, 5000]) {
      const expected = content.subarray(0, size);
      await writeFile(path.join(folder, 'bare'), expected);
      await writeFile(path.join(folder, 'packed'), gzipSync(expected));
      for (const storage of [local, pieces]) {
        for (const handle of ['bare', 'packed']) {
          for (const room of [4, 7, 10_000]) {
            const { read, seen } = await readAll(storage, handle, room);
            assert.deepEqual(read, expected);
            assert.deepEqual(seen, expected);
          }
        }
      }
    }
    const stored = await readAll(local, 'packed', 64, 'none');
    assert.deepEqual(stored.read, gzipSync(content));
  });

  it('cannot be read of a file that is missing, or is damaged gzip', async (t) => {
    const folder = memoryFolder(t);
    const local = new LocalFsStorage(folder);
    const codeOf = (code: string) => (error: unknown) => error instanceof StorageError && error.code === code;
    await assert.rejects(readAll(local, 'missing', 64), codeOf('FILE_MISSING'));
    await writeFile(path.join(folder, 'cut'), gzipSync(content).subarray(0, 100));
    await assert.rejects(readAll(local, 'cut', 64), codeOf('GZIP_DAMAGED'));
  });
});
