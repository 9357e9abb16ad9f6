import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { toHex } from '../../hashing/hash-value.js';
import { GeneratedBackupReader } from '../../test-support/generated-backup-reader.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import { commitGeneratedLedger } from '../../testing/commit-generated-ledger.js';
import { generateLedger } from '../../testing/ledger-generator.js';
import { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { treeLeaves } from '../jellyfish/tree-leaves.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
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
});
