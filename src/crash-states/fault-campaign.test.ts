import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { DurableFsError } from '../durable-fs/durable-fs-error.js';
import { type FaultEffect, FaultFileSystem } from '../durable-fs/fault-file-system.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { NodeFileSystem } from '../durable-fs/node-file-system.js';
import { RecordingFileSystem } from '../durable-fs/recording-file-system.js';
import { reclaimClaims, reclaimStaging, STAGING_DIRECTORY } from '../durable-fs/staging-area.js';
import { systemErrorCode } from '../durable-fs/system-error.js';
import { strictPosix } from './crash-model.js';
import { exploreCrashes } from './explore-crashes.js';
import { MemoryFileSystem } from './memory-file-system.js';
import {
  checkPromises,
  publishOneFile,
  readerChecker,
  visibleFiles,
  wholeBackup,
} from './protocols.test.support.js';

const EFFECTS: readonly FaultEffect[] = [
  { type: 'error', code: 'EIO' },
  { type: 'error', code: 'ENOSPC' },
  { type: 'error', code: 'EDQUOT' },
  { type: 'error', code: 'EROFS' },
  { type: 'error-after-effect', code: 'EIO' },
  { type: 'error-after-effect', code: 'EEXIST' },
  { type: 'short-write' },
  { type: 'zero-write' },
  { type: 'death' },
];

interface Outcome {
  readonly failed: number;
  readonly tolerated: number;
  readonly codes: ReadonlySet<string>;
}

/** Fails each call of a whole backup in turn, then runs it again without faults; checks both. */
async function failEachCall(
  effect: FaultEffect,
  lasting: boolean,
  fresh: () => Promise<FileSystem> | FileSystem,
): Promise<Outcome> {
  const codes = new Set<string>();
  let failed = 0;
  let tolerated = 0;
  for (let nth = 0; ; nth += 1) {
    const below = await fresh();
    const faulty = new FaultFileSystem(below, [{ nth, effect, lasting }]);
    const acknowledged: string[] = [];
    const error = await wholeBackup
      .run(faulty, 'first', (name) => acknowledged.push(name))
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    if (nth >= faulty.callsSeen) return { failed, tolerated, codes };
    if (error === undefined) tolerated += 1;
    else {
      failed += 1;
      codes.add(assertNamesPathAndCause(error, effect));
    }
    assert.equal(acknowledged.length, error === undefined ? 1 : 0);
    checkPromises(wholeBackup, await visibleFiles(below), acknowledged);
    await assertRetrySucceeds(below);
  }
}

function assertNamesPathAndCause(error: unknown, effect: FaultEffect): string {
  assert.ok(error instanceof DurableFsError, String(error));
  assert.ok(error.path.length > 0 && error.message.startsWith(error.path));
  // A write of nothing is the one failure that no call reports.
  if (effect.type !== 'zero-write') {
    assert.ok(error.cause instanceof Error);
    const expected = 'code' in effect ? effect.code : 'EIO';
    assert.equal(systemErrorCode(error.cause), expected);
  }
  return error.code;
}

async function assertRetrySucceeds(fileSystem: FileSystem): Promise<void> {
  await reclaimStaging(fileSystem, () => false);
  await reclaimClaims(fileSystem);
  await wholeBackup.run(fileSystem, 'second', () => undefined);
  checkPromises(wholeBackup, await visibleFiles(fileSystem), [...wholeBackup.files.keys()]);
  assert.deepEqual(await fileSystem.readdir(STAGING_DIRECTORY), []);
}

describe('a call that fails leaves nothing visible that is not whole, and a retry succeeds', () => {
  for (const effect of EFFECTS) {
    for (const lasting of effect.type === 'error' ? [false, true] : [false]) {
      const name = `${effect.type}${'code' in effect ? ` ${effect.code}` : ''}${lasting ? ', lasting' : ''}`;
      test(`${name}, at each call in turn`, async (context) => {
        const { failed, tolerated, codes } = await failEachCall(
          effect,
          lasting,
          () => new MemoryFileSystem(),
        );
        context.diagnostic(
          `${failed} runs failed with ${[...codes].sort().join(', ')}; ${tolerated} went well`,
        );
        assert.equal(failed > 0, effect.type !== 'short-write');
        if (effect.type === 'error' && ['ENOSPC', 'EDQUOT'].includes(effect.code)) {
          assert.deepEqual([...codes], ['NO_SPACE']);
        }
      });
    }
  }

  test('error EIO at each call in turn, on the real file system', async (context) => {
    const outcome = await failEachCall({ type: 'error', code: 'EIO' }, false, () => freshFolder(context));
    context.diagnostic(`${outcome.failed} runs failed, ${outcome.tolerated} went well`);
    assert.ok(outcome.failed > 20);
  });
});

test('after any one failure the retry survives a crash at any moment', async (context) => {
  let states = 0;
  for (let nth = 0; ; nth += 1) {
    const effect: FaultEffect = { type: 'error', code: 'EIO' };
    const faulty = new FaultFileSystem(new MemoryFileSystem(), [{ nth, effect }]);
    const recording = new RecordingFileSystem(faulty);
    const failed = await wholeBackup
      .run(recording, 'first', (name) => recording.acknowledge(name))
      .then(
        () => false,
        () => true,
      );
    if (failed) {
      await reclaimStaging(recording, () => false);
      await wholeBackup.run(recording, 'second', (name) => recording.acknowledge(name));
    }
    const check = readerChecker(wholeBackup);
    const report = await exploreCrashes({ log: recording.log, model: strictPosix(), imagesMax: 48, check });
    states += report.distinctStates;
    assert.deepEqual(report.violations, [], `call ${nth}`);
    if (nth >= faulty.callsSeen) break;
  }
  context.diagnostic(`${states} states`);
});

describe('a writer that syncs the same descriptor again after a failure is caught', () => {
  async function syncAgain(fileSystem: FileSystem): Promise<void> {
    await fileSystem.mkdir('backup.0a1b');
    const file = await fileSystem.createExclusive('temporary');
    await file.write(publishOneFile.files.get('backup.0a1b/0-.chunk') ?? assert.fail(), 0);
    await file.sync().catch(() => file.sync());
    await file.close();
    await fileSystem.link('temporary', 'backup.0a1b/0-.chunk');
  }
  const fault = { nth: 0, call: 'sync-file', effect: { type: 'error', code: 'EIO' } } as const;

  test('by looking at what it published, since the dropped bytes are gone', async () => {
    const memory = new MemoryFileSystem();
    await syncAgain(new FaultFileSystem(memory, [fault]));
    const visible = await visibleFiles(memory);
    assert.throws(() => checkPromises(publishOneFile, visible, []), /D1/);
  });

  test('by a crash afterwards', async () => {
    const recording = new RecordingFileSystem(new FaultFileSystem(new MemoryFileSystem(), [fault]));
    await syncAgain(recording);
    const check = readerChecker(publishOneFile);
    const report = await exploreCrashes({ log: recording.log, model: strictPosix(), check });
    assert.match(report.violations[0]?.message ?? '', /D1/);
  });
});

async function freshFolder(context: TestContext): Promise<FileSystem> {
  const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-faults-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return new NodeFileSystem(folder);
}
