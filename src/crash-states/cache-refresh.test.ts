// The metadata cache writes with calls of its own. Its protocol is written down here once more, on the
// narrow interface; that the real one makes the same calls is shown by the test of its system calls.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FileSystem } from '../durable-fs/file-system.js';
import { RecordingFileSystem } from '../durable-fs/recording-file-system.js';
import { allCrashModels, strictPosix } from './crash-model.js';
import { assertHolds, summary } from './crash-report.test.support.js';
import type { DiskImage } from './disk-image.js';
import { type CrashChecker, exploreCrashes } from './explore-crashes.js';
import { MemoryFileSystem } from './memory-file-system.js';
import { formatSyncMutations, runSyncMutations } from './sync-mutation.js';

const OWNER_FILE = 'holdfast-cache-owner';
const ENTRY = 'cache/1a';

const base: DiskImage = new Map([
  [OWNER_FILE, { kind: 'file', bytes: bytesOf('a') }],
  ['cache', { kind: 'directory' }],
  [ENTRY, { kind: 'file', bytes: bytesOf('entry of a') }],
]);

/** Opens the cache for owner b, and writes an entry twice. */
async function refresh(fileSystem: FileSystem, run: number): Promise<void> {
  const owner = await read(fileSystem, OWNER_FILE);
  if (owner !== 'b') {
    await fileSystem.unlink(ENTRY).catch(() => undefined);
    await fileSystem.syncDirectory('cache');
    await publish(fileSystem, `.${OWNER_FILE}.${run}`, OWNER_FILE, 'b');
    await fileSystem.syncDirectory('.');
  }
  for (const content of ['entry of b', 'newer entry of b']) {
    await publish(fileSystem, `cache/.1a.${run}`, ENTRY, content);
  }
}

async function publish(fileSystem: FileSystem, temporary: string, name: string, text: string): Promise<void> {
  const file = await fileSystem.createExclusive(temporary);
  await file.write(bytesOf(text), 0);
  await file.sync();
  await file.close();
  await fileSystem.rename(temporary, name);
}

/** Whoever opens the cache as its owner finds only whole entries of its own. */
async function assertConsistent(fileSystem: FileSystem): Promise<void> {
  const [owner, entry] = [await read(fileSystem, OWNER_FILE), await read(fileSystem, ENTRY)];
  const allowed = new Map([
    ['a', [undefined, 'entry of a']],
    ['b', [undefined, 'entry of b', 'newer entry of b']],
  ]);
  // Without an owner the next one to open the cache empties it.
  if (owner === undefined) return;
  assert.ok(allowed.get(owner)?.includes(entry), `owner ${owner} finds ${entry}`);
}

const check: CrashChecker = async ({ fileSystem }) => {
  await assertConsistent(fileSystem);
  await refresh(fileSystem, 2);
  await assertConsistent(fileSystem);
  assert.equal(await read(fileSystem, ENTRY), 'newer entry of b');
};

async function record() {
  const recording = new RecordingFileSystem(new MemoryFileSystem(base));
  await refresh(recording, 1);
  return recording.log;
}

describe('the metadata cache', () => {
  for (const model of allCrashModels({ pageBytes: 512, sectorBytes: 4 })) {
    test(`never gives an owner a torn entry or one of another archive, ${model.name}`, async (context) => {
      const report = await exploreCrashes({ log: await record(), base, model, check });
      context.diagnostic(summary(report));
      assertHolds(report);
      assert.equal(report.sampledCrashPoints, 0);
    });
  }

  test('needs every one of its syncs', async (context) => {
    const model = strictPosix({ sectorBytes: 4 });
    const results = await runSyncMutations({ log: await record(), base, model, check });
    for (const line of formatSyncMutations(results).split('\n')) context.diagnostic(line);
    // No later operation waits for the entries' own syncs but the rename; nothing is ever reported.
    const unseen = results.filter(({ violation }) => violation === undefined);
    assert.deepEqual(unseen, []);
  });
});

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function read(fileSystem: FileSystem, path: string): Promise<string | undefined> {
  return await fileSystem.readFile(path).then(
    (bytes) => new TextDecoder().decode(bytes),
    () => undefined,
  );
}
