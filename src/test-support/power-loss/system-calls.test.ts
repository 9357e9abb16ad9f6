import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { temporaryFolder } from '../temporary-folder.js';
import { workloads } from './archive-workload.js';
import { StartedWriter } from './started-writer.js';
import { parseTrace, protocolFaults, type SystemCall, TRACED_CALLS, traceFigures } from './system-calls.js';

const MODULE = fileURLToPath(new URL('./archive-workload.js', import.meta.url));
/** Backups that are made under the tracer, which makes every call slow. */
const BACKUPS = 8;

const withoutTracer = missingTracer();

/** Why the real programs cannot be traced here, or false. */
function missingTracer(): string | false {
  const probe = spawnSync('strace', ['-f', '-y', '-o', '/dev/null', process.execPath, '--version']);
  return probe.status === 0
    ? false
    : `strace is not installed, or may not trace: ${probe.error ?? probe.stderr}`;
}

function tracer(traceFile: string): string[] {
  return ['strace', '-f', '-y', '-s', '256', '-e', `trace=${TRACED_CALLS}`, '-o', traceFile];
}

/** The system calls of a real process that makes some backups. */
async function traceWorkload(name: string, context: TestContext) {
  const base = temporaryFolder(context);
  const [inputFolder, folder] = [path.join(base, 'input'), path.join(base, 'volume')];
  mkdirSync(inputFolder);
  mkdirSync(folder);
  const workload = workloads.find((candidate) => candidate.name === name) ?? assert.fail(name);
  await workload.prepare(inputFolder, 1);
  const traceFile = path.join(base, 'trace');
  const options = { module: MODULE, workload: name, folder, inputFolder, seed: 1, unitsMax: BACKUPS };
  await new StartedWriter(options, tracer(traceFile)).finish();
  return { calls: parseTrace(readFileSync(traceFile, 'utf8')), root: path.join(folder, 'archive-0') };
}

describe('the system calls of a process that makes backups', { skip: withoutTracer }, () => {
  test('keep the protocol: content synced, then named, then the name synced, then success', async (context) => {
    const { calls, root } = await traceWorkload('durable-writer', context);
    const { publishes, syncs, acknowledgements } = traceFigures(calls, root);
    context.diagnostic(`${publishes} files published, ${syncs} syncs, ${acknowledgements} backups reported`);
    assert.deepEqual(protocolFaults(calls, root), []);
    assert.equal(acknowledgements, BACKUPS);
    assert.ok(publishes > 3 * BACKUPS);
  });

  const controls = [
    ['naive', /is opened for writing under its published name/],
    ['rename-without-fsync', /is published without fsync/],
    ['fsync-rename-without-directory-sync', /success is reported before the directory of .* is synced/],
  ] as const;
  for (const [name, fault] of controls) {
    test(`of a writer that is wrong on purpose are caught: ${name}`, async (context) => {
      const { calls, root } = await traceWorkload(name, context);
      assert.match(protocolFaults(calls, root).join('\n'), fault);
    });
  }

  test('of the metadata cache are those whose crash states are explored', (context) => {
    const base = temporaryFolder(context);
    const traceFile = path.join(base, 'trace');
    const cache = pathToFileURL(
      path.join(path.dirname(MODULE), '..', '..', 'storage', 'cache-folder.js'),
    ).href;
    const program = `
      const { CacheFolder } = await import(${JSON.stringify(cache)});
      const folder = await CacheFolder.open(${JSON.stringify(path.join(base, 'c'))}, { owner: 'test' });
      for (const key of ['1a', '2b', '1a']) await folder.write(key, Buffer.from(key.repeat(100)));`;
    const [file = '', ...args] = [
      ...tracer(traceFile),
      process.execPath,
      '--input-type=module',
      '-e',
      program,
    ];
    const { status, stderr } = spawnSync(file, args, { env: { ...process.env, UV_USE_IO_URING: '0' } });
    assert.equal(status, 0, stderr.toString());
    const calls = parseTrace(readFileSync(traceFile, 'utf8'));
    const root = path.join(base, 'c');
    assert.equal(traceFigures(calls, root).publishes, 4, 'the owner and three entries');
    // Everything is staged beside its place under a name of its own, which no reader takes for an entry.
    const faults = protocolFaults(calls, root).filter((fault) => !/(?:^|\/)\.[^/]* is opened/.test(fault));
    assert.deepEqual(faults, []);
    const steps = calls.flatMap(({ name, args }) => {
      if (name === 'rename') return args.includes('owner') ? ['rename owner'] : ['rename entry'];
      if (name === 'fsync' && args.includes(`<${root}/cache>`)) return ['sync entries'];
      return name === 'fsync' && args.includes(`<${root}>`) ? ['sync owner'] : [];
    });
    const entries = ['rename entry', 'rename entry', 'rename entry'];
    assert.deepEqual(steps, ['sync entries', 'rename owner', 'sync owner', ...entries]);
  });
});

describe('the check of a trace', () => {
  const lines = [
    '7 mkdir("/r/b.1", 0777) = 0',
    '7 openat(AT_FDCWD</>, "/r/.holdfast/staging/w.0", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0666) = 20</r/.holdfast/staging/w.0>',
    '8 pwrite64(20</r/.holdfast/staging/w.0>, "x", 1, 0 <unfinished ...>',
    '9 fsync(21</r/other>) = 0',
    '8 <... pwrite64 resumed>) = 1',
    '8 fsync(20</r/.holdfast/staging/w.0>) = 0',
    '7 link("/r/.holdfast/staging/w.0", "/r/b.1/x.chunk") = 0',
    '9 fsync(22</r>) = 0',
    '9 fsync(23</r/b.1>) = 0',
    '9 openat(AT_FDCWD</>, "/r", O_RDONLY|O_CLOEXEC|O_DIRECTORY) = 22</r>',
    '9 openat(AT_FDCWD</>, "/r/b.1", O_RDONLY|O_CLOEXEC|O_DIRECTORY) = 23</r/b.1>',
    '7 write(1<pipe:[1]>, "ack x\\n", 6) = 6',
  ];
  const faultsOf = (text: readonly string[]): string[] => protocolFaults(parseTrace(text.join('\n')), '/r');

  test('accepts the protocol, calls of several threads interleaved', () => {
    assert.deepEqual(faultsOf(lines), []);
    const calls: SystemCall[] = parseTrace(lines.join('\n'));
    assert.deepEqual(traceFigures(calls, '/r'), { publishes: 1, syncs: 4, acknowledgements: 1 });
    const write = calls.find(({ name }) => name === 'pwrite64') ?? assert.fail();
    assert.deepEqual([write.start, write.end], [2, 4]);
  });

  test('sees each sync, and each look after it, that is missing, too early or failed', () => {
    for (const at of [5, 7, 8, 9, 10]) {
      assert.equal(faultsOf(lines.toSpliced(at, 1)).length, 1, `without line ${at}`);
      const failed = lines.with(at, `${lines[at]?.replace(/= \d.*$/, '= -1 EIO (Input/output error)')}`);
      assert.equal(faultsOf(failed).length, 1, `line ${at} failed`);
      const early = lines.toSpliced(at, 1).toSpliced(at === 5 ? 3 : 0, 0, lines[at] ?? '');
      assert.equal(faultsOf(early).length, 1, `line ${at} early`);
    }
  });

  test('sees a manifest that is published before its files are durable', () => {
    const manifest = [
      '7 openat(AT_FDCWD</>, "/r/.holdfast/staging/w.1", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0666) = 20</r/.holdfast/staging/w.1>',
      '8 fsync(20</r/.holdfast/staging/w.1>) = 0',
      '7 link("/r/.holdfast/staging/w.1", "/r/b.1/t.manifest") = 0',
    ];
    const faults = faultsOf(lines.toSpliced(7, 0, ...manifest));
    assert.deepEqual(faults, ['b.1/t.manifest is published before b.1/x.chunk is durable']);
  });
});
