import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, type TestContext, test } from 'node:test';
import { type Fault, FaultFileSystem } from '../durable-fs/fault-file-system.js';
import { NodeFileSystem } from '../durable-fs/node-file-system.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { LocalFsWriterStorage } from './local-fs-writer.js';
import { ownProcessIdentity } from './process-identity.js';
import type { StorageError } from './storage-error.js';
import { WriterLock } from './writer-lock.js';
import { listRegistrations, WriterRegistry } from './writer-registry.js';

const WRITER = new URL('./local-fs-writer.js', import.meta.url).href;

/** Takes the lock, says how that went, and holds it until it is told to end. */
const PROGRAM = `
  const { LocalFsWriterStorage } = await import(process.argv[1]);
  process.stdin.resume();
  try {
    const storage = await LocalFsWriterStorage.open(process.argv[2], { owner: process.argv[3] });
    const backup = await storage.createBackup('transaction_0-.0a1b');
    const file = await storage.createForWrite(backup, Date.now() + '-.chunk');
    await file.write(Buffer.from('half a file'));
    console.log('held');
    process.stdin.on('end', async () => { await file.discard(); await storage.close(); process.exit(0); });
  } catch (error) {
    console.log(error.code + ' ' + error.facts?.holder);
    process.exit(1);
  }
`;

/** A real process that wants the lock, and its first word. */
async function contender(context: TestContext, folder: string, owner: string) {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--input-type=module', '-e', PROGRAM, WRITER, folder, owner],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  context.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [word] = (await once(lines, 'line')) as [string];
  return { child, word };
}

const stagedIn = (folder: string): string[] => readdirSync(path.join(folder, '.holdfast', 'staging'));

describe('one writer', () => {
  test('keeps a second process out, which says at once who holds the lock', async (context) => {
    const folder = temporaryFolder(context);
    const first = await contender(context, folder, 'first writer');
    assert.equal(first.word, 'held');
    const second = await contender(context, folder, 'second writer');
    assert.match(second.word, /^WRITER_LOCKED first writer \(process [0-9]+ of /);
    assert.match(second.word, new RegExp(`process ${first.child.pid} `));
    first.child.stdin?.end();
    await once(first.child, 'exit');
    assert.equal((await contender(context, folder, 'third writer')).word, 'held');
  });

  test('that is killed is succeeded at once, and what it staged is reclaimed', async (context) => {
    const folder = temporaryFolder(context);
    const first = await contender(context, folder, 'first');
    assert.equal(stagedIn(folder).length, 1);
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    const storage = await LocalFsWriterStorage.open(folder, { owner: 'second' });
    assert.deepEqual(stagedIn(folder), []);
    assert.equal((await listRegistrations(new NodeFileSystem(folder))).length, 1);
    assert.deepEqual(readdirSync(path.join(folder, '.holdfast', 'active')), []);
    await storage.close();
  });

  test('is what results when several processes want a dead owner’s lock at the same moment', async (context) => {
    const folder = temporaryFolder(context);
    const dead = await contender(context, folder, 'dead');
    dead.child.kill('SIGKILL');
    await once(dead.child, 'exit');
    const words = (await Promise.all(['a', 'b', 'c'].map((owner) => contender(context, folder, owner)))).map(
      ({ word }) => word,
    );
    assert.equal(words.filter((word) => word === 'held').length, 1, words.join('\n'));
    assert.equal(words.filter((word) => word.startsWith('WRITER_LOCKED')).length, 2, words.join('\n'));
  });

  test('is ever held at a time by any number of contenders in one process', async (context) => {
    const fileSystem = new NodeFileSystem(temporaryFolder(context));
    let holders = 0;
    let held = 0;
    const contend = async (owner: string): Promise<void> => {
      for (let round = 0; round < 5; round++) {
        const lock = await WriterLock.acquire(fileSystem, { owner }).catch((error: StorageError) => {
          assert.equal(error.code, 'WRITER_LOCKED');
        });
        if (!lock) continue;
        held++;
        assert.equal(++holders, 1);
        await lock.assertHeld();
        await new Promise((resolve) => setImmediate(resolve));
        await lock.reclaimDead();
        assert.equal(holders--, 1);
        await lock.release();
      }
    };
    await Promise.all(['a', 'b', 'c', 'd'].map(contend));
    assert.ok(held > 0);
  });

  test('does not keep maintenance out, nor the other way round', async (context) => {
    const folder = temporaryFolder(context);
    const writer = await LocalFsWriterStorage.open(folder, { owner: 'writer' });
    const maintenance = await LocalFsWriterStorage.open(folder, { owner: 'adopt', role: 'maintenance' });
    await writer.close();
    await (await LocalFsWriterStorage.open(folder, { owner: 'writer' })).close();
    await maintenance.close();
  });
});

describe('an owner that cannot be looked at', () => {
  const elsewhere = { ...ownProcessIdentity(), host: 'another-host', pid: 1 };
  const registered = async (context: TestContext, now: number) => {
    const fileSystem = new NodeFileSystem(temporaryFolder(context));
    await WriterRegistry.register(fileSystem, {
      role: 'writer',
      owner: 'far away',
      process: elsewhere,
      leaseMs: 60_000,
      now: () => now,
    });
    return fileSystem;
  };

  test('holds the lock as long as its lease runs', async (context) => {
    const fileSystem = await registered(context, Date.now() - 50_000);
    await assert.rejects(WriterLock.acquire(fileSystem, { owner: 'here' }), { code: 'WRITER_LOCKED' });
  });

  test('is dead when its lease has run out', async (context) => {
    const fileSystem = await registered(context, Date.now() - 61_000);
    const lock = await WriterLock.acquire(fileSystem, { owner: 'here' });
    await lock.release();
  });

  test('is dead when its machine has started again since', async (context) => {
    const fileSystem = new NodeFileSystem(temporaryFolder(context));
    const before = { ...ownProcessIdentity(), bootId: '00000000-0000-4000-8000-000000000000' };
    await WriterRegistry.register(fileSystem, { role: 'writer', owner: 'before', process: before });
    const lock = await WriterLock.acquire(fileSystem, { owner: 'after' });
    await lock.release();
  });

  test('is dead when its number belongs to a younger process', async (context) => {
    const fileSystem = new NodeFileSystem(temporaryFolder(context));
    const before = { ...ownProcessIdentity(), startTicks: '1' };
    await WriterRegistry.register(fileSystem, { role: 'writer', owner: 'before', process: before });
    const lock = await WriterLock.acquire(fileSystem, { owner: 'after' });
    await lock.release();
  });
});

describe('the lease', () => {
  test('that ran out without a renewal ends committing', async (context) => {
    const folder = temporaryFolder(context);
    let now = Date.now();
    const storage = await LocalFsWriterStorage.open(folder, {
      owner: 'slow',
      leaseMs: 60_000,
      now: () => now,
    });
    const backup = await storage.createBackup('transaction_0-.0a1b');
    const file = await storage.createForWrite(backup, '0-.chunk');
    now += 60_001;
    await assert.rejects(file.commit(), { code: 'WRITER_LOCK_LOST' });
    const save = storage.saveMetadataLines('identity.meta', ['{}'], { isReadable: () => true });
    await assert.rejects(save, { code: 'WRITER_LOCK_LOST' });
    assert.deepEqual(readdirSync(path.join(folder, 'transaction_0-.0a1b')), []);
    await storage.close();
  });

  test('that is renewed stays, under one entry', async (context) => {
    const fileSystem = new NodeFileSystem(temporaryFolder(context));
    let now = Date.now();
    const options = { role: 'writer', owner: 'long', leaseMs: 1000, now: () => now } as const;
    const registry = await WriterRegistry.register(fileSystem, options);
    for (let renewal = 0; renewal < 3; renewal++) {
      now += 900;
      await registry.renew();
    }
    assert.ok(await registry.isHeld());
    const [entry, ...others] = await listRegistrations(fileSystem);
    assert.equal(entry?.leaseUntil, now + 1000);
    assert.deepEqual(others, []);
    await registry.release();
    assert.ok(!(await registry.isHeld()));
    assert.deepEqual(await listRegistrations(fileSystem), []);
  });
});

describe('an opening that fails midway', () => {
  const openWith = (folder: string, faults: readonly Fault[], onOpened: (inner: FaultFileSystem) => void) =>
    LocalFsWriterStorage.open(folder, {
      owner: 'failing',
      wrapFileSystem: (inner) => {
        const faulty = new FaultFileSystem(inner, faults);
        onOpened(faulty);
        return faulty;
      },
    });

  for (const lasting of [false, true]) {
    test(`on a disk that fails ${lasting ? 'from then on' : 'once'} keeps nobody out of the same process`, async (context) => {
      let seen: FaultFileSystem | undefined;
      const counted = await openWith(temporaryFolder(context), [], (inner) => {
        seen = inner;
      });
      const calls = seen?.callsSeen ?? 0;
      await counted.close();
      assert.ok(calls > 5);
      let failures = 0;
      for (let nth = 0; nth < calls; nth++) {
        const folder = temporaryFolder(context);
        const fault: Fault = { nth, lasting, effect: { type: 'error', code: 'EIO' } };
        try {
          const storage = await openWith(folder, [fault], () => undefined);
          await storage.close();
        } catch {
          failures++;
        }
        await (await LocalFsWriterStorage.open(folder, { owner: 'again' })).close();
      }
      assert.ok(failures > 0);
    });
  }
});

test('an entry that nobody can read is not taken for a dead owner’s', async (context) => {
  for (const [name, content] of [
    ['notes.txt', 'hello'],
    ['6f1c1f8e-0000-4000-8000-000000000000.0', ''],
    ['6f1c1f8e-0000-4000-8000-000000000000.0', '{"id":"6f1c1f8e-0000-4000-8000-000000000000"}'],
    ['6f1c1f8e-0000-4000-8000-000000000000.0', 'null'],
  ] as const) {
    const folder = temporaryFolder(context);
    mkdirSync(path.join(folder, '.holdfast', 'writers'), { recursive: true });
    writeFileSync(path.join(folder, '.holdfast', 'writers', name), content);
    const open = LocalFsWriterStorage.open(folder, { owner: 'test' });
    await assert.rejects(open, { code: 'WRITER_LOCK_UNREADABLE' });
    assert.equal(readdirSync(path.join(folder, '.holdfast', 'writers')).length, 1, 'our own entry is gone');
  }
});
