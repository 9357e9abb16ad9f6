import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DurableWriter } from '../durable-fs/durable-writer.js';
import { RecordingFileSystem } from '../durable-fs/recording-file-system.js';
import { allCrashModels } from './crash-model.js';
import { exploreCrashes } from './explore-crashes.js';
import { MemoryFileSystem } from './memory-file-system.js';
import { checkPromises, content, type Protocol, visibleFiles } from './protocols.test.support.js';

const plan = fc.record({
  sizes: fc.array(fc.nat({ max: 1500 }), { minLength: 1, maxLength: 5 }),
  cut: fc.integer({ min: 200, max: 900 }),
  together: fc.boolean(),
  withManifest: fc.boolean(),
});

/** A backup of that shape, its files one after the other or all at the same time. */
function backupOf({
  sizes,
  cut,
  together,
  withManifest,
}: typeof plan extends fc.Arbitrary<infer T> ? T : never) {
  const names = sizes.map((_, index) => `backup/${index}-.chunk`);
  const files = new Map(names.map((name, index) => [name, content(index, sizes[index] ?? 0)]));
  const manifest = 'backup/some.manifest';
  if (withManifest) files.set(manifest, content(99, 300));
  const protocol: Protocol = {
    name: 'any backup',
    files,
    needs: withManifest ? new Map([[manifest, names]]) : new Map(),
    async run(fileSystem, writerId, acknowledge) {
      const writer = new DurableWriter({ writerId }, fileSystem);
      const write = async (path: string, dependent: boolean) => {
        const name = path.slice('backup/'.length);
        const file = await (dependent
          ? writer.openDependentFile('backup', name)
          : writer.openDurableFile('backup', name));
        const bytes = files.get(path) ?? assert.fail();
        for (let at = 0; at < bytes.length; at += cut) await file.write(bytes.subarray(at, at + cut));
        await file.commit();
        acknowledge(path);
      };
      if (together) await Promise.all(names.map((name) => write(name, false)));
      else for (const name of names) await write(name, false);
      if (withManifest) await write(manifest, true);
    },
  };
  return protocol;
}

test('any backup keeps its promises under every model, files written in turn or at once', async (context) => {
  let states = 0;
  await fc.assert(
    fc.asyncProperty(plan, fc.nat(), async (shape, seed) => {
      const protocol = backupOf(shape);
      const recording = new RecordingFileSystem(new MemoryFileSystem());
      await protocol.run(recording, 'first', (path) => recording.acknowledge(path));
      for (const model of allCrashModels({ pageBytes: 512 })) {
        const report = await exploreCrashes({
          log: recording.log,
          model,
          imagesMax: 40,
          seed,
          async check({ fileSystem, acknowledged }) {
            checkPromises(protocol, await visibleFiles(fileSystem), acknowledged);
          },
        });
        states += report.distinctStates;
        assert.deepEqual(report.violations, []);
      }
    }),
    { numRuns: 25 },
  );
  context.diagnostic(`${states} states`);
});
