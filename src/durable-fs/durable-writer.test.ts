import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { finished, pipeline } from 'node:stream/promises';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { DurableFsError } from './durable-fs-error.js';
import { durableWritable } from './durable-stream.js';
import { DurableWriter } from './durable-writer.js';
import { FaultFileSystem } from './fault-file-system.js';
import { STAGING_DIRECTORY } from './staging-area.js';
import { kindsOf, recordedRoot, temporaryRoot } from './temporary-root.test.support.js';

const HELLO = Buffer.from('hello, archive');
const options = { writerId: 'writer' };

function withCode(code: string) {
  return (error: unknown) => error instanceof DurableFsError && error.code === code;
}

describe('a durable file', () => {
  test('appears whole under its name, with its size and SHA-256, and leaves no staging', async (context) => {
    const root = await temporaryRoot(context);
    const file = await new DurableWriter(options, root).openDurableFile('a/b', 'name');
    await file.write(HELLO.subarray(0, 5));
    await file.write(HELLO.subarray(5));
    await assert.rejects(root.stat('a/b/name'), { code: 'ENOENT' });
    const { path, size, sha256, method } = await file.commit();
    assert.deepEqual([path, size, method], ['a/b/name', HELLO.length, 'link']);
    assert.deepEqual(Buffer.from(sha256), createHash('sha256').update(HELLO).digest());
    assert.deepEqual(Buffer.from(await root.readFile(path)), HELLO);
    assert.deepEqual(await root.readdir(STAGING_DIRECTORY), []);
  });

  test('may be empty', async (context) => {
    const root = await temporaryRoot(context);
    const file = await new DurableWriter(options, root).openDurableFile('a', 'empty');
    assert.equal((await file.commit()).size, 0);
    assert.equal((await root.stat('a/empty')).size, 0);
  });

  test('is refused when its name is taken, and what has the name is untouched', async (context) => {
    const root = await temporaryRoot(context);
    const writer = new DurableWriter(options, root);
    const first = await writer.openDurableFile('a', 'name');
    const second = await writer.openDurableFile('a', 'name');
    await first.write(HELLO);
    await first.commit();
    await second.write(Buffer.from('other'));
    await assert.rejects(second.commit(), withCode('NAME_EXISTS'));
    await assert.rejects(writer.openDurableFile('a', 'name'), withCode('NAME_EXISTS'));
    assert.deepEqual(Buffer.from(await root.readFile('a/name')), HELLO);
    assert.deepEqual(await root.readdir(STAGING_DIRECTORY), []);
  });

  test('that is discarded, or goes out of scope, was never there', async (context) => {
    const root = await temporaryRoot(context);
    const writer = new DurableWriter(options, root);
    const file = await writer.openDurableFile('a', 'name');
    await file.write(HELLO);
    await file.discard();
    await file.discard();
    {
      await using left = await writer.openDurableFile('a', 'name');
      await left.write(HELLO);
    }
    assert.deepEqual(await root.readdir('a'), []);
    assert.deepEqual(await root.readdir(STAGING_DIRECTORY), []);
  });

  test('is one writer on its own: a second write before the first ended is a mistake', async (context) => {
    const file = await new DurableWriter(options, await temporaryRoot(context)).openDurableFile('a', 'name');
    const first = file.write(HELLO);
    await assert.rejects(file.write(HELLO), assert.AssertionError);
    await first;
    await file.discard();
  });

  test('says the same error again after it failed', async (context) => {
    const root = await temporaryRoot(context);
    const fault = { nth: 1, call: 'write', effect: { type: 'error', code: 'EIO' } } as const;
    const file = await new DurableWriter(options, new FaultFileSystem(root, [fault])).openDurableFile(
      'a',
      'b',
    );
    await file.write(HELLO);
    await assert.rejects(file.write(HELLO), withCode('WRITE_FAILED'));
    await assert.rejects(file.write(HELLO), withCode('WRITE_FAILED'));
    await assert.rejects(file.commit(), { code: 'WRITE_FAILED', path: 'a/b' });
    assert.deepEqual(await root.readdir(STAGING_DIRECTORY), []);
  });

  test('that is not as long as what was written is discarded', async (context) => {
    const root = await temporaryRoot(context);
    const lying = Object.assign(Object.create(root), {
      stat: async (path: string) => ({ ...(await root.stat(path)), size: 1 }),
      mkdir: (path: string) => root.mkdir(path),
      createExclusive: (path: string) => root.createExclusive(path),
      unlink: (path: string) => root.unlink(path),
    });
    const file = await new DurableWriter(options, lying).openDurableFile('a', 'name');
    await file.write(HELLO);
    await assert.rejects(file.commit(), withCode('LENGTH_MISMATCH'));
    assert.deepEqual(await root.readdir('a'), []);
  });

  test('has the same bytes and digest however they are cut and written', async (context) => {
    const root = await temporaryRoot(context);
    let count = 0;
    const parts = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(parts, fc.boolean(), async (chunks, short) => {
        const fault = { nth: 0, call: 'write', lasting: true, effect: { type: 'short-write' } } as const;
        const below = short ? new FaultFileSystem(root, [fault]) : root;
        const name = `file-${count++}`;
        const file = await new DurableWriter({ writerId: name }, below).openDurableFile('a', name);
        for (const chunk of chunks) await file.write(chunk);
        const { size, sha256 } = await file.publish();
        const whole = Buffer.concat(chunks);
        assert.equal(size, whole.length);
        assert.deepEqual(Buffer.from(sha256), createHash('sha256').update(whole).digest());
        assert.deepEqual(Buffer.from(await root.readFile(`a/${name}`)), whole);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a stream over a durable file', () => {
  test('commits when it ends', async (context) => {
    const recording = await recordedRoot(context);
    const file = await new DurableWriter(options, recording).openDurableFile('a', 'name');
    await pipeline([HELLO, HELLO], durableWritable(file));
    assert.deepEqual(Buffer.from(await recording.readFile('a/name')), Buffer.concat([HELLO, HELLO]));
    assert.equal(kindsOf(recording).at(-1), 'sync-directory a');
  });

  test('discards when it is destroyed or when its source fails', async (context) => {
    const root = await temporaryRoot(context);
    const writer = new DurableWriter(options, root);
    async function* failing() {
      yield HELLO;
      throw new Error('the source is gone');
    }
    const stream = durableWritable(await writer.openDurableFile('a', 'name'));
    await assert.rejects(pipeline(failing(), stream), { message: 'the source is gone' });
    const destroyed = durableWritable(await writer.openDurableFile('a', 'other'));
    destroyed.write(HELLO);
    destroyed.destroy();
    await assert.rejects(finished(destroyed), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
    assert.deepEqual(await root.readdir('a'), []);
  });

  test('fails with the reason of the file', async (context) => {
    const root = await temporaryRoot(context);
    const fault = { nth: 0, call: 'sync-file', effect: { type: 'error', code: 'EIO' } } as const;
    const writer = new DurableWriter(options, new FaultFileSystem(root, [fault]));
    const stream = durableWritable(await writer.openDurableFile('a', 'name'));
    await assert.rejects(pipeline([HELLO], stream), withCode('SYNC_FAILED'));
    assert.deepEqual(await root.readdir('a'), []);
  });
});

describe('group commit', () => {
  test('costs one sync per directory however many files there are', async (context) => {
    const recording = await recordedRoot(context);
    const writer = new DurableWriter(options, recording);
    for (let index = 0; index < 20; index += 1) {
      const file = await writer.openDurableFile('backup', `file-${index}`);
      await file.write(HELLO);
      await file.publish();
    }
    await writer.barrier();
    await writer.barrier();
    const syncs = kindsOf(recording).filter((kind) => kind.startsWith('sync-directory'));
    assert.deepEqual(syncs, ['sync-directory .', 'sync-directory backup']);
    assert.equal(kindsOf(recording).filter((kind) => kind === 'sync-file').length, 20);
  });

  test('has ended before a file that depends on others is staged', async (context) => {
    const recording = await recordedRoot(context);
    const writer = new DurableWriter(options, recording);
    await (await writer.openDurableFile('backup', 'chunk')).publish();
    const manifest = await writer.openDependentFile('backup', 'manifest');
    const kinds = kindsOf(recording);
    assert.deepEqual(kinds.slice(-3), ['sync-directory .', 'sync-directory backup', 'create']);
    await manifest.commit();
  });

  test('makes files written at the same time durable together', async (context) => {
    const recording = await recordedRoot(context);
    const writer = new DurableWriter(options, recording);
    const commitOne = async (name: string) => {
      const file = await writer.openDurableFile('backup', name);
      await file.write(HELLO);
      await file.commit();
    };
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(commitOne));
    assert.equal((await recording.readdir('backup')).length, 6);
    const log = recording.log;
    for (const { call, sequence } of log) {
      if (call.kind !== 'link') continue;
      const covered = log.some(
        (other) =>
          other.call.kind === 'sync-directory' &&
          other.call.path === 'backup' &&
          other.sequence > sequence &&
          !other.unfinished.includes(sequence),
      );
      assert.ok(covered, call.to);
    }
  });

  test('that fails withdraws its names and ends the writer; a new writer succeeds', async (context) => {
    const root = await temporaryRoot(context);
    const fault = { nth: 2, call: 'sync-directory', effect: { type: 'error', code: 'EIO' } } as const;
    const writer = new DurableWriter(options, new FaultFileSystem(root, [fault]));
    await (await writer.openDurableFile('backup', 'safe')).commit();
    const doubtful = await writer.openDurableFile('backup', 'doubtful');
    await assert.rejects(doubtful.commit(), { code: 'SYNC_FAILED', path: 'backup' });
    await assert.rejects(writer.barrier(), withCode('SYNC_FAILED'));
    await assert.rejects(writer.openDependentFile('backup', 'manifest'), withCode('SYNC_FAILED'));
    assert.deepEqual(
      (await root.readdir('backup')).map((entry) => entry.name),
      ['safe'],
    );
    const again = new DurableWriter({ writerId: 'again' }, root);
    await (await again.openDurableFile('backup', 'doubtful')).commit();
  });

  test('of a directory that another run made syncs the name of that directory too', async (context) => {
    const recording = await recordedRoot(context);
    await recording.mkdir('backup');
    await (await new DurableWriter(options, recording).openDurableFile('backup', 'file')).commit();
    assert.ok(kindsOf(recording).includes('sync-directory .'));
  });

  test('takes over a file that is there: content and name are synced', async (context) => {
    const recording = await recordedRoot(context);
    await recording.mkdir('backup');
    const file = await recording.createExclusive('backup/found');
    await file.close();
    const writer = new DurableWriter(options, recording);
    await writer.adopt('backup/found');
    await writer.barrier();
    assert.deepEqual(kindsOf(recording).slice(-3), [
      'sync-path',
      'sync-directory .',
      'sync-directory backup',
    ]);
  });
});

test('a directory cannot be made where a file is, and the error says so', async (context) => {
  const root = await temporaryRoot(context);
  const file = await root.createExclusive('taken');
  await file.close();
  const writer = new DurableWriter(options, root);
  await assert.rejects(writer.ensureDirectory('taken'), { code: 'DIRECTORY_FAILED', path: 'taken' });
  await assert.rejects(writer.openDurableFile('taken', 'file'), withCode('DIRECTORY_FAILED'));
});

test('paths that leave the root are a mistake of the caller', async (context) => {
  const writer = new DurableWriter(options, await temporaryRoot(context));
  await assert.rejects(writer.openDurableFile('..', 'file'), assert.AssertionError);
  await assert.rejects(writer.openDurableFile('a', '../file'), assert.AssertionError);
});
