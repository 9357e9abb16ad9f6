import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Fault, FaultFileSystem } from './fault-file-system.js';
import type { FileSystem } from './file-system.js';
import { moveFile } from './move-file.js';
import { NoClobberPublisher } from './publish.js';
import { CLAIMS_DIRECTORY, HOLDFAST_DIRECTORY, reclaimClaims } from './staging-area.js';
import { temporaryRoot } from './temporary-root.test.support.js';

const NO_LINKS: Fault = { nth: 0, call: 'link', lasting: true, effect: { type: 'error', code: 'EPERM' } };

async function put(fileSystem: FileSystem, path: string, text: string): Promise<void> {
  const file = await fileSystem.createExclusive(path);
  await file.write(Buffer.from(text), 0);
  await file.close();
}

async function textOf(fileSystem: FileSystem, path: string): Promise<string> {
  return Buffer.from(await fileSystem.readFile(path)).toString();
}

describe('publishing where hard links are missing', () => {
  for (const code of ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']) {
    test(`${code}: renames under a claim, and takes the claim back`, async (context) => {
      const root = await temporaryRoot(context);
      await root.mkdir(HOLDFAST_DIRECTORY);
      await put(root, 'staged', 'new');
      const publisher = new NoClobberPublisher(
        new FaultFileSystem(root, [{ ...NO_LINKS, effect: { type: 'error', code } }]),
      );
      assert.equal(await publisher.publish('staged', 'final'), 'claim-and-rename');
      assert.equal(await textOf(root, 'final'), 'new');
      await assert.rejects(root.stat('staged'), { code: 'ENOENT' });
      assert.deepEqual(await root.readdir(CLAIMS_DIRECTORY), []);
    });
  }

  test('a name that is taken stays as it is', async (context) => {
    const root = await temporaryRoot(context);
    await root.mkdir(HOLDFAST_DIRECTORY);
    await put(root, 'staged', 'new');
    await put(root, 'final', 'old');
    const publisher = new NoClobberPublisher(new FaultFileSystem(root, [NO_LINKS]));
    await assert.rejects(publisher.publish('staged', 'final'), { code: 'NAME_EXISTS', path: 'final' });
    assert.equal(await textOf(root, 'final'), 'old');
    assert.deepEqual(await root.readdir(CLAIMS_DIRECTORY), []);
  });

  test('of two at the same time exactly one gets the name', async (context) => {
    const root = await temporaryRoot(context);
    await root.mkdir(HOLDFAST_DIRECTORY);
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(['a', 'b', 'c'].map((staged) => put(root, `${staged}${round}`, staged)));
      const results = await Promise.allSettled(
        ['a', 'b', 'c'].map(async (staged) => {
          const publisher = new NoClobberPublisher(new FaultFileSystem(root, [NO_LINKS]));
          await publisher.publish(`${staged}${round}`, `final${round}`);
          return staged;
        }),
      );
      const winners = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      assert.equal(winners.length, 1);
      assert.equal(await textOf(root, `final${round}`), winners[0]);
    }
  });

  test('a claim of a dead writer blocks its name until it is reclaimed', async (context) => {
    const root = await temporaryRoot(context);
    await root.mkdir(HOLDFAST_DIRECTORY);
    await put(root, 'staged', 'new');
    const dying = new FaultFileSystem(root, [
      NO_LINKS,
      { nth: 0, call: 'rename', effect: { type: 'death' } },
    ]);
    await assert.rejects(new NoClobberPublisher(dying).publish('staged', 'final'));
    const publisher = new NoClobberPublisher(new FaultFileSystem(root, [NO_LINKS]));
    await assert.rejects(publisher.publish('staged', 'final'), { code: 'NAME_EXISTS' });
    assert.equal(await reclaimClaims(root), 1);
    await publisher.publish('staged', 'final');
    assert.equal(await textOf(root, 'final'), 'new');
  });
});

describe('an answer that got lost', () => {
  test('a link that was made counts, although its repetition says EEXIST', async (context) => {
    const root = await temporaryRoot(context);
    await put(root, 'staged', 'new');
    const lost = { type: 'error-after-effect', code: 'EEXIST' } as const;
    const publisher = new NoClobberPublisher(
      new FaultFileSystem(root, [{ nth: 0, call: 'link', effect: lost }]),
    );
    assert.equal(await publisher.publish('staged', 'final'), 'link');
  });

  for (const call of ['link', 'rename'] as const) {
    test(`a ${call} that was made and failed is taken back`, async (context) => {
      const root = await temporaryRoot(context);
      await root.mkdir(HOLDFAST_DIRECTORY);
      await put(root, 'staged', 'new');
      const fault: Fault = { nth: 0, call, effect: { type: 'error-after-effect', code: 'EIO' } };
      const faults = call === 'link' ? [fault] : [NO_LINKS, fault];
      const publisher = new NoClobberPublisher(new FaultFileSystem(root, faults));
      await assert.rejects(publisher.publish('staged', 'final'), { code: 'PUBLISH_FAILED' });
      await assert.rejects(root.stat('final'), { code: 'ENOENT' });
    });
  }
});

describe('moving a committed file', () => {
  test('gives it its new name, and refuses one that is taken', async (context) => {
    const root = await temporaryRoot(context);
    await root.mkdir('to');
    await put(root, 'a', 'A');
    await put(root, 'b', 'B');
    await moveFile(root, 'a', 'to/a');
    assert.equal(await textOf(root, 'to/a'), 'A');
    await assert.rejects(moveFile(root, 'b', 'to/a'), { code: 'NAME_EXISTS' });
    assert.deepEqual([await textOf(root, 'b'), await textOf(root, 'to/a')], ['B', 'A']);
    await moveFile(root, 'a', 'to/a');
    await assert.rejects(moveFile(root, 'c', 'to/c'), { code: 'PUBLISH_FAILED', path: 'to/c' });
  });

  test('is finished by a second call when both names are left', async (context) => {
    const root = await temporaryRoot(context);
    await root.mkdir('to');
    await put(root, 'a', 'A');
    await root.link('a', 'to/a');
    await moveFile(root, 'a', 'to/a');
    assert.deepEqual(
      (await root.readdir('.')).map((entry) => entry.name),
      ['to'],
    );
  });
});
