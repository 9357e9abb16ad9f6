import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fixturePath, withoutFixture } from '../../test-support/fixtures.js';
import { loadRows } from '../../test-support/load-rows.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { WriteBatch, type WriteOperation } from '../driver/write-batch.js';
import { frozenNodeCount, postOrderIndex } from '../schema/accumulator-position.js';
import type { ColumnFamily } from '../schema/column-family.js';
import { dbMetadataRows } from '../schema/db-metadata.js';
import { epochByVersionRows } from '../schema/epoch-by-version.js';
import { treeNodeRows } from '../schema/jellyfish-merkle-node.js';
import { ledgerInfoRows } from '../schema/ledger-info.js';
import { persistedAuxiliaryInfoRows } from '../schema/persisted-auxiliary-info.js';
import { putMarker, type VersionMarker } from '../schema/progress-markers.js';
import { deleteRow, firstRow, lastRow, putRow } from '../schema/rows.js';
import { staleStateValueRows } from '../schema/stale-state-value-index-by-key-hash.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import { transactionRows } from '../schema/transaction.js';
import { transactionAccumulatorRows } from '../schema/transaction-accumulator.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import { versionDataRows } from '../schema/version-data.js';
import { writeSetRows } from '../schema/write-set.js';
import { checkDatabase, checkOpenDatabase, type DatabaseReport } from './check-database.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
const ROOT_PATH = new Uint8Array(0);
const REFERENCE_DATABASES = ['node', 'restored-580', 'restored-400', 'restored-490-snapshot-only'];

function namesOf({ results }: DatabaseReport, status: 'failed' | 'skipped'): string[] {
  return results.filter((result) => result.status === status).map(({ name }) => name);
}

describe('checking a database as a whole', () => {
  it('an empty database passes: a node would fill it', async (t) => {
    const root = memoryFolder(t);
    await (await AptosDatabaseFiles.open(root, { mode: 'create' })).close();
    const report = await checkDatabase(root, { hashers });
    assert.equal(report.ok, true);
    assert.equal(report.syncedVersion, undefined);
    assert.deepEqual(
      report.results.map(({ name }) => name),
      ['instances', 'hot-state', 'markers', 'overall-progress'],
    );
  });

  it('a missing instance fails and is named; hot state folders are no failure', async (t) => {
    const root = memoryFolder(t);
    await (await AptosDatabaseFiles.open(root, { mode: 'create' })).close();
    mkdirSync(path.join(root, 'hot_state_kv_db', 'shard_0'), { recursive: true });
    const hot = (await checkDatabase(root, { hashers })).results.find(({ name }) => name === 'hot-state');
    assert.equal(hot?.status, 'passed');
    assert.match(hot.detail, /present/);
    rmSync(path.join(root, 'state_merkle_db', 'shard_3'), { recursive: true });
    const report = await checkDatabase(root, { hashers });
    assert.equal(report.ok, false);
    assert.match(report.results[0]?.detail ?? '', /state_merkle_db.shard_3/);
  });

  for (const name of REFERENCE_DATABASES) {
    const skip = withoutFixture('reference-ledger', 'rows', name);
    it(`the reference's database ${name} passes every condition`, { skip }, async (t) => {
      const root = memoryFolder(t);
      await (await loadRows(fixturePath('reference-ledger', 'rows', name), root)).close();
      const heard: string[] = [];
      const report = await checkDatabase(root, { hashers, onResult: (result) => heard.push(result.name) });
      assert.deepEqual(namesOf(report, 'failed'), []);
      assert.deepEqual(namesOf(report, 'skipped'), []);
      assert.equal(report.results.length, 17);
      assert.deepEqual(
        heard,
        report.results.map((result) => result.name),
      );
    });
  }
});

/** The last version of the reference's ledger, which ends an epoch, and the ending before it. */
const LAST = 580n;
const EPOCH_BEFORE = 490n;

const skip = withoutFixture('reference-ledger', 'rows', 'node');
describe('planted faults', { skip }, () => {
  let database: AptosDatabaseFiles;

  before(async () => {
    database = await loadRows(fixturePath('reference-ledger', 'rows', 'node'), root);
  });
  after(() => database.close());
  // Its own clean-up stands behind the one before.
  const root = memoryFolder({ after });

  /** The inverse of a batch on the rows as they are. */
  async function inverse(instance: string, operations: readonly WriteOperation[]): Promise<WriteBatch> {
    const undo = new WriteBatch();
    for (const operation of operations.toReversed()) {
      assert.notEqual(operation.kind, 'deleteRange');
      if (operation.kind === 'deleteRange') continue;
      const { columnFamily, key } = operation;
      const value = await database.store(instance).get(columnFamily, key);
      if (value) undo.put(columnFamily, key, value);
      else undo.delete(columnFamily, key);
    }
    return undo;
  }

  type Change = readonly [instance: string, change: (batch: WriteBatch) => void];

  /** The report on the database with some changes, which are taken back. */
  async function reportWith(...changes: readonly Change[]): Promise<DatabaseReport> {
    const undo: (() => Promise<void>)[] = [];
    for (const [instance, change] of changes) {
      const batch = new WriteBatch();
      change(batch);
      const back = await inverse(instance, batch.operations);
      undo.push(() => database.store(instance).write(back));
      await database.store(instance).write(batch);
    }
    const report = await checkOpenDatabase(database, { hashers });
    for (const step of undo.toReversed()) await step();
    return report;
  }

  async function failuresWith(...changes: readonly Change[]): Promise<string[]> {
    const report = await reportWith(...changes);
    assert.equal(report.ok, namesOf(report, 'failed').length === 0);
    return namesOf(report, 'failed');
  }

  function remove<K>(instance: string, family: ColumnFamily<K, unknown>, key: K): Change {
    return [instance, (batch) => deleteRow(batch, family, key)];
  }
  function marker(instance: string, name: VersionMarker, version: bigint): Change {
    return [instance, (batch) => putMarker(batch, name, version)];
  }
  const synced = (version: bigint): Change =>
    marker('ledger_db/metadata', { variant: 'OverallCommitProgress' }, version);
  const withoutRoot = (version: bigint): Change =>
    remove('state_merkle_db/metadata', treeNodeRows, { version, path: ROOT_PATH });

  it('the database is whole before each of them', async () => {
    assert.deepEqual(await failuresWith(), []);
  });

  it('markers that are missing, behind or far ahead', async () => {
    const ledger = { variant: 'LedgerCommitProgress' } as const;
    const stateKv = { variant: 'StateKvCommitProgress' } as const;
    const ledgerPlace = 'ledger_db/metadata';
    const stateKvPlace = 'state_kv_db/metadata';
    assert.deepEqual(await failuresWith(remove(ledgerPlace, dbMetadataRows, ledger)), ['ledger-progress']);
    assert.deepEqual(await failuresWith(marker(ledgerPlace, ledger, LAST - 1n)), ['ledger-progress']);
    assert.deepEqual(await failuresWith(marker(ledgerPlace, ledger, 1_000_581n)), ['ledger-progress']);
    assert.deepEqual(await failuresWith(marker(ledgerPlace, ledger, 1_000_580n)), []);
    assert.deepEqual(await failuresWith(remove(stateKvPlace, dbMetadataRows, stateKv)), [
      'state-kv-progress',
    ]);
    assert.deepEqual(await failuresWith(marker(stateKvPlace, stateKv, 3n)), ['state-kv-progress']);
  });

  it('a marker that does not decode, but not one of a later release', async () => {
    const put = (key: number[], value: number[]): Change => [
      'state_kv_db/shard_2',
      (batch) => batch.put(dbMetadataRows.name, Uint8Array.from(key), Uint8Array.from(value)),
    ];
    const version = [0, 1, 0, 0, 0, 0, 0, 0, 0];
    assert.deepEqual(await failuresWith(put([3, 9], version)), ['markers']);
    assert.deepEqual(await failuresWith(put([3], [5])), ['markers']);
    assert.deepEqual(await failuresWith(put([30, 9], version)), []);
  });

  it('gaps in transactions, infos, write sets and auxiliary infos', async () => {
    const gaps = [
      remove('ledger_db/transaction_db', transactionRows, 300n),
      remove('ledger_db/transaction_info_db', transactionInfoRows, 300n),
      remove('ledger_db/write_set_db', writeSetRows, LAST),
      remove('ledger_db/persisted_auxiliary_info_db', persistedAuxiliaryInfoRows, LAST),
    ];
    for (const gap of gaps) assert.deepEqual(await failuresWith(gap), ['transactions']);
    const pruned = remove('ledger_db/persisted_auxiliary_info_db', persistedAuxiliaryInfoRows, 0n);
    assert.deepEqual(await failuresWith(pruned), [], 'these may begin later');
  });

  it('accumulator nodes that are missing, stand apart, or are wrong', async () => {
    const place = 'ledger_db/transaction_accumulator_db';
    const put = (index: bigint): Change => [
      place,
      (batch) => putRow(batch, transactionAccumulatorRows, index, new Uint8Array(32)),
    ];
    const end = frozenNodeCount(LAST + 1n);
    assert.deepEqual(await failuresWith(remove(place, transactionAccumulatorRows, 77n)), ['accumulator']);
    assert.deepEqual(await failuresWith(put(end + 1n)), ['accumulator']);
    assert.deepEqual(await failuresWith(put(end)), [], 'what follows at once is cut off');
    const leaf = postOrderIndex({ level: 0, index: LAST });
    assert.deepEqual(await failuresWith(put(leaf)), ['accumulator', 'ledger-infos']);
    assert.deepEqual(await failuresWith(remove(place, transactionAccumulatorRows, end - 1n)), [
      'accumulator',
    ]);
  });

  it('ledger infos that are missing, ahead, or not in the index of epochs', async () => {
    const place = 'ledger_db/metadata';
    assert.deepEqual(await failuresWith(remove(place, ledgerInfoRows, 3n)), ['ledger-infos']);
    assert.deepEqual(await failuresWith(remove(place, ledgerInfoRows, 0n)), ['ledger-infos']);
    assert.deepEqual(await failuresWith(remove(place, epochByVersionRows, 130n)), ['ledger-infos']);
    assert.deepEqual(await failuresWith(synced(EPOCH_BEFORE)), ['ledger-infos']);
  });

  it('rows ahead of the synced version are none: a crash leaves them, and a node cuts them off', async () => {
    const epoch = await lastRow(database.ledgerMetadata, epochByVersionRows);
    assert.deepEqual(epoch, { key: LAST, value: 6n });
    const changes = [
      synced(EPOCH_BEFORE),
      remove('ledger_db/metadata', ledgerInfoRows, 6n),
      remove('ledger_db/metadata', epochByVersionRows, LAST),
    ];
    assert.deepEqual(await failuresWith(...changes), []);
  });

  it('roots that are missing or not where they belong, and a marker that cuts them off', async () => {
    const root = await lastRow(database.stateMerkleMetadata, treeNodeRows);
    assert.ok(root);
    const stray: Change = [
      'state_merkle_db/metadata',
      (batch) => putRow(batch, treeNodeRows, { version: 7n, path: Uint8Array.of(3) }, root.value),
    ];
    assert.deepEqual(await failuresWith(stray), ['tree-root']);
    const roots = [0n, 130n, 220n, 310n, 400n, 490n, 580n].map(withoutRoot);
    const bare = await reportWith(...roots);
    assert.deepEqual(namesOf(bare, 'failed'), ['tree-root']);
    assert.deepEqual(namesOf(bare, 'skipped'), [
      'tree-progress',
      'replay-distance',
      'tree-nodes',
      'state-values',
      'state-writes',
      'state-usage',
    ]);
    const progress = { variant: 'StateMerkleCommitProgress' } as const;
    const place = 'state_merkle_db/metadata';
    assert.deepEqual(await failuresWith(marker(place, progress, EPOCH_BEFORE)), ['tree-progress']);
    assert.deepEqual(await failuresWith(remove(place, dbMetadataRows, progress)), []);
  });

  it('a tree too far behind', async () => {
    const failures = await failuresWith(synced(800_581n));
    assert.ok(failures.includes('replay-distance'), failures.join());
    assert.ok(!(await failuresWith(synced(800_580n))).includes('replay-distance'));
  });

  it('nodes that are missing, in another shard, or not what their parents say', async () => {
    const row = await lastRow(database.stateMerkleShard(5), treeNodeRows);
    assert.ok(row && row.key.version === LAST && row.value.kind === 'leaf');
    const elsewhere: Change = [
      'state_merkle_db/shard_6',
      (batch) => putRow(batch, treeNodeRows, row.key, row.value),
    ];
    assert.deepEqual(await failuresWith(elsewhere), ['tree-shards']);
    const gone = remove('state_merkle_db/shard_5', treeNodeRows, row.key);
    assert.deepEqual(await failuresWith(gone), ['tree-nodes', 'state-usage']);
    const leaf = { ...row.value, valueHash: new Uint8Array(32) };
    const other: Change = ['state_merkle_db/shard_5', (batch) => putRow(batch, treeNodeRows, row.key, leaf)];
    assert.deepEqual(await failuresWith(other), ['tree-nodes', 'state-values', 'state-usage']);
  });

  it('values that are missing or other than their hashes say, and usage that is not theirs', async () => {
    const shard = database.stateKvShard(9);
    const row = await firstRow(shard, stateValueRows);
    assert.ok(row?.value);
    const gone = remove('state_kv_db/shard_9', stateValueRows, row.key);
    assert.deepEqual(await failuresWith(gone), ['state-values', 'state-usage']);
    const value = { variant: 'V0', value: Uint8Array.of(1) } as const;
    const other: Change = ['state_kv_db/shard_9', (batch) => putRow(batch, stateValueRows, row.key, value)];
    assert.deepEqual(await failuresWith(other), ['state-values', 'state-usage']);
    const place = 'ledger_db/metadata';
    assert.deepEqual(await failuresWith(remove(place, versionDataRows, LAST)), ['state-usage']);
    const wrong: Change = [
      place,
      (batch) => putRow(batch, versionDataRows, LAST, { items: 418n, bytes: 1n }),
    ];
    assert.deepEqual(await failuresWith(wrong), ['state-usage']);
  });

  it('writes that the tree does not have yet, without their value or their index rows', async () => {
    const behind = withoutRoot(LAST);
    const whole = await reportWith(behind);
    assert.deepEqual(namesOf(whole, 'failed'), []);
    const writes = whole.results.find(({ name }) => name === 'state-writes');
    assert.match(writes?.detail ?? '', /^\d+ writes of versions 491 to 580$/);
    const shard = database.stateKvShard(4);
    const since = { stale_since_version: EPOCH_BEFORE + 1n, version: 0n, key_hash: new Uint8Array(32) };
    const row = await firstRow(shard, staleStateValueRows, { gte: since });
    assert.ok(row);
    const index = remove('state_kv_db/shard_4', staleStateValueRows, row.key);
    assert.ok((await failuresWith(behind, index)).includes('state-writes'));
    const key = { key_hash: row.key.key_hash, version: row.key.stale_since_version };
    const value = remove('state_kv_db/shard_4', stateValueRows, key);
    assert.ok((await failuresWith(behind, value)).includes('state-writes'));
    const usage = remove('ledger_db/metadata', versionDataRows, LAST);
    assert.deepEqual(await failuresWith(behind, usage), ['state-usage']);
    const wrong: Change = [
      'ledger_db/metadata',
      (batch) => putRow(batch, versionDataRows, LAST, { items: 419n, bytes: 1445235n }),
    ];
    assert.deepEqual(await failuresWith(behind, wrong), ['state-usage']);
  });

  it('a row that cannot be read is the result of its condition', async () => {
    const broken: Change = [
      'state_merkle_db/metadata',
      (batch) => batch.put(treeNodeRows.name, new Uint8Array(9), Uint8Array.of(9)),
    ];
    assert.deepEqual(await failuresWith(broken), [], 'the roots of older trees are not read');
    const newest = treeNodeRows.key.encode({ version: LAST, path: ROOT_PATH });
    const root: Change = [
      'state_merkle_db/metadata',
      (batch) => batch.put(treeNodeRows.name, newest, Uint8Array.of(9)),
    ];
    const report = await reportWith(root);
    assert.deepEqual(namesOf(report, 'failed'), ['tree-root']);
  });
});
