import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FileSystem } from '../durable-fs/file-system.js';
import { NodeFileSystem } from '../durable-fs/node-file-system.js';
import { systemErrorCode } from '../durable-fs/system-error.js';
import { MemoryFileSystem } from './memory-file-system.js';

const names = fc.constantFrom('a', 'b', 'a/c', 'a/d', 'b/c', 'a/c/e');
const step = fc.oneof(
  fc.record({
    call: fc.constantFrom('mkdir', 'unlink', 'rmdir', 'sync', 'stat', 'read', 'list'),
    path: names,
  }),
  fc.record({
    call: fc.constant('create'),
    path: names,
    bytes: fc.uint8Array({ maxLength: 20 }),
    at: fc.nat(9),
  }),
  fc.record({ call: fc.constantFrom('link', 'rename'), path: names, to: names }),
);
type Step = { call: string; path: string; to?: string; bytes?: Uint8Array; at?: number };

/** Runs one call and puts what it gave, or the system's code, into a comparable form. */
async function run(fileSystem: FileSystem, { call, path, to = '', bytes, at = 0 }: Step): Promise<unknown> {
  try {
    switch (call) {
      case 'mkdir':
        return await fileSystem.mkdir(path);
      case 'unlink':
        return await fileSystem.unlink(path);
      case 'rmdir':
        return await fileSystem.rmdir(path);
      case 'sync':
        return await fileSystem.syncDirectory(path);
      case 'list':
        return await fileSystem.readdir(path);
      case 'read':
        return Buffer.from(await fileSystem.readFile(path)).toString('hex');
      case 'link':
        return await fileSystem.link(path, to);
      case 'rename':
        return await fileSystem.rename(path, to);
      case 'create':
        return await create(fileSystem, path, bytes ?? new Uint8Array(0), at);
      default: {
        const { kind, size } = await fileSystem.stat(path);
        return kind === 'file' ? size : kind;
      }
    }
  } catch (error) {
    return systemErrorCode(error) ?? error;
  }
}

async function create(fileSystem: FileSystem, path: string, bytes: Uint8Array, at: number): Promise<void> {
  const file = await fileSystem.createExclusive(path);
  if (bytes.length > 0) await file.write(bytes, at);
  await file.sync();
  await file.close();
}

test('any calls give on memory what they give on the real file system, errors included', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-memory-'));
      try {
        const memory = new MemoryFileSystem();
        const real = new NodeFileSystem(folder);
        for (const each of steps) assert.deepEqual(await run(memory, each), await run(real, each));
        const again = new MemoryFileSystem(memory.image());
        for (const each of steps) {
          const look = { call: 'read', path: each.path };
          assert.deepEqual(await run(again, look), await run(real, look));
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }),
    { numRuns: 150 },
  );
});

test('names that are one file stay one file in an image and after loading it', async () => {
  const memory = new MemoryFileSystem();
  await create(memory, 'a', Uint8Array.of(1), 0);
  await memory.link('a', 'b');
  const loaded = new MemoryFileSystem(memory.image());
  assert.equal((await loaded.stat('a')).identity, (await loaded.stat('b')).identity);
});

test('an image does not change when the file system goes on', async () => {
  const memory = new MemoryFileSystem();
  const file = await memory.createExclusive('a');
  await file.write(Uint8Array.of(1, 2), 0);
  const image = memory.image();
  await file.write(Uint8Array.of(9), 0);
  const entry = image.get('a');
  assert.deepEqual(entry, { kind: 'file', bytes: Uint8Array.of(1, 2) });
});
