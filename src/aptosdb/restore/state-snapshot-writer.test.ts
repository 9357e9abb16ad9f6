import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { toHex } from '../../hashing/hash-value.js';
import { StateTreeFrontier } from '../../merkle/state-tree-frontier.js';
import { sparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import { fixturePath, withoutFixture } from '../../test-support/fixtures.js';
import { dumpRowFiles, dumpRows } from '../../test-support/load-rows.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { WriteBatch } from '../driver/write-batch.js';
import { dbMetadataRows } from '../schema/db-metadata.js';
import { treeNodeRows } from '../schema/jellyfish-merkle-node.js';
import { ROOT_PATH } from '../schema/node-key.js';
import { deleteRow, getRowBytes, iterateKeys, putRow } from '../schema/rows.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import { versionDataRows } from '../schema/version-data.js';
import {
  frontierOf,
  itemsOf,
  itemsWithin,
  rawRecord,
  readReferenceSnapshot,
} from './snapshot-items.test.support.js';
import type { SnapshotMode, SnapshotProgress, SnapshotTarget } from './snapshot-progress.js';
import { valueProgressMarker } from './snapshot-stored.js';
import { StateSnapshotWriter, type VerifiedStateItems } from './state-snapshot-writer.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
const skip = withoutFixture('reference-ledger', 'archive');
const VERSION = 42n;

/** Values of many sizes, one of them larger than what is written in one go. */
function someItems(count: number): VerifiedStateItems {
  const records = Array.from({ length: count }, (_, index) => {
    const size = index === 3 ? 3_000_000 : (index * 37) % 300;
    return rawRecord(Buffer.from(`key ${index}`), new Uint8Array(size).fill(index));
  });
  return itemsOf(hashers, records);
}

function targetOf(items: VerifiedStateItems, mode: SnapshotMode = 'default'): SnapshotTarget {
  return { version: VERSION, mode, rootHash: frontierOf(hashers, items).currentRoot() };
}

async function emptyDatabase(folder: string): Promise<AptosDatabaseFiles> {
  return await AptosDatabaseFiles.open(path.join(folder, 'db'), { mode: 'create' });
}

async function writeWhole(
  database: AptosDatabaseFiles,
  items: VerifiedStateItems,
  target: SnapshotTarget,
): Promise<void> {
  const writer = await StateSnapshotWriter.open(database, hashers, target);
  await writer.add(items);
  await writer.finish(frontierOf(hashers, items));
}

/** Writes items up to a checkpoint, and gives what a journal would keep of it. */
async function writeUntil(
  database: AptosDatabaseFiles,
  items: VerifiedStateItems,
  target: SnapshotTarget,
  count: number,
): Promise<SnapshotProgress> {
  const writer = await StateSnapshotWriter.open(database, hashers, target);
  await writer.add(itemsWithin(items, 0, count));
  const progress = await writer.checkpoint(frontierOf(hashers, items, count));
  return JSON.parse(JSON.stringify(progress)) as SnapshotProgress;
}

async function goOn(
  database: AptosDatabaseFiles,
  items: VerifiedStateItems,
  target: SnapshotTarget,
  saved: SnapshotProgress,
): Promise<void> {
  const writer = await StateSnapshotWriter.open(database, hashers, target, saved);
  const frontier = StateTreeFrontier.fromState(sparseMerkleHashers(hashers), saved.frontier);
  const rest = itemsWithin(items, frontier.leafCount, items.count);
  frontier.addMany(rest.keyHashes, rest.valueHashes, rest.count);
  await writer.add(rest);
  await writer.finish(frontier);
}

function ofState(dump: ReadonlyMap<string, string[]>, wanted: RegExp = /^state_/): [string, string[]][] {
  return [...dump].filter(([name]) => wanted.test(name)).sort(([a], [b]) => (a < b ? -1 : 1));
}

const USAGE = 'ledger_db/metadata/version_data';

describe('writing a snapshot of the reference ledger', () => {
  it('gives the rows of the reference’s restore, chunk by chunk with resumes in between', {
    skip,
  }, async (t) => {
    const { rootHash, chunks } = readReferenceSnapshot('state_epoch_5_ver_490');
    const target = { version: 490n, mode: 'default', rootHash } as const;
    await using database = await emptyDatabase(memoryFolder(t));
    const frontier = new StateTreeFrontier(sparseMerkleHashers(hashers));
    let writer = await StateSnapshotWriter.open(database, hashers, target);
    for (const records of chunks) {
      const items = itemsOf(hashers, records);
      frontier.addMany(items.keyHashes, items.valueHashes, items.count);
      await writer.add(items);
      const saved: unknown = JSON.parse(JSON.stringify(await writer.checkpoint(frontier)));
      writer = await StateSnapshotWriter.open(database, hashers, target, saved);
    }
    const usage = await writer.finish(frontier);
    const actual = await dumpRows(database);
    const expected = await dumpRowFiles(
      fixturePath('reference-ledger', 'rows', 'restored-490-snapshot-only'),
    );
    assert.deepEqual(ofState(actual), ofState(expected));
    assert.deepEqual(actual.get(USAGE), expected.get(USAGE));
    assert.equal(usage.items, 411n);
  });

  it('gives the tree at 310 and at 490 that longer restores have', { skip }, async (t) => {
    for (const [folder, version, rows] of [
      ['state_epoch_3_ver_310', 310n, 'restored-400'],
      ['state_epoch_5_ver_490', 490n, 'restored-580'],
    ] as const) {
      const { rootHash, chunks } = readReferenceSnapshot(folder);
      await using database = await emptyDatabase(memoryFolder(t));
      await writeWhole(database, itemsOf(hashers, chunks.flat()), { version, mode: 'tree_only', rootHash });
      const expected = await dumpRowFiles(fixturePath('reference-ledger', 'rows', rows));
      const prefix = version.toString(16).padStart(16, '0');
      const nodes = /^state_merkle_db.*jellyfish_merkle_node$/;
      const ofVersion = ofState(expected, nodes).map(
        ([name, lines]) => [name, lines.filter((line) => line.startsWith(prefix))] as const,
      );
      const actual = await dumpRows(database);
      assert.deepEqual(ofState(actual), ofVersion, rows);
      assert.equal(actual.has(USAGE), false);
    }
  });
});

describe('writing a state snapshot', () => {
  it('gives the same rows when gone on with after any item, also over rows that are left over', async (t) => {
    const items = someItems(40);
    for (const mode of ['default', 'kv_only', 'tree_only'] as const) {
      const target = targetOf(items, mode);
      await using whole = await emptyDatabase(memoryFolder(t));
      await writeWhole(whole, items, target);
      const expected = [...(await dumpRows(whole))];
      for (let count = 0; count <= items.count; count += 3) {
        await using database = await emptyDatabase(memoryFolder(t));
        const saved = await writeUntil(database, items, target, count);
        if (count % 2 === 0) {
          // A run that came further and was not saved.
          const further = await StateSnapshotWriter.open(database, hashers, target, saved);
          await further.add(itemsWithin(items, count, Math.min(items.count, count + 9)));
          await further.checkpoint(frontierOf(hashers, items, Math.min(items.count, count + 9)));
        }
        await goOn(database, items, target, saved);
        assert.deepEqual([...(await dumpRows(database))], expected, `${mode} ${count}`);
      }
    }
  });

  it('writes values alone and the tree alone so that both together are the default', async (t) => {
    const items = someItems(30);
    await using both = await emptyDatabase(memoryFolder(t));
    await writeWhole(both, items, targetOf(items));
    await using apart = await emptyDatabase(memoryFolder(t));
    await writeWhole(apart, items, targetOf(items, 'kv_only'));
    await writeWhole(apart, items, targetOf(items, 'tree_only'));
    assert.deepEqual([...(await dumpRows(apart))], [...(await dumpRows(both))]);
  });

  it('recognises a snapshot that is there, and refuses one with another root', async (t) => {
    const items = someItems(20);
    for (const mode of ['default', 'kv_only', 'tree_only'] as const) {
      const target = targetOf(items, mode);
      await using database = await emptyDatabase(memoryFolder(t));
      assert.equal((await StateSnapshotWriter.open(database, hashers, target)).isFinished, false);
      await writeWhole(database, items, target);
      const again = await StateSnapshotWriter.open(database, hashers, target);
      assert.equal(again.isFinished, true);
      assert.equal((await again.finish(frontierOf(hashers, items))).items, 20n);
      if (mode === 'kv_only') continue;
      const other = { ...target, rootHash: new Uint8Array(32) };
      await assert.rejects(StateSnapshotWriter.open(database, hashers, other), {
        code: 'RESTORE_ROOT_MISMATCH',
      });
    }
  });

  it('refuses to finish with another root, and leaves no sign of a whole snapshot', async (t) => {
    const items = someItems(20);
    for (const mode of ['default', 'kv_only', 'tree_only'] as const) {
      const target = targetOf(items, mode);
      await using database = await emptyDatabase(memoryFolder(t));
      const writer = await StateSnapshotWriter.open(database, hashers, target);
      await writer.add(itemsWithin(items, 0, 19));
      await assert.rejects(writer.finish(frontierOf(hashers, items, 19)), { code: 'RESTORE_ROOT_MISMATCH' });
      await assert.rejects(writer.add(itemsWithin(items, 19, 20)), { code: 'RESTORE_WRITER_FAILED' });
      const dump = await dumpRows(database);
      assert.equal(dump.has(USAGE), false);
      assert.equal(dump.has('state_merkle_db/metadata/jellyfish_merkle_node'), false);
    }
  });

  it('refuses items out of order, in every mode', async (t) => {
    const items = someItems(10);
    for (const mode of ['default', 'kv_only', 'tree_only'] as const) {
      await using database = await emptyDatabase(memoryFolder(t));
      const writer = await StateSnapshotWriter.open(database, hashers, targetOf(items, mode));
      await writer.add(itemsWithin(items, 0, 5));
      const code = 'MERKLE_KEYS_NOT_INCREASING';
      await assert.rejects(writer.add(itemsWithin(items, 4, 9)), { code });
      await assert.rejects(writer.checkpoint(frontierOf(hashers, items, 5)), {
        code: 'RESTORE_WRITER_FAILED',
      });
    }
  });

  it('refuses a tree of other items than the usage on record counts', async (t) => {
    const items = someItems(10);
    await using database = await emptyDatabase(memoryFolder(t));
    const batch = new WriteBatch();
    putRow(batch, versionDataRows, VERSION, { items: 11n, bytes: 5n });
    await database.ledgerMetadata.write(batch);
    await assert.rejects(writeWhole(database, items, targetOf(items, 'tree_only')), {
      code: 'RESTORE_USAGE_MISMATCH',
    });
    assert.equal((await dumpRows(database)).has('state_merkle_db/metadata/jellyfish_merkle_node'), false);
  });
});

describe('going on with a state snapshot', () => {
  const items = someItems(60);
  const target = targetOf(items);
  const mismatch = { code: 'RESTORE_PROGRESS_MISMATCH' };

  it('refuses progress of another snapshot, or that was altered', async (t) => {
    await using database = await emptyDatabase(memoryFolder(t));
    const saved = await writeUntil(database, items, target, 50);
    const open = (state: unknown, of = target) => StateSnapshotWriter.open(database, hashers, of, state);
    await open(saved);
    await assert.rejects(open(saved, { ...target, version: 43n }), mismatch);
    await assert.rejects(open(saved, { ...target, mode: 'tree_only' }), mismatch);
    await assert.rejects(open(saved, { ...target, rootHash: new Uint8Array(32) }), mismatch);
    for (const broken of [null, 7, {}, { ...saved, bytes: '1' }, { ...saved, bytes: 'x' }]) {
      await assert.rejects(open(broken), mismatch);
    }
    for (const part of ['edge', 'frontier'] as const) {
      await assert.rejects(open({ ...saved, [part]: null }), mismatch);
      const text = JSON.stringify(saved[part]);
      const hashes = [...text.matchAll(/[0-9a-f]{64}/g)];
      assert.ok(hashes.length > 2);
      for (const { index, 0: hash } of hashes) {
        const altered = (hash.startsWith('0') ? '1' : '0') + hash.slice(1);
        const wrong: unknown = JSON.parse(text.slice(0, index) + altered + text.slice(index + 64));
        await assert.rejects(open({ ...saved, [part]: wrong }), mismatch, `${part} ${index}`);
      }
    }
  });

  it('refuses a database that lacks what the progress says', async (t) => {
    await using database = await emptyDatabase(memoryFolder(t));
    const saved = await writeUntil(database, items, target, 50);
    const open = () => StateSnapshotWriter.open(database, hashers, target, saved);
    const marker = valueProgressMarker(VERSION);
    const kept = await getRowBytes(database.stateKvMetadata, dbMetadataRows, marker);
    assert(kept);
    const remove = new WriteBatch();
    deleteRow(remove, dbMetadataRows, marker);
    await database.stateKvMetadata.write(remove);
    await assert.rejects(open(), mismatch);
    const restore = new WriteBatch();
    restore.put(dbMetadataRows.name, dbMetadataRows.key.encode(marker), kept);
    await database.stateKvMetadata.write(restore);
    await open();

    // The nodes below the root that are finished: of whole shards.
    const [first] = saved.edge?.levels ?? [];
    assert(first && first.length > 2);
    for (const { nibble } of first) {
      const store = database.stateMerkleShard(nibble);
      const key = { version: VERSION, path: Uint8Array.of(nibble) };
      const bytes = await getRowBytes(store, treeNodeRows, key);
      assert(bytes);
      const gone = new WriteBatch();
      deleteRow(gone, treeNodeRows, key);
      await store.write(gone);
      await assert.rejects(open(), mismatch);
      const wrong = new WriteBatch();
      wrong.put(
        treeNodeRows.name,
        treeNodeRows.key.encode(key),
        bytes.with(bytes.length - 10, (bytes.at(-10) ?? 0) ^ 1),
      );
      await store.write(wrong);
      await assert.rejects(open(), mismatch);
      const right = new WriteBatch();
      right.put(treeNodeRows.name, treeNodeRows.key.encode(key), bytes);
      await store.write(right);
      await open();
    }

    const lastKey = Buffer.from(saved.frontier.last?.key ?? '', 'hex');
    const store = database.stateKvShard((lastKey[0] ?? 0) >> 4);
    const lost = new WriteBatch();
    deleteRow(lost, stateValueRows, { key_hash: lastKey, version: VERSION });
    await store.write(lost);
    await assert.rejects(open(), mismatch);
  });

  it('keeps the root for the end', async (t) => {
    await using database = await emptyDatabase(memoryFolder(t));
    await writeUntil(database, items, target, items.count);
    for await (const { path: nodePath } of iterateKeys(database.stateMerkleMetadata, treeNodeRows)) {
      assert.fail(`there is a node at ${toHex(nodePath)}`);
    }
    const root = { version: VERSION, path: ROOT_PATH };
    await writeWhole(database, items, target);
    assert.ok(await getRowBytes(database.stateMerkleMetadata, treeNodeRows, root));
  });
});
