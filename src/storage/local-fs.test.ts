import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { LocalFsStorage } from './local-fs.js';
import { StorageError } from './storage-error.js';

async function freshFolder(): Promise<{ root: string } & AsyncDisposable> {
  const root = await mkdtemp(path.join(tmpdir(), 'local-fs-'));
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

function failsWith(code: string, handle?: string) {
  return (error: unknown) => {
    assert.ok(error instanceof StorageError, String(error));
    assert.equal(error.code, code);
    if (handle !== undefined) assert.equal(error.facts.handle, handle);
    return true;
  };
}

const openFiles = async (): Promise<number> => (await readdir('/proc/self/fd')).length;

test('a file is read as it is, whatever its size', async () => {
  await using folder = await freshFolder();
  const storage = new LocalFsStorage(folder.root);
  for (const size of [0, 1, 4096, 1024 * 1024 - 1, 1024 * 1024, 2 * 1024 * 1024 + 5]) {
    const content = Buffer.alloc(size, size % 251);
    await writeFile(path.join(folder.root, 'file'), content);
    assert.ok(content.equals(await collect(await storage.openForRead('file'))), `${size} bytes`);
  }
});

test('a handle that leads out of the root, or is none, is refused before anything is opened', async () => {
  await using folder = await freshFolder();
  const storage = new LocalFsStorage(path.join(folder.root, 'inner'));
  await mkdir(path.join(folder.root, 'inner'));
  await writeFile(path.join(folder.root, 'secret'), 'x');
  for (const handle of ['', '/etc/passwd', '../secret', 'a/../../secret', '..', 'a\0b']) {
    await assert.rejects(storage.openForRead(handle), failsWith('FILE_HANDLE_ILLEGAL', handle));
  }
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('..', 'a', '.', '')), async (segments) => {
      const handle = [...segments, '..', 'secret'].join('/');
      await assert.rejects(storage.openForRead(handle), failsWith('FILE_HANDLE_ILLEGAL'));
    }),
    { numRuns: 50 },
  );
});

test('what is missing, what is no file and what cannot be read are told apart', async () => {
  await using folder = await freshFolder();
  const storage = new LocalFsStorage(folder.root);
  await mkdir(path.join(folder.root, 'folder'));
  await writeFile(path.join(folder.root, 'file'), 'x');
  execFileSync('mkfifo', [path.join(folder.root, 'pipe')]);
  await assert.rejects(storage.openForRead('none'), failsWith('FILE_MISSING', 'none'));
  await assert.rejects(storage.openForRead('file/below'), failsWith('FILE_MISSING', 'file/below'));
  await assert.rejects(storage.openForRead('folder'), failsWith('FILE_UNREADABLE', 'folder'));
  await assert.rejects(storage.openForRead('pipe'), failsWith('FILE_UNREADABLE', 'pipe'));
});

test('a root that is missing or is a file makes the storage unreachable', async () => {
  await using folder = await freshFolder();
  await writeFile(path.join(folder.root, 'file'), 'x');
  for (const name of ['none', 'file']) {
    const storage = new LocalFsStorage(path.join(folder.root, name));
    await assert.rejects(storage.listMetadataFiles(), failsWith('STORAGE_UNREACHABLE'));
    await assert.rejects(storage.listBackups(), failsWith('STORAGE_UNREACHABLE'));
    await assert.rejects(storage.openForRead('metadata/x'), failsWith('STORAGE_UNREACHABLE'));
  }
});

test('every entry of the metadata folder is listed in order, and none without the folder', async () => {
  await using folder = await freshFolder();
  const storage = new LocalFsStorage(folder.root);
  assert.deepEqual(await storage.listMetadataFiles(), []);
  await mkdir(path.join(folder.root, 'metadata', 'folder'), { recursive: true });
  for (const name of ['b.meta', 'a.meta', '.hidden'])
    await writeFile(path.join(folder.root, 'metadata', name), '');
  assert.deepEqual(await storage.listMetadataFiles(), [
    'metadata/.hidden',
    'metadata/a.meta',
    'metadata/b.meta',
    'metadata/folder',
  ]);
});

test('backup folders are listed with their manifests, metadata and hidden folders left out', async () => {
  await using folder = await freshFolder();
  for (const name of [
    'transaction_0-.89de',
    'epoch_ending_0-.0001',
    'metadata',
    'metadata_backup',
    '.holdfast',
  ])
    await mkdir(path.join(folder.root, name));
  await writeFile(path.join(folder.root, 'transaction_0-.89de', 'transaction.manifest'), '{}');
  await writeFile(path.join(folder.root, 'transaction_0-.89de', '0-.chunk'), '');
  await writeFile(path.join(folder.root, 'loose.manifest'), '');
  const found = await new LocalFsStorage(folder.root).listBackups();
  assert.deepEqual(
    found.map(({ name, manifests }) => [name, manifests.map(({ handle }) => handle)]),
    [
      ['epoch_ending_0-.0001', []],
      ['transaction_0-.89de', ['transaction_0-.89de/transaction.manifest']],
    ],
  );
  const [manifest] = found[1]?.manifests ?? [];
  assert.ok(manifest !== undefined && Math.abs(manifest.mtimeMs - Date.now()) < 60_000);
});

test('an aborted read rejects with the reason of the signal', async () => {
  await using folder = await freshFolder();
  await writeFile(path.join(folder.root, 'file'), Buffer.alloc(3 * 1024 * 1024));
  const storage = new LocalFsStorage(folder.root);
  const controller = new AbortController();
  const reason = new Error('enough');
  const reading = async (): Promise<void> => {
    for await (const _piece of await storage.openForRead('file', { signal: controller.signal }))
      controller.abort(reason);
  };
  await assert.rejects(reading(), (error) => error === reason);
  for (const call of [
    storage.openForRead('file', { signal: controller.signal }),
    storage.listMetadataFiles({ signal: controller.signal }),
    storage.listBackups({ signal: controller.signal }),
  ])
    await assert.rejects(call, (error) => error === reason);
});

test('files are closed after reading to the end, after leaving early and after failing', async () => {
  await using folder = await freshFolder();
  await writeFile(path.join(folder.root, 'file'), Buffer.alloc(3 * 1024 * 1024));
  await mkdir(path.join(folder.root, 'folder'));
  const storage = new LocalFsStorage(folder.root);
  const before = await openFiles();
  await collect(await storage.openForRead('file'));
  for await (const _piece of await storage.openForRead('file')) break;
  const unread = (await storage.openForRead('file'))[Symbol.asyncIterator]();
  await unread.return?.();
  await assert.rejects(storage.openForRead('folder'));
  await storage.close();
  await storage.close();
  assert.equal(await openFiles(), before);
});
