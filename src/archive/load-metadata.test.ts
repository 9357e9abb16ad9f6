import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CommandAdapterStorage } from '../storage/command-adapter.js';
import { LocalFsStorage } from '../storage/local-fs.js';
import { StorageError } from '../storage/storage-error.js';
import { loadMetadata } from './load-metadata.js';
import { siphash13HexOfText } from './siphash13.js';

let folder = '';
let archive = '';
let cacheDir = '';
let storage: LocalFsStorage;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'load-metadata-'));
  archive = path.join(folder, 'archive');
  cacheDir = path.join(folder, 'cache-base');
  await mkdir(path.join(archive, 'metadata'), { recursive: true });
  storage = new LocalFsStorage(archive);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const line = (first: number, last: number): string =>
  `{"TransactionBackup":{"first_version":${first},"last_version":${last},"manifest":"t${first}/m"}}\n`;
const put = (name: string, content: string | Uint8Array): Promise<void> =>
  writeFile(path.join(archive, 'metadata', name), content);
const copyOf = (name: string): string => path.join(cacheDir, 'cache', siphash13HexOfText(`metadata/${name}`));

async function treeOf(root: string): Promise<string[]> {
  return (await readdir(root, { recursive: true })).sort();
}

test('all entries of all files come in order, packed or not', async () => {
  await put('b.meta', gzipSync(line(10, 19) + line(20, 29)));
  await put('a.meta', line(0, 9));
  const loaded = await loadMetadata(storage);
  assert.deepEqual(loaded.files, ['metadata/a.meta', 'metadata/b.meta']);
  assert.deepEqual(
    loaded.entries.map(({ entry, handle, line: at }) => [entry.kind, handle, at]),
    [
      ['TransactionBackup', 'metadata/a.meta', 1],
      ['TransactionBackup', 'metadata/b.meta', 1],
      ['TransactionBackup', 'metadata/b.meta', 2],
    ],
  );
  assert.deepEqual(loaded.problems, []);
  assert.deepEqual(loaded.cache, { hits: 0, downloads: 2, deleted: 0, writeFailures: 0 });
});

test('an archive without metadata loads as empty, and nothing is written to it', async () => {
  await rm(path.join(archive, 'metadata'), { recursive: true });
  assert.deepEqual((await loadMetadata(storage, { cacheDir })).files, []);
  assert.deepEqual(await treeOf(archive), []);
});

test('every kind of bad file is one problem that names it, and hides no other file', async () => {
  await put('good.meta', line(0, 9));
  await put('empty.meta', '');
  await put('zeros.meta', new Uint8Array(500));
  await put('torn.meta', line(10, 19) + line(20, 29).slice(0, 30));
  await put('foreign.meta', 'PNG and so on');
  await put('packed.meta', gzipSync(line(0, 9)).subarray(0, -4));
  await mkdir(path.join(archive, 'metadata', 'folder'));
  for (const options of [{}, { cacheDir }, { cacheDir, concurrency: 1 }]) {
    const { entries, problems } = await loadMetadata(storage, options);
    assert.deepEqual(
      entries.map(({ handle }) => handle),
      ['metadata/good.meta', 'metadata/torn.meta'],
    );
    assert.deepEqual(
      problems.map(({ code, facts }) => `${code} ${facts.handle}`),
      [
        'METADATA_EMPTY metadata/empty.meta',
        'FILE_UNREADABLE metadata/folder',
        'METADATA_UNREADABLE metadata/foreign.meta',
        'GZIP_DAMAGED metadata/packed.meta',
        'METADATA_UNREADABLE metadata/torn.meta',
        'METADATA_UNREADABLE metadata/zeros.meta',
      ],
    );
  }
});

test('a file whose command fails is a problem, a listing that fails is an error', async () => {
  const make = (open_for_read: string, list_metadata_files: string): CommandAdapterStorage =>
    new CommandAdapterStorage({
      envVars: [],
      commands: {
        create_backup: 'false',
        create_for_write: 'false',
        save_metadata_line: 'false',
        open_for_read,
        list_metadata_files,
      },
    });
  const read = `[ "$FILE_HANDLE" != bad ]; printf '%s' '${line(0, 9).trim()}'`;
  const { entries, problems } = await loadMetadata(make(read, 'echo bad; echo good; echo'));
  assert.deepEqual(
    entries.map(({ handle }) => handle),
    ['', 'good'],
  );
  assert.deepEqual(
    problems.map(({ code, facts }) => `${code} ${facts.handle}`),
    ['COMMAND_FAILED bad'],
  );
  await assert.rejects(
    loadMetadata(make(read, 'echo a; exit 1')),
    (error) => error instanceof StorageError && error.code === 'STORAGE_UNREACHABLE',
  );
});

test('a second run takes everything from the cache, which is laid out as the reference has it', async () => {
  await put('a.meta', gzipSync(line(0, 9)));
  await put('identity.meta', `{"Identity":{"id":"${'ab'.repeat(32)}"}}\n`);
  const first = await loadMetadata(storage, { cacheDir });
  assert.deepEqual(first.cache, { hits: 0, downloads: 2, deleted: 0, writeFailures: 0 });
  assert.ok((await readdir(path.join(cacheDir, 'cache'))).includes('c3ae0a73496d02da'));
  assert.equal(await readFile(copyOf('a.meta'), 'utf8'), line(0, 9));
  const seen: string[] = [];
  const second = await loadMetadata(storage, {
    cacheDir,
    onProgress: ({ filesDone, filesTotal }) => seen.push(`${filesDone}/${filesTotal}`),
  });
  assert.deepEqual(second.cache, { hits: 2, downloads: 0, deleted: 0, writeFailures: 0 });
  assert.deepEqual(second.entries, first.entries);
  assert.deepEqual(seen, ['1/2', '2/2']);
});

test('copies of files that are no longer listed are deleted', async () => {
  await put('a.meta', line(0, 9));
  await put('b.meta', line(10, 19));
  await loadMetadata(storage, { cacheDir });
  await unlink(path.join(archive, 'metadata', 'b.meta'));
  const { cache } = await loadMetadata(storage, { cacheDir });
  assert.deepEqual([cache.hits, cache.deleted], [1, 1]);
  await assert.rejects(readFile(copyOf('b.meta')));
});

test('a damaged copy is fetched again before anything is judged', async () => {
  await put('a.meta', line(0, 9));
  await loadMetadata(storage, { cacheDir });
  for (const damage of ['', line(0, 9).slice(0, 20), '\0\0\0']) {
    await writeFile(copyOf('a.meta'), damage);
    const { problems, cache } = await loadMetadata(storage, { cacheDir });
    assert.deepEqual(problems, []);
    assert.deepEqual([cache.hits, cache.downloads], [0, 1]);
    assert.equal(await readFile(copyOf('a.meta'), 'utf8'), line(0, 9));
  }
});

test('a bad file is not kept, so its repair under the same name is seen', async () => {
  await put('a.meta', '');
  assert.equal((await loadMetadata(storage, { cacheDir })).problems.length, 1);
  await put('a.meta', line(0, 9));
  const { problems, entries } = await loadMetadata(storage, { cacheDir });
  assert.deepEqual([problems.length, entries.length], [0, 1]);
});

test('a cache never serves another archive that has files of the same names', async () => {
  await put('a.meta', line(0, 9));
  await loadMetadata(storage, { cacheDir });
  const other = path.join(folder, 'other');
  await mkdir(path.join(other, 'metadata'), { recursive: true });
  await writeFile(path.join(other, 'metadata', 'a.meta'), line(0, 4));
  const { entries, cache } = await loadMetadata(new LocalFsStorage(other), { cacheDir });
  assert.equal(cache.hits, 0);
  const [only] = entries;
  assert.ok(only?.entry.kind === 'TransactionBackup' && only.entry.lastVersion === 4n);
});

test('a cache inside of the archive is refused, and nothing is written there', async () => {
  await put('a.meta', line(0, 9));
  const before = await treeOf(archive);
  await assert.rejects(
    loadMetadata(storage, { cacheDir: path.join(archive, 'cache') }),
    (error) => error instanceof StorageError && error.code === 'CACHE_UNUSABLE',
  );
  await loadMetadata(storage, { cacheDir });
  assert.deepEqual(await treeOf(archive), before);
});

test('an abort ends the loading with its reason', async () => {
  for (let count = 0; count < 40; count++) await put(`${count}.meta`, line(count, count));
  for (const options of [{ cacheDir }, {}]) {
    const controller = new AbortController();
    const reason = new Error('enough');
    const loading = loadMetadata(storage, {
      ...options,
      signal: controller.signal,
      onProgress: ({ filesDone }) => {
        if (filesDone === 5) controller.abort(reason);
      },
    });
    await assert.rejects(loading, (error) => error === reason);
  }
});
