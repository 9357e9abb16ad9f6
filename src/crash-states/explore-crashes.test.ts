import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { FileSystem } from '../durable-fs/file-system.js';
import type { LoggedOperation } from '../durable-fs/operation-log.js';
import { RecordingFileSystem } from '../durable-fs/recording-file-system.js';
import { type CrashModel, ext4Ordered, strictPosix, tornWrite, xfs } from './crash-model.js';
import { type CrashExploration, exploreCrashes } from './explore-crashes.js';
import { MemoryFileSystem } from './memory-file-system.js';

const A = Uint8Array.of(1, 2);
const B = Uint8Array.of(3);

async function logOf(program: (fileSystem: RecordingFileSystem) => Promise<void>) {
  const recording = new RecordingFileSystem(new MemoryFileSystem());
  await program(recording);
  return recording.log;
}

/** Every state as text, such as `d/ d/x=0102`, sorted; `(nothing)` for an empty disk. */
async function statesOf(
  log: readonly LoggedOperation[],
  model: CrashModel,
  more: Partial<CrashExploration> = {},
): Promise<string[]> {
  const states = new Set<string>();
  await exploreCrashes({
    log,
    model,
    ...more,
    check({ image }) {
      const parts = [...image].map(([path, entry]) =>
        entry.kind === 'directory' ? `${path}/` : `${path}=${Buffer.from(entry.bytes).toString('hex')}`,
      );
      states.add(parts.sort().join(' ') || '(nothing)');
    },
  });
  return [...states].sort();
}

async function writeFile(fileSystem: FileSystem, path: string, parts: readonly Uint8Array[], sync = false) {
  const file = await fileSystem.createExclusive(path);
  let position = 0;
  for (const part of parts) position += await file.write(part, position);
  if (sync) await file.sync();
  await file.close();
}

describe('the states of a log are exactly those that the model allows', () => {
  const program = (fileSystem: RecordingFileSystem) => writeFile(fileSystem, 'x', [A, B]);

  test('strict POSIX: lost, partial, torn, zero, and out of order', async () => {
    const states = await statesOf(await logOf(program), strictPosix({ sectorBytes: 1 }));
    assert.deepEqual(states, [
      '(nothing)',
      'x=',
      'x=0000',
      'x=000000',
      'x=000003',
      'x=01',
      'x=0100',
      'x=010000',
      'x=0102',
      'x=010200',
      'x=010203',
    ]);
  });

  test('ext4: a prefix of the content, never zeros', async () => {
    const states = await statesOf(await logOf(program), ext4Ordered({ pageBytes: 1 }));
    assert.deepEqual(states, ['(nothing)', 'x=', 'x=01', 'x=0102', 'x=010203']);
  });

  test('XFS: also a later page without the earlier ones', async () => {
    const states = await statesOf(await logOf(program), xfs({ pageBytes: 2 }));
    assert.deepEqual(states, ['(nothing)', 'x=', 'x=000003', 'x=0102', 'x=010203']);
  });

  test('torn last write: all but the end of the last write', async () => {
    const states = await statesOf(await logOf(program), tornWrite({ sectorBytes: 1 }));
    assert.deepEqual(
      states,
      ['(nothing)', 'x=', 'x=00', 'x=0000', 'x=01', 'x=0100', 'x=0102', 'x=010200', 'x=010203'].filter(
        (s) => s !== 'x=00',
      ),
    );
  });
});

describe('names', () => {
  async function twoDirectories(fileSystem: RecordingFileSystem) {
    await fileSystem.mkdir('d');
    await fileSystem.mkdir('e');
    await fileSystem.mkdir('d/x');
  }

  test('strict POSIX: any subset, and nothing below a directory that is lost', async () => {
    const states = await statesOf(await logOf(twoDirectories), strictPosix());
    assert.deepEqual(states, ['(nothing)', 'd/', 'd/ d/x/', 'd/ d/x/ e/', 'd/ e/', 'e/']);
  });

  test('a journal: only in the order in which they were made', async () => {
    const states = await statesOf(await logOf(twoDirectories), ext4Ordered());
    assert.deepEqual(states, ['(nothing)', 'd/', 'd/ d/x/ e/', 'd/ e/']);
  });

  test('strict POSIX: the halves of a rename are two, with a journal they are one', async () => {
    const log = await logOf(async (fileSystem) => {
      await writeFile(fileSystem, 'x', [A], true);
      await fileSystem.syncDirectory('.');
      await fileSystem.rename('x', 'y');
    });
    const during = (states: readonly string[]) => states.filter((state) => state.includes('0102'));
    assert.deepEqual(during(await statesOf(log, strictPosix())), ['x=0102', 'x=0102 y=0102', 'y=0102']);
    assert.ok(
      (
        await statesOf(log.slice(-1), strictPosix(), { base: new Map([['x', { kind: 'file', bytes: A }]]) })
      ).includes('(nothing)'),
    );
    assert.deepEqual(during(await statesOf(log, ext4Ordered())), ['x=0102', 'y=0102']);
  });

  test('a sync of one directory says nothing of another', async () => {
    const log = await logOf(async (fileSystem) => {
      await twoDirectories(fileSystem);
      await fileSystem.syncDirectory('.');
      fileSystem.acknowledge('d and e');
    });
    const model = strictPosix();
    const lost: string[] = [];
    await exploreCrashes({
      log,
      model,
      check({ image, acknowledged }) {
        if (acknowledged.length > 0) lost.push([...image.keys()].join(' '));
      },
    });
    assert.deepEqual(lost.sort(), ['d d/x e', 'd e']);
  });
});

describe('syncs', () => {
  test('a sync promises nothing about a call that was still running when it began', async () => {
    const inner = new MemoryFileSystem();
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const slow: FileSystem = Object.assign(Object.create(inner), {
      mkdir: async (path: string) => {
        await inner.mkdir(path);
        await finished;
      },
      syncDirectory: (path: string) => inner.syncDirectory(path),
    });
    const recording = new RecordingFileSystem(slow);
    const making = recording.mkdir('d');
    await recording.syncDirectory('.');
    finish();
    await making;
    recording.acknowledge('d');
    const report = await exploreCrashes({
      log: recording.log,
      model: strictPosix(),
      check({ image, acknowledged }) {
        if (acknowledged.length > 0) assert.ok(image.has('d'), 'd is lost');
      },
    });
    assert.deepEqual(
      report.violations.map((violation) => violation.message),
      ['d is lost'],
    );
  });

  test('the sync of a file that was found by name makes its content durable', async () => {
    const log = await logOf(async (fileSystem) => {
      await writeFile(fileSystem, 'x', [A]);
      await fileSystem.syncFile('x');
      fileSystem.acknowledge('x');
    });
    const report = await exploreCrashes({
      log,
      model: strictPosix(),
      async check({ fileSystem, acknowledged }) {
        const found = await fileSystem.readFile('x').catch(() => A);
        if (acknowledged.length > 0) assert.equal(found.length, 2);
      },
    });
    assert.deepEqual(report.violations, []);
  });
});

describe('bounds', () => {
  const many = async (fileSystem: RecordingFileSystem) => {
    for (let index = 0; index < 12; index += 1) await fileSystem.mkdir(`d${index}`);
  };

  test('too many states are sampled, the report says so, and the same seed gives the same ones', async () => {
    const log = await logOf(many);
    const options = { log, model: strictPosix(), imagesMax: 100, check: () => undefined };
    const report = await exploreCrashes(options);
    assert.equal(report.sampledCrashPoints, 6);
    assert.ok(report.distinctStates >= 300 && report.distinctStates < 4096);
    const sampled = (seed: number) => statesOf(log, strictPosix(), { imagesMax: 100, seed });
    assert.deepEqual(await sampled(7), await sampled(7));
    assert.notDeepEqual(await sampled(7), await sampled(8));
    const whole = await exploreCrashes({ ...options, imagesMax: 4096 });
    assert.deepEqual([whole.distinctStates, whole.sampledCrashPoints], [4096, 0]);
  });

  test('a violation names the operation, what was on the disk and what the checker said', async () => {
    const report = await exploreCrashes({
      log: await logOf(many),
      model: ext4Ordered(),
      check({ image }) {
        assert.ok(!image.has('d1'), 'no d1 please');
      },
      violationsMax: 1,
    });
    assert.equal(report.violations.length, 1);
    const { operations, after, message, disk } = report.violations[0] ?? assert.fail();
    assert.deepEqual([operations, after, message, disk], [2, 'mkdir d1', 'no d1 please', '  d0/\n  d1/']);
  });
});

test('for any program each state of a journaled model is also one of strict POSIX', async () => {
  const names = fc.constantFrom('x', 'y', 'd', 'd/x', 'd/y');
  const steps = fc.array(
    fc.record({
      call: fc.constantFrom('write', 'mkdir', 'link', 'rename', 'unlink', 'sync'),
      from: names,
      to: names,
    }),
    { maxLength: 9 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (program) => {
      const log = await logOf(async (fileSystem) => {
        for (const { call, from, to } of program) {
          const done =
            call === 'write'
              ? writeFile(fileSystem, from, [A, B], to === 'x')
              : call === 'mkdir'
                ? fileSystem.mkdir(from)
                : call === 'sync'
                  ? fileSystem.syncDirectory(from.startsWith('d') ? 'd' : '.')
                  : call === 'unlink'
                    ? fileSystem.unlink(from)
                    : fileSystem[call === 'link' ? 'link' : 'rename'](from, to);
          await done.catch(() => undefined);
        }
      });
      const strict = new Set(await statesOf(log, strictPosix({ sectorBytes: 1 }), { imagesMax: 1e6 }));
      for (const state of await statesOf(log, ext4Ordered({ pageBytes: 1 }), { imagesMax: 1e6 })) {
        assert.ok(strict.has(state), state);
      }
    }),
    { numRuns: 120 },
  );
});
