import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allCrashModels } from '../crash-states/crash-model.js';
import type { DiskImage } from '../crash-states/disk-image.js';
import { exploreCrashes } from '../crash-states/explore-crashes.js';
import { MemoryFileSystem } from '../crash-states/memory-file-system.js';
import { FaultFileSystem } from '../durable-fs/fault-file-system.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { RecordingFileSystem } from '../durable-fs/recording-file-system.js';
import { DATABASE_FOLDERS, publishDatabase } from './publish-database.js';
import { someIdentity, someReceipt } from './restore-identity.test.support.js';
import { loadReceipt, RestoreJournal } from './restore-journal.js';
import { inspectTarget } from './target.js';

const BUILT: DiskImage = new Map([
  ['.holdfast-restore', { kind: 'directory' }],
  ['.holdfast-restore/db', { kind: 'directory' }],
  ...DATABASE_FOLDERS.flatMap(
    (folder): [string, { kind: 'directory' } | { kind: 'file'; bytes: Uint8Array }][] => [
      [`.holdfast-restore/db/${folder}`, { kind: 'directory' }],
      [`.holdfast-restore/db/${folder}/CURRENT`, { kind: 'file', bytes: Buffer.from(folder) }],
    ],
  ),
]);

/** A memory file system with a whole database that waits for its place. */
async function built(): Promise<{ readonly fileSystem: MemoryFileSystem; readonly image: DiskImage }> {
  const recording = new MemoryFileSystem(BUILT);
  const journal = await RestoreJournal.begin(recording, someIdentity());
  await journal.beginPublishing(someReceipt());
  const bytes = await recording.readFile('.holdfast-restore/journal.json');
  const image: DiskImage = new Map([...BUILT, ['.holdfast-restore/journal.json', { kind: 'file', bytes }]]);
  return { fileSystem: new MemoryFileSystem(image), image };
}

/** What a run does that finds an unfinished restore. */
async function goOn(fileSystem: FileSystem): Promise<void> {
  const state = await inspectTarget(fileSystem);
  if (state.kind === 'done') return;
  assert.equal(state.kind, 'unfinished');
  await publishDatabase(fileSystem, RestoreJournal.resume(fileSystem, state.journal));
}

async function assertInPlace(fileSystem: FileSystem): Promise<void> {
  for (const folder of DATABASE_FOLDERS) {
    assert.equal(Buffer.from(await fileSystem.readFile(`${folder}/CURRENT`)).toString(), folder);
  }
  assert.deepEqual(await loadReceipt(fileSystem), someReceipt());
  const names = (await fileSystem.readdir('.holdfast-restore')).map(({ name }) => name);
  assert.deepEqual(names, ['done.json']);
}

describe('giving a restored database its place', () => {
  it('moves its folders out, and leaves the receipt alone behind', async () => {
    const { fileSystem } = await built();
    await goOn(fileSystem);
    await assertInPlace(fileSystem);
    assert.equal((await inspectTarget(fileSystem)).kind, 'done');
  });

  it('is gone on with after a death at any call', async () => {
    const { image } = await built();
    let deaths = 0;
    for (let nth = 0; ; nth++) {
      const disk = new MemoryFileSystem(image);
      const faults = new FaultFileSystem(disk, [{ nth, effect: { type: 'death' } }]);
      const ended = await goOn(faults).then(
        () => true,
        () => false,
      );
      if (faults.faultsInjected === 0) {
        assert.ok(ended);
        break;
      }
      deaths++;
      await goOn(disk);
      await assertInPlace(disk);
    }
    assert.ok(deaths >= 10, `${deaths} deaths`);
  });

  it('survives a failure of any call, and the next run finishes', async () => {
    const { image } = await built();
    for (const effect of ['error', 'error-after-effect'] as const) {
      for (let nth = 0; ; nth++) {
        const disk = new MemoryFileSystem(image);
        const faults = new FaultFileSystem(disk, [{ nth, effect: { type: effect, code: 'EIO' } }]);
        await goOn(faults).catch(() => undefined);
        if (faults.faultsInjected === 0) break;
        await goOn(disk);
        await assertInPlace(disk);
      }
    }
  });

  // Without a journal a folder that is moved may be lost with both its names: no file system that a node
  // runs on is such a one.
  for (const model of allCrashModels({ pageBytes: 512, sectorBytes: 256 })) {
    if (model.namespace === 'any-subset') continue;
    it(`is gone on with after a power cut at any moment, ${model.name}`, async (t) => {
      const { image } = await built();
      const recording = new RecordingFileSystem(new MemoryFileSystem(image));
      await goOn(recording);
      recording.acknowledge('published');
      const report = await exploreCrashes({
        log: recording.log,
        base: image,
        model,
        check: async ({ fileSystem, acknowledged }) => {
          if (acknowledged.length > 0) assert.equal((await inspectTarget(fileSystem)).kind, 'done');
          await goOn(fileSystem);
          await assertInPlace(fileSystem);
        },
      });
      t.diagnostic(`${report.crashPoints} crash points, ${report.distinctStates} disks`);
      assert.deepEqual(report.violations, []);
      assert.equal(report.sampledCrashPoints, 0);
    });
  }

  it('touches nothing that has a name of the database, and says so', async () => {
    const { fileSystem } = await built();
    await fileSystem.mkdir('state_kv_db');
    await assert.rejects(goOn(fileSystem), { code: 'RESTORE_PUBLISH_FAILED' });
    await fileSystem.rmdir('state_kv_db');
    await goOn(fileSystem);
    await assertInPlace(fileSystem);
  });

  it('says so where a part of the database is nowhere', async () => {
    const { fileSystem } = await built();
    await fileSystem.unlink('.holdfast-restore/db/ledger_db/CURRENT');
    await fileSystem.rmdir('.holdfast-restore/db/ledger_db');
    await assert.rejects(goOn(fileSystem), { code: 'RESTORE_PUBLISH_FAILED' });
  });
});
