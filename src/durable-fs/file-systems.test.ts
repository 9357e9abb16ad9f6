import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { durabilityReport, probe } from './durability-report.js';
import { type Fault, FaultFileSystem } from './fault-file-system.js';
import { createRoot } from './node-file-system.js';
import { RecordingFileSystem } from './recording-file-system.js';
import { reclaimStaging, STAGING_DIRECTORY, StagingArea } from './staging-area.js';
import { recordedRoot, temporaryRoot } from './temporary-root.test.support.js';

const EIO = { type: 'error', code: 'EIO' } as const;

describe('the real file system', () => {
  test('makes a root with all its missing ancestors', async (context) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-root-'));
    context.after(() => rm(folder, { recursive: true, force: true }));
    const root = await createRoot(path.join(folder, 'a', 'b', 'c'));
    assert.equal((await root.stat('.')).kind, 'directory');
    assert.equal((await createRoot(root.root)).root, root.root);
  });

  test('does not follow symbolic links, and lists them as what they are', async (context) => {
    const root = await temporaryRoot(context);
    await root.mkdir('target');
    await symlink('target', path.join(root.root, 'link'));
    assert.deepEqual(await root.readdir('.'), [
      { name: 'link', kind: 'other' },
      { name: 'target', kind: 'directory' },
    ]);
    assert.equal((await root.stat('link')).kind, 'other');
  });

  test('names that are one file have one identity', async (context) => {
    const root = await temporaryRoot(context);
    for (const name of ['a', 'b']) await (await root.createExclusive(name)).close();
    await root.link('a', 'c');
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => root.stat(name)));
    assert.equal(a?.identity, c?.identity);
    assert.notEqual(a?.identity, b?.identity);
  });

  test('reads at an offset, up to the end', async (context) => {
    const root = await temporaryRoot(context);
    const file = await root.createExclusive('a');
    await file.write(Uint8Array.of(1, 2, 3), 0);
    await file.close();
    const reading = await root.openForRead('a');
    const buffer = new Uint8Array(4);
    assert.deepEqual([await reading.read(buffer, 1), await reading.read(buffer, 3)], [2, 0]);
    assert.deepEqual(buffer, Uint8Array.of(2, 3, 0, 0));
    await reading.close();
  });
});

describe('the recording file system', () => {
  test('keeps a copy of what was written, of a Buffer too', async (context) => {
    const recording = await recordedRoot(context);
    const file = await recording.createExclusive('a');
    const bytes = Buffer.from('as it was');
    await file.write(bytes, 0);
    await file.close();
    bytes.fill(0);
    const write = recording.log.find(({ call }) => call.kind === 'write')?.call;
    assert.ok(write?.kind === 'write');
    assert.equal(Buffer.from(write.bytes).toString(), 'as it was');
  });

  test('keeps what was written, how it ended, and what was still running', async (context) => {
    const recording = await recordedRoot(context);
    const file = await recording.createExclusive('a');
    const bytes = Uint8Array.of(1, 2);
    await Promise.all([file.write(bytes, 0), recording.mkdir('d')]);
    bytes.fill(9);
    await assert.rejects(recording.mkdir('d'), { code: 'EEXIST' });
    await file.close();
    recording.acknowledge('a');
    const [create, write, mkdir, again, close, acknowledge] = recording.log;
    assert.deepEqual(create?.call, { kind: 'create', path: 'a', file: 0 });
    assert.deepEqual(write?.call, {
      kind: 'write',
      file: 0,
      path: 'a',
      position: 0,
      bytes: Uint8Array.of(1, 2),
    });
    assert.deepEqual(mkdir?.unfinished, [write?.sequence]);
    assert.equal(again?.failure, 'EEXIST');
    assert.deepEqual([close?.call.kind, acknowledge?.call.kind], ['close', 'acknowledge']);
  });

  test('keeps only the taken part of a short write', async (context) => {
    const short: Fault = { nth: 0, call: 'write', effect: { type: 'short-write' } };
    const recording = new RecordingFileSystem(new FaultFileSystem(await temporaryRoot(context), [short]));
    const file = await recording.createExclusive('a');
    assert.equal(await file.write(Uint8Array.of(1, 2, 3), 0), 2);
    await file.close();
    const write = recording.log[1]?.call;
    assert.deepEqual(write?.kind === 'write' ? write.bytes : undefined, Uint8Array.of(1, 2));
  });
});

describe('the fault file system', () => {
  test('drops what a failed sync should have saved, and lets the next sync succeed', async (context) => {
    const root = await temporaryRoot(context);
    const faulty = new FaultFileSystem(root, [{ nth: 1, call: 'sync-file', effect: EIO }]);
    const file = await faulty.createExclusive('a');
    await file.write(Uint8Array.of(1), 0);
    await file.sync();
    await file.write(Uint8Array.of(2, 3), 1);
    await assert.rejects(file.sync(), { code: 'EIO' });
    await file.sync();
    await file.close();
    assert.deepEqual(new Uint8Array(await root.readFile('a')), Uint8Array.of(1, 0, 0));
    assert.deepEqual([faulty.callsSeen, faulty.faultsInjected], [7, 1]);
  });

  test('does nothing any more once the process is dead', async (context) => {
    const root = await temporaryRoot(context);
    const faulty = new FaultFileSystem(root, [{ nth: 1, effect: { type: 'death' } }]);
    await faulty.mkdir('a');
    for (const call of [
      () => faulty.mkdir('b'),
      () => faulty.mkdir('c'),
      () => faulty.stat('a'),
      () => faulty.readdir('.'),
      () => faulty.createExclusive('d'),
    ]) {
      await assert.rejects(call, { code: 'EIO' });
    }
    assert.deepEqual(await root.readdir('.'), [{ name: 'a', kind: 'directory' }]);
  });
});

describe('clean-up of the staging folder', () => {
  test('removes files of dead writers, and nothing of live ones or of strangers', async (context) => {
    const root = await temporaryRoot(context);
    const staged: string[] = [];
    for (const writer of ['dead', 'live']) {
      const path = await new StagingArea(writer, root).nextPath();
      await (await root.createExclusive(path)).close();
      staged.push(path);
    }
    await root.mkdir(`${STAGING_DIRECTORY}/dead.1`);
    await (await root.createExclusive(`${STAGING_DIRECTORY}/note`)).close();
    assert.deepEqual(await reclaimStaging(root, (id) => id === 'live'), {
      removed: ['dead.0'],
      kept: ['live.0'],
      foreign: ['dead.1', 'note'],
    });
    assert.equal((await root.readdir(STAGING_DIRECTORY)).length, 3);
  });

  test('is content with an archive that has none', async (context) => {
    const nothing = { removed: [], kept: [], foreign: [] };
    assert.deepEqual(await reclaimStaging(await temporaryRoot(context), () => false), nothing);
  });
});

describe('the durability report', () => {
  test('says what this folder supports, and leaves nothing behind', async (context) => {
    const root = await temporaryRoot(context);
    const report = await durabilityReport(root);
    context.diagnostic(JSON.stringify(report));
    assert.deepEqual(report.hardLinks, { state: 'supported' });
    assert.deepEqual(report.directorySync, { state: 'supported' });
    const disk = report.storageClass === 'journaled-disk';
    const memory = report.storageClass === 'memory';
    assert.equal(report.survivesPowerCut, disk ? 'yes' : memory ? 'no' : 'unknown');
    assert.deepEqual(await root.readdir(STAGING_DIRECTORY), []);
  });

  test('tells what is missing from what merely failed', async (context) => {
    const root = await temporaryRoot(context);
    const failing = (call: 'link' | 'sync-directory', code: string): Fault => {
      return { nth: 0, call, lasting: true, effect: { type: 'error', code } };
    };
    const missing = [failing('link', 'EPERM'), failing('sync-directory', 'EINVAL')];
    assert.deepEqual(await probe(new FaultFileSystem(root, missing)), {
      hardLinks: { state: 'unsupported', systemCode: 'EPERM' },
      directorySync: { state: 'unsupported', systemCode: 'EINVAL' },
    });
    const broken = [failing('link', 'EIO'), failing('sync-directory', 'EIO')];
    assert.deepEqual(await probe(new FaultFileSystem(root, broken)), {
      hardLinks: { state: 'unknown', systemCode: 'EIO' },
      directorySync: { state: 'unknown', systemCode: 'EIO' },
    });
  });
});
