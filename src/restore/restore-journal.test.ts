import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allCrashModels } from '../crash-states/crash-model.js';
import { exploreCrashes } from '../crash-states/explore-crashes.js';
import { MemoryFileSystem } from '../crash-states/memory-file-system.js';
import { FaultFileSystem } from '../durable-fs/fault-file-system.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { RecordingFileSystem } from '../durable-fs/recording-file-system.js';
import { someIdentity } from './restore-identity.test.support.js';
import { loadJournal, RestoreJournal } from './restore-journal.js';

const STEPS = [1, 2, 3];

/** Begins a restore and notes three commit points; says which of them were promised. */
async function work(fileSystem: FileSystem, promised: (label: string) => void): Promise<void> {
  const journal = await RestoreJournal.begin(fileSystem, someIdentity());
  promised('begun');
  for (const step of STEPS) {
    // Longer each time, so that a torn write would show.
    await journal.save({ step, padding: 'x'.repeat(step * 700) });
    promised(`${step}`);
  }
}

/** How many commit points the journal on disk knows; undefined where there is no journal. */
async function stepOnDisk(fileSystem: FileSystem): Promise<number | undefined> {
  const state = await loadJournal(fileSystem);
  if (state === undefined) return undefined;
  assert.equal(state.phase, 'restoring');
  assert.deepEqual(state.identity, someIdentity());
  const { step = 0, padding = '' } = state.progress;
  assert.equal(String(padding).length, Number(step) * 700);
  return Number(step);
}

describe('the journal of a restore', () => {
  for (const model of allCrashModels({ pageBytes: 512, sectorBytes: 256 })) {
    it(`is whole after a power cut, and never before what it promised, ${model.name}`, async (t) => {
      const recording = new RecordingFileSystem(new MemoryFileSystem());
      await work(recording, (label) => recording.acknowledge(label));
      const report = await exploreCrashes({
        log: recording.log,
        model,
        imagesMax: 1024,
        check: async ({ fileSystem, acknowledged }) => {
          const step = await stepOnDisk(fileSystem);
          const promised = acknowledged.length - 1;
          assert.ok(promised < 0 || (step !== undefined && step >= promised), `${step} of ${promised}`);
          // And whatever was left behind is in nobody's way.
          const state = await loadJournal(fileSystem);
          const journal = state
            ? RestoreJournal.resume(fileSystem, state)
            : await RestoreJournal.begin(fileSystem, someIdentity());
          await journal.save({ step: 9, padding: 'x'.repeat(6300) });
          assert.equal(await stepOnDisk(fileSystem), 9);
        },
      });
      t.diagnostic(`${report.crashPoints} crash points, ${report.distinctStates} disks`);
      assert.deepEqual(report.violations, []);
    });
  }

  it('is the one before, or the one after, where a call fails', async () => {
    for (const effect of ['error', 'error-after-effect', 'short-write'] as const) {
      for (let nth = 0; ; nth++) {
        const disk = new MemoryFileSystem();
        const faults = new FaultFileSystem(disk, [
          { nth, effect: effect === 'short-write' ? { type: effect } : { type: effect, code: 'EIO' } },
        ]);
        const promised: string[] = [];
        await work(faults, (label) => promised.push(label)).catch(() => undefined);
        const step = await stepOnDisk(disk);
        const last = promised.length - 1;
        assert.ok(last < 0 || (step !== undefined && step >= last && step <= last + 1));
        if (faults.faultsInjected === 0) break;
      }
    }
  });

  it('keeps commit points in their order, however they are called', async () => {
    const fileSystem = new MemoryFileSystem();
    const journal = await RestoreJournal.begin(fileSystem, someIdentity());
    await Promise.all(STEPS.map((step) => journal.save({ step, padding: 'x'.repeat(step * 700) })));
    assert.equal(await stepOnDisk(fileSystem), 3);
    assert.deepEqual(journal.progress['step'], 3);
  });
});
