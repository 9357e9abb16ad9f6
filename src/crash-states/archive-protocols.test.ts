import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FaultFileSystem } from '../durable-fs/fault-file-system.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { RecordingFileSystem } from '../durable-fs/recording-file-system.js';
import { reclaimStaging } from '../durable-fs/staging-area.js';
import { allCrashModels, strictPosix } from './crash-model.js';
import { assertHolds, summary } from './crash-report.test.support.js';
import { exploreCrashes } from './explore-crashes.js';
import { MemoryFileSystem } from './memory-file-system.js';
import {
  archiveChecker,
  moveMetadataFile,
  naiveWriter,
  type Protocol,
  protocols,
  publishOneFile,
  readerChecker,
  record,
  renameWithoutDirectorySync,
  renameWithoutSync,
  wholeBackup,
} from './protocols.test.support.js';
import { formatSyncMutations, runSyncMutations } from './sync-mutation.js';

describe('the archive protocols keep their promises after a crash at any moment', () => {
  for (const protocol of protocols) {
    for (const model of allCrashModels({ pageBytes: 512 })) {
      test(`${protocol.name}, ${model.name}`, async (context) => {
        const log = await record(protocol);
        const base = protocol.base ?? new Map();
        const report = await exploreCrashes({ log, base, model, check: archiveChecker(protocol) });
        context.diagnostic(summary(report));
        assertHolds(report);
        assert.equal(report.sampledCrashPoints, 0);
      });
    }
  }

  test('publishing without hard links keeps D1 and D3, strict POSIX', async (context) => {
    const recording = new RecordingFileSystem(new MemoryFileSystem());
    await publishOneFile.run(withoutHardLinks(recording), 'first', (path) => recording.acknowledge(path));
    assert.ok(recording.log.some(({ call }) => call.kind === 'rename'));
    const onFallback = onOtherFileSystem(publishOneFile, withoutHardLinks);
    const report = await exploreCrashes({
      log: recording.log,
      model: strictPosix(),
      check: archiveChecker(onFallback),
    });
    context.diagnostic(summary(report));
    assertHolds(report);
  });
});

describe('a process that is killed, started again, and then loses power', () => {
  for (const protocol of [publishOneFile, wholeBackup, moveMetadataFile]) {
    test(`${protocol.name}: what the second run reports as safe is safe`, async (context) => {
      const calls = await countCalls(protocol);
      let distinct = 0;
      for (let nth = 0; nth < calls; nth += 1) {
        const memory = new MemoryFileSystem(protocol.base);
        const recording = new RecordingFileSystem(memory);
        const dying = new FaultFileSystem(recording, [{ nth, effect: { type: 'death' } }]);
        await assert.rejects(protocol.run(dying, 'killed', () => undefined));
        await reclaimStaging(recording, () => false);
        await protocol.run(recording, 'first', (path) => recording.acknowledge(path));
        const report = await exploreCrashes({
          log: recording.log,
          ...(protocol.base === undefined ? {} : { base: protocol.base }),
          model: strictPosix(),
          check: readerChecker(protocol),
          imagesMax: 64,
        });
        distinct += report.distinctStates;
        assertHolds(report);
      }
      context.diagnostic(`${calls} kill points, ${distinct} states`);
    });
  }
});

test('a crash during recovery leaves what recovery can be run on again', async (context) => {
  const log = await record(publishOneFile);
  const inner = archiveChecker(publishOneFile);
  let nested = 0;
  const report = await exploreCrashes({
    log,
    model: strictPosix(),
    async check({ image, acknowledged }) {
      const recording = new RecordingFileSystem(new MemoryFileSystem(image));
      await reclaimStaging(recording, () => false);
      for (const path of acknowledged) recording.acknowledge(path);
      await publishOneFile.run(recording, 'second', (path) => recording.acknowledge(path));
      const again = await exploreCrashes({
        log: recording.log,
        base: image,
        model: strictPosix(),
        imagesMax: 24,
        check: (state) =>
          inner({ ...state, acknowledged: [...new Set([...acknowledged, ...state.acknowledged])] }),
      });
      nested += again.distinctStates;
      assertHolds(again);
    },
  });
  context.diagnostic(`${report.distinctStates} states, ${nested} states of a second crash`);
  assertHolds(report);
});

describe('writers that are known to be wrong are caught', () => {
  for (const protocol of [naiveWriter, renameWithoutSync, renameWithoutDirectorySync]) {
    for (const model of allCrashModels({ pageBytes: 512 })) {
      test(`${protocol.name}, ${model.name}`, async (context) => {
        const log = await record(protocol);
        const report = await exploreCrashes({ log, model, check: readerChecker(protocol) });
        context.diagnostic(`${summary(report)}; ${report.violations[0]?.message ?? 'nothing seen'}`);
        // A model in which all names reach the disk cannot see a missing directory sync.
        const visible = !(model.namespace === 'all' && protocol === renameWithoutDirectorySync);
        assert.equal(report.violations.length > 0, visible);
      });
    }
  }
});

describe('every sync of the protocols is needed, and every edge that it makes', () => {
  for (const protocol of protocols) {
    test(`${protocol.name}: the checker fails without any one of them`, async (context) => {
      const results = await runSyncMutations({
        log: await record(protocol),
        ...(protocol.base === undefined ? {} : { base: protocol.base }),
        model: strictPosix(),
        check: readerChecker(protocol),
      });
      for (const line of formatSyncMutations(results).split('\n')) context.diagnostic(line);
      assert.deepEqual(
        results.filter((result) => result.violation === undefined),
        [],
      );
      assert.ok(results.length >= 3);
    });
  }
});

/** How many calls a whole run makes. */
async function countCalls(protocol: Protocol): Promise<number> {
  const counting = new FaultFileSystem(new MemoryFileSystem(protocol.base), []);
  await protocol.run(counting, 'count', () => undefined);
  return counting.callsSeen;
}

function withoutHardLinks(inner: FileSystem): FileSystem {
  const effect = { type: 'error', code: 'EPERM' } as const;
  return new FaultFileSystem(inner, [{ nth: 0, call: 'link', lasting: true, effect }]);
}

function onOtherFileSystem(protocol: Protocol, wrap: (inner: FileSystem) => FileSystem): Protocol {
  return {
    ...protocol,
    run: (fileSystem, writerId, acknowledge) => protocol.run(wrap(fileSystem), writerId, acknowledge),
  };
}
