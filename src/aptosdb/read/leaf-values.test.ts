import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../../hashing/hash-value.js';
import { GeneratedBackupReader } from '../../test-support/generated-backup-reader.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import { commitGeneratedLedger } from '../../testing/commit-generated-ledger.js';
import { generateLedger } from '../../testing/ledger-generator.js';
import { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { treeLeaves } from '../jellyfish/tree-leaves.js';
import { shardOfKeyHash } from '../schema/node-key.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import type { LeafNode } from '../schema/tree-node.js';
import { WriteBatch } from '../driver/write-batch.js';
import { AptosDbBackupReader } from './aptosdb-backup-reader.js';
import { DatabaseNodes } from './database-nodes.js';
import { LeafValues } from './leaf-values.js';

async function committed(test: TestContext, transactions: number, stateItems: number) {
  const ledger = generateLedger({
    seed: 'leaves',
    epochs: 2,
    transactions,
    stateItems,
    profile: 'transfers',
  });
  const opened: AptosDatabaseFiles[] = [];
  // Before the folder goes.
  test.after(() => opened[0]?.close());
  const database = await AptosDatabaseFiles.open(memoryFolder(test), { mode: 'create' });
  opened.push(database);
  await commitGeneratedLedger(ledger, database);
  return { ledger, database, version: ledger.epochs[1]?.lastVersion ?? 0n };
}

async function collected(items: AsyncIterable<Uint8Array>): Promise<string[]> {
  const texts: string[] = [];
  for await (const item of items) texts.push(toHex(item));
  return texts;
}

describe('values of state items', () => {
  for (const [what, transactions, stateItems] of [
    ['few older ones, where a scan reads them', 60, 900],
    ['many older and newer ones, where they are looked up', 1500, 30],
  ] as const) {
    it(`are those of the version among ${what}`, async (test) => {
      const { ledger, database, version } = await committed(test, transactions, stateItems);
      const reader = new AptosDbBackupReader(database);
      const expected = await collected(new GeneratedBackupReader(ledger).stateItems(version, 0n, 10_000n));
      assert.ok(expected.length >= stateItems);
      assert.deepEqual(await collected(reader.stateItems(version, 0n, 10_000n)), expected);
      const [first, count] = [Math.floor(expected.length / 3), 7];
      const part = reader.stateItems(version, BigInt(first), BigInt(count));
      assert.deepEqual(await collected(part), expected.slice(first, first + count));
    });

    it(`that are not there are an error among ${what}`, async (test) => {
      const { database, version } = await committed(test, transactions, stateItems);
      for await (const leaves of treeLeaves(new DatabaseNodes(database), version)) {
        const leaf = leaves[Math.floor(leaves.length / 2)];
        assert.ok(leaf);
        const store = database.stateKvShard((leaf.keyHash[0] ?? 0) >> 4);
        const batch = new WriteBatch();
        for await (const { key } of store.iterate(stateValueRows.name)) {
          if (toHex(key).startsWith(toHex(leaf.keyHash))) batch.delete(stateValueRows.name, key);
        }
        await store.write(batch);
        const values = new LeafValues(database);
        await assert.rejects(values.valuesOf(leaves), { code: 'LEDGER_STATE_VALUE_MISSING' });
        await values.close();
        break;
      }
    });
  }

  it('are the same in any range, whatever lies between their rows', async (test) => {
    const { ledger, database, version } = await committed(test, 300, 300);
    const source = new GeneratedBackupReader(ledger).stateItems(version, 0n, 10_000n);
    const expected = await collected(source);
    const leaves: LeafNode[] = [];
    for await (const some of treeLeaves(new DatabaseNodes(database), version)) leaves.push(...some);
    assert.equal(leaves.length, expected.length);
    const reader = new AptosDbBackupReader(database);
    const index = fc.nat({ max: expected.length + 3 });
    const rows = fc.record({ index, count: fc.constantFrom(1, 9, 400), kind: fc.constantFrom(...NOISE) });
    const ranges = fc.array(fc.tuple(index, index), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.array(rows, { maxLength: 4 }), ranges, async (noise, wanted) => {
        for (const { index, count, kind } of noise) {
          const leaf = leaves[index];
          if (leaf) await addRows(database, leaf, version, count, kind);
        }
        for (const [first, count] of wanted) {
          const part = reader.stateItems(version, BigInt(first), BigInt(count));
          assert.deepEqual(await collected(part), expected.slice(first, first + count));
        }
      }),
      { numRuns: 25 },
    );
  });
});

const NOISE = ['newer', 'deleted later', 'deleted neighbour'] as const;

/** Rows that are not of the state at a version: of a leaf, or of an item whose hash follows its own. */
async function addRows(
  database: AptosDatabaseFiles,
  { keyHash }: LeafNode,
  version: bigint,
  count: number,
  kind: (typeof NOISE)[number],
): Promise<void> {
  const neighbour = keyHash.map((byte, index) => (index === 31 ? byte ^ 1 : byte));
  const key_hash = kind === 'deleted neighbour' ? neighbour : keyHash;
  const since = kind === 'deleted neighbour' ? 0n : version + 1n;
  const value = kind === 'newer' ? Uint8Array.of(1, 0, 1, 7) : Uint8Array.of(0);
  const batch = new WriteBatch();
  for (let row = 0; row < count; row++) {
    const key = stateValueRows.key.encode({ key_hash, version: since + BigInt(row) });
    batch.put(stateValueRows.name, key, value);
  }
  await database.stateKvShard(shardOfKeyHash(keyHash)).write(batch);
}
