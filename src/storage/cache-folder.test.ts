import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { CacheFolder } from './cache-folder.js';
import { StorageError } from './storage-error.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'cache-folder-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const content = Buffer.from('content');
const listed = async (): Promise<string[]> => (await readdir(path.join(directory, 'cache'))).sort();

test('an entry is found again by the same owner', async () => {
  const first = await CacheFolder.open(directory, { owner: 'a' });
  await first.write('c3ae', content);
  await first.write('c3ae', content);
  const second = await CacheFolder.open(directory, { owner: 'a' });
  assert.ok(content.equals(second.read('c3ae') ?? assert.fail()));
  assert.equal(second.read('beef'), undefined);
  assert.deepEqual(await listed(), ['c3ae']);
});

test('entries of another or of an unknown owner are thrown away', async () => {
  await (await CacheFolder.open(directory, { owner: 'a' })).write('c3ae', content);
  const other = await CacheFolder.open(directory, { owner: 'b' });
  assert.equal(other.has('c3ae'), false);
  assert.deepEqual(await listed(), []);

  const unknown = await mkdtemp(path.join(directory, 'unknown-'));
  await mkdir(path.join(unknown, 'cache'));
  await writeFile(path.join(unknown, 'cache', 'c3ae'), content);
  assert.equal((await CacheFolder.open(unknown, { owner: 'a' })).has('c3ae'), false);
});

test('only entries are deleted, and of temporary files only old ones', async () => {
  await CacheFolder.open(directory, { owner: 'a' });
  const cache = path.join(directory, 'cache');
  for (const name of ['c3ae', 'beef', 'notes.txt', '.c3ae', '.beef.0123', '.profile'])
    await writeFile(path.join(cache, name), content);
  await utimes(path.join(cache, '.beef.0123'), 1, 1);
  await utimes(path.join(cache, '.profile'), 1, 1);
  const folder = await CacheFolder.open(directory, { owner: 'a' });
  assert.equal(await folder.retain(new Set(['c3ae'])), 1);
  assert.deepEqual(await listed(), ['.c3ae', '.profile', 'c3ae', 'notes.txt']);
});

test('a cache inside of the archive is refused before anything is written', async () => {
  const archive = path.join(directory, 'archive');
  await mkdir(archive);
  await symlink(archive, path.join(directory, 'link'));
  for (const inside of [archive, path.join(archive, 'new', 'cache'), path.join(directory, 'link', 'x')]) {
    await assert.rejects(
      CacheFolder.open(inside, { owner: 'a', outsideOf: archive }),
      (error) => error instanceof StorageError && error.code === 'CACHE_UNUSABLE',
      inside,
    );
  }
  assert.deepEqual(await readdir(archive), []);
  await CacheFolder.open(path.join(directory, 'archive-cache'), { owner: 'a', outsideOf: archive });
});

test('a folder that cannot be made is refused by name', async () => {
  await writeFile(path.join(directory, 'file'), '');
  const target = path.join(directory, 'file', 'below');
  await assert.rejects(CacheFolder.open(target, { owner: 'a' }), (error) => {
    assert.ok(error instanceof StorageError);
    assert.equal(error.code, 'CACHE_UNUSABLE');
    assert.equal(error.facts.path, target);
    return true;
  });
});
