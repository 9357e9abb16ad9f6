import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../../hashing/hash-value.js';
import { temporaryFolder } from '../../test-support/temporary-folder.js';
import { DatabaseError, type DatabaseErrorCode } from './database-error.js';
import type { IterateOptions, KeyRange, KeyValueStore, OpenStoreOptions } from './key-value-store.js';
import { openRocksDbStore } from './rocksdb-store.js';
import { WriteBatch } from './write-batch.js';

const CREATE: OpenStoreOptions = {
  columnFamilies: ['first', 'second'],
  readOnly: false,
  createIfMissing: true,
};
const READ: OpenStoreOptions = { ...CREATE, readOnly: true, createIfMissing: false };

/** Opens a store in a folder of the test's own, and closes it before that folder goes. */
async function openFor(
  test: TestContext,
  open: (folder: string) => Promise<KeyValueStore>,
): Promise<KeyValueStore> {
  const opened: KeyValueStore[] = [];
  test.after(() => opened[0]?.close());
  const store = await open(temporaryFolder(test));
  opened.push(store);
  return store;
}

function freshStore(test: TestContext): Promise<KeyValueStore> {
  return openFor(test, (folder) => openRocksDbStore(path.join(folder, 'deep', 'store'), CREATE));
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

async function put(store: KeyValueStore, columnFamily: string, ...keys: readonly number[]): Promise<void> {
  const batch = new WriteBatch();
  for (const key of keys) batch.put(columnFamily, bytes(key), bytes(key, key));
  await store.write(batch);
}

async function keysIn(
  store: KeyValueStore,
  range: KeyRange = {},
  options: IterateOptions = {},
): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.iterate('first', range, options)) keys.push(toHex(key));
  return keys;
}

function withCode(code: DatabaseErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof DatabaseError && error.code === code;
}

describe('a RocksDB instance', () => {
  it('gives back what was put, and tells an empty value from none', async (t) => {
    const store = await freshStore(t);
    const batch = new WriteBatch();
    batch.put('first', bytes(1), bytes());
    batch.put('second', bytes(1), bytes(9, 9));
    await store.write(batch);
    assert.deepEqual(await store.get('first', bytes(1)), bytes());
    assert.deepEqual(await store.get('second', bytes(1)), bytes(9, 9));
    assert.equal(await store.get('first', bytes(2)), undefined);
    const several = await store.multiGet('second', [bytes(2), bytes(1), bytes(1)]);
    assert.deepEqual(several, [undefined, bytes(9, 9), bytes(9, 9)]);
    assert.deepEqual(await store.multiGet('second', []), []);
  });

  it('iterates like a sorted list, within any bounds, in both directions', async (t) => {
    const store = await freshStore(t);
    const key = fc.uint8Array({ minLength: 1, maxLength: 3 });
    const bound = fc.option(key, { nil: undefined });
    const wanted = fc.record({
      lower: fc.record({ kind: fc.constantFrom('gt', 'gte'), key: bound }, { noNullPrototype: true }),
      upper: fc.record({ kind: fc.constantFrom('lt', 'lte'), key: bound }, { noNullPrototype: true }),
      reverse: fc.boolean(),
      limit: fc.option(fc.nat({ max: 70 }), { nil: undefined }),
      readAhead: fc.constantFrom(1, 2, 7, 64),
    });
    const stored = fc.sample(key, { numRuns: 120, seed: 7 });
    const batch = new WriteBatch();
    for (const one of stored) batch.put('first', one, bytes());
    await store.write(batch);
    const sorted = [...new Set(stored.map(toHex))].sort();
    await fc.assert(
      fc.asyncProperty(wanted, async ({ lower, upper, reverse, limit, readAhead }) => {
        const range = { [lower.kind]: lower.key, [upper.kind]: upper.key };
        const least = lower.key && toHex(lower.key);
        const most = upper.key && toHex(upper.key);
        const inside = sorted.filter(
          (one) =>
            (least === undefined || (lower.kind === 'gt' ? one > least : one >= least)) &&
            (most === undefined || (upper.kind === 'lt' ? one < most : one <= most)),
        );
        const expected = (reverse ? inside.reverse() : inside).slice(0, limit);
        assert.deepEqual(await keysIn(store, range, { reverse, limit, readAhead }), expected);
      }),
      { numRuns: 150 },
    );
  });

  it('an iteration sees the rows as they were when it began', async (t) => {
    const store = await freshStore(t);
    await put(store, 'first', 1, 2, 3);
    const rows = store.iterate('first', {}, { readAhead: 1 })[Symbol.asyncIterator]();
    await rows.next();
    await put(store, 'first', 4);
    assert.deepEqual((await rows.next()).value, { key: bytes(2), value: bytes(2, 2) });
    assert.deepEqual((await rows.next()).value, { key: bytes(3), value: bytes(3, 3) });
    assert.equal((await rows.next()).done, true);
    assert.deepEqual(await keysIn(store), ['01', '02', '03', '04']);
  });

  it('leaves values out when only keys are wanted, and stops when it is told to', async (t) => {
    const store = await freshStore(t);
    await put(store, 'first', 1, 2, 3);
    for await (const { value } of store.iterate('first', {}, { keysOnly: true }))
      assert.equal(value.length, 0);
    const interruption = new AbortController();
    const reason = new Error('enough');
    const options = { signal: interruption.signal };
    let seen = 0;
    await assert.rejects(
      async () => {
        for await (const _ of store.iterate('first', {}, options)) {
          seen++;
          interruption.abort(reason);
        }
      },
      (error) => error === reason,
    );
    assert.equal(seen, 1);
  });

  it('gives the rows of an iteration in batches, and ends those that are left or fail', async (t) => {
    const store = await freshStore(t);
    const keys = Array.from({ length: 100 }, (_, key) => key);
    await put(store, 'first', ...keys);
    const sizes: number[] = [];
    const found: number[] = [];
    for await (const rows of store.iterateBatches('first', { gte: bytes(10) }, { readAhead: 7 })) {
      sizes.push(rows.length);
      found.push(...rows.map(({ key }) => key[0] ?? -1));
    }
    assert.deepEqual(found, keys.slice(10));
    assert.ok(sizes.length < 30, `${sizes}`);
    for await (const _ of store.iterateBatches('first', {}, { readAhead: 1 })) break;
    await store.close();
  });

  it('finds the first row at or behind each key', async (t) => {
    const store = await freshStore(t);
    await put(store, 'first', 3, 5, 9);
    const wanted = [bytes(5), bytes(4), bytes(9, 1), bytes(0), bytes(9)];
    const rows = await store.seekEach('first', wanted);
    assert.deepEqual(
      rows.map((row) => row?.key[0]),
      [5, 5, undefined, 3, 9],
    );
    assert.deepEqual(rows[0], { key: bytes(5), value: bytes(5, 5) });
    assert.deepEqual(await store.seekEach('first', []), []);
    const many = Array.from({ length: 500 }, (_, index) => bytes(index % 10));
    assert.equal((await store.seekEach('first', many)).filter((row) => row !== undefined).length, 500);
    await assert.rejects(store.seekEach('third', [bytes(1)]), withCode('DB_COLUMN_FAMILY_MISSING'));
  });

  it('ends iterations left while rows are fetched, and fails to seek once closed', async (t) => {
    const store = await freshStore(t);
    await put(store, 'first', ...Array.from({ length: 200 }, (_, key) => key));
    const left: AsyncIterator<unknown>[] = [];
    for (const readAhead of [1, 3, 64]) {
      const rows = store.iterateBatches('first', {}, { readAhead })[Symbol.asyncIterator]();
      await rows.next();
      left.push(rows);
    }
    await Promise.all(left.map((rows) => rows.return?.()));
    await store.close();
    await assert.rejects(store.seekEach('first', [bytes(1), bytes(2)]), withCode('DB_READ_FAILED'));
  });

  it('an iteration that ends early does not keep the instance from closing', async (t) => {
    const store = await freshStore(t);
    await put(store, 'first', 1, 2, 3);
    for await (const _ of store.iterate('first')) break;
    await store.close();
    await store.close();
  });

  it('deletes keys and ranges of keys', async (t) => {
    const store = await freshStore(t);
    await put(store, 'first', 1, 2, 3, 4, 5);
    const batch = new WriteBatch();
    batch.delete('first', bytes(1));
    batch.deleteRange('first', bytes(3), bytes(5));
    assert.equal(batch.size, 2);
    assert.equal(batch.byteSize, 3);
    await store.write(batch);
    assert.deepEqual(await keysIn(store), ['02', '05']);
  });

  it('refuses a whole batch when one column family is unknown', async (t) => {
    const store = await freshStore(t);
    const batch = new WriteBatch();
    batch.put('first', bytes(1), bytes(1));
    batch.put('third', bytes(1), bytes(1));
    await assert.rejects(store.write(batch), withCode('DB_COLUMN_FAMILY_MISSING'));
    await assert.rejects(store.get('third', bytes(1)), withCode('DB_COLUMN_FAMILY_MISSING'));
    assert.deepEqual(await keysIn(store), []);
  });
});

describe('opening an instance', () => {
  it('fails where there is none, and makes nothing', async (t) => {
    const folder = temporaryFolder(t);
    const directory = path.join(folder, 'absent');
    await assert.rejects(openRocksDbStore(directory, READ), withCode('DB_MISSING'));
    const write = { ...CREATE, createIfMissing: false };
    await assert.rejects(openRocksDbStore(directory, write), withCode('DB_MISSING'));
    assert.deepEqual(readdirSync(folder), []);
  });

  it('fails while another one writes to it, and where it is damaged', async (t) => {
    const store = await freshStore(t);
    await assert.rejects(openRocksDbStore(store.directory, CREATE), withCode('DB_OPEN_FAILED'));
    await store.close();
    writeFileSync(path.join(store.directory, 'CURRENT'), 'MANIFEST-999999\n');
    await assert.rejects(openRocksDbStore(store.directory, CREATE), withCode('DB_OPEN_FAILED'));
  });

  it('for reading lets nothing be written', async (t) => {
    const store = await freshStore(t);
    await put(store, 'first', 1);
    await store.close();
    const reading = await openRocksDbStore(store.directory, READ);
    assert.deepEqual(await keysIn(reading), ['01']);
    await assert.rejects(put(reading, 'first', 2), withCode('DB_READ_ONLY'));
    await reading.close();
  });

  it('names a column family that is not there, and takes those that nobody asked for', async (t) => {
    const store = await freshStore(t);
    await put(store, 'second', 1);
    await store.close();
    const options = { ...READ, columnFamilies: ['first', 'third'] };
    await assert.rejects(openRocksDbStore(store.directory, options), withCode('DB_COLUMN_FAMILY_MISSING'));
    const fewer = { ...READ, readOnly: false, columnFamilies: ['first'] };
    const writing = await openRocksDbStore(store.directory, fewer);
    assert.deepEqual(await writing.get('second', bytes(1)), bytes(1, 1));
    await writing.close();
    const more = await openRocksDbStore(store.directory, { ...CREATE, columnFamilies: ['first', 'third'] });
    assert.deepEqual([...more.columnFamilies].sort(), ['first', 'second', 'third']);
    await more.close();
  });
});

/** What a power cut leaves at least: the log is not synced, so it may be gone. */
function afterLosingTheLog(test: TestContext, directory: string): Promise<KeyValueStore> {
  return openFor(test, (copy) => {
    cpSync(directory, copy, { recursive: true });
    for (const name of readdirSync(copy)) if (name.endsWith('.log')) rmSync(path.join(copy, name));
    return openRocksDbStore(copy, READ);
  });
}

describe('durability', () => {
  it('what stands before a barrier needs no log, what comes behind it does', async (t) => {
    const store = await freshStore(t);
    await put(store, 'first', 1);
    await put(store, 'second', 1);
    await store.barrier();
    await put(store, 'first', 2);
    const left = await afterLosingTheLog(t, store.directory);
    assert.deepEqual(await keysIn(left), ['01']);
    assert.deepEqual(await left.get('second', bytes(1)), bytes(1, 1));
  });

  it('closing is a barrier', async (t) => {
    const store = await freshStore(t);
    await put(store, 'first', 1);
    await store.close();
    assert.deepEqual(await keysIn(await afterLosingTheLog(t, store.directory)), ['01']);
  });

  it('a barrier covers writes that have begun', async (t) => {
    const store = await freshStore(t);
    const writes = [1, 2, 3].map((key) => put(store, 'first', key));
    await store.barrier();
    await Promise.all(writes);
    assert.deepEqual(await keysIn(await afterLosingTheLog(t, store.directory)), ['01', '02', '03']);
  });

  it('a killed process leaves whole batches, in all their column families', async (t) => {
    const opened: KeyValueStore[] = [];
    t.after(() => opened[0]?.close());
    const directory = path.join(temporaryFolder(t), 'store');
    const driver = new URL('./rocksdb-store.js', import.meta.url).href;
    const batches = new URL('./write-batch.js', import.meta.url).href;
    const program = `
      import { openRocksDbStore } from '${driver}';
      import { WriteBatch } from '${batches}';
      const store = await openRocksDbStore(process.argv[1], ${JSON.stringify(CREATE)});
      for (let n = 0; ; n++) {
        const batch = new WriteBatch();
        const key = new Uint8Array(4);
        new DataView(key.buffer).setUint32(0, n);
        batch.put('first', key, new Uint8Array(2000));
        batch.put('second', key, new Uint8Array(2000));
        await store.write(batch);
        console.log(n);
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, directory]);
    let acknowledged = -1;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line);
      if (acknowledged >= 200) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    assert.equal(child.signalCode, 'SIGKILL');
    const store = await openRocksDbStore(directory, CREATE);
    opened.push(store);
    const keys = await keysIn(store);
    assert.ok(keys.length > acknowledged, `${keys.length} batches, ${acknowledged} acknowledged`);
    for await (const { key } of store.iterate('second')) assert.equal(toHex(key), keys.shift());
    assert.deepEqual(keys, []);
  });
});
