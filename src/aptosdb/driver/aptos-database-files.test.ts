import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../../test-support/temporary-folder.js';
import { getMarker, putMarker } from '../schema/progress-markers.js';
import { AptosDatabaseFiles } from './aptos-database-files.js';
import { columnFamilyNames } from './column-family-names.js';
import { DatabaseError, type DatabaseErrorCode } from './database-error.js';
import { HOT_INSTANCES, REQUIRED_INSTANCES } from './instances.js';
import { WriteBatch } from './write-batch.js';

function withCode(code: DatabaseErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof DatabaseError && error.code === code && message.test(error.message);
}

describe('the files of a ledger database', () => {
  it('are 42 instances with the column families of the specification (section 2)', async (t) => {
    const root = temporaryFolder(t);
    const database = await AptosDatabaseFiles.open(root, { mode: 'create' });
    assert.equal(database.instances.length, 8 + 17 + 17);
    assert.equal(HOT_INSTANCES.length, 34);
    const families = async (instance: string): Promise<string> => {
      return ((await columnFamilyNames(path.join(root, instance))) ?? []).join(' ');
    };
    const expected: Readonly<Record<string, string>> = {
      'ledger_db/metadata':
        'db_metadata ledger_info epoch_by_version version_data block_info block_by_version',
      'ledger_db/event_db': 'db_metadata event event_by_key event_by_version event_accumulator',
      'ledger_db/persisted_auxiliary_info_db': 'db_metadata persisted_auxiliary_info',
      'ledger_db/transaction_accumulator_db':
        'db_metadata transaction_accumulator transaction_accumulator_root_hash',
      'ledger_db/transaction_auxiliary_data_db': 'db_metadata transaction_auxiliary_data',
      'ledger_db/transaction_db':
        'db_metadata transaction transaction_by_account transaction_summaries_by_account transaction_by_hash',
      'ledger_db/transaction_info_db': 'db_metadata transaction_info',
      'ledger_db/write_set_db': 'db_metadata write_set',
      'state_kv_db/metadata':
        'db_metadata state_value_by_key_hash stale_state_value_index_by_key_hash state_value_index',
      'state_kv_db/shard_15':
        'db_metadata state_value_by_key_hash stale_state_value_index_by_key_hash state_value_index',
      'state_merkle_db/metadata':
        'db_metadata jellyfish_merkle_node stale_node_index stale_node_index_cross_epoch',
      'state_merkle_db/shard_0':
        'db_metadata jellyfish_merkle_node stale_node_index stale_node_index_cross_epoch',
    };
    for (const [instance, names] of Object.entries(expected)) assert.equal(await families(instance), names);
    await database.close();
  });

  it('keep their rows apart, and over closing', async (t) => {
    const root = temporaryFolder(t);
    const database = await AptosDatabaseFiles.open(root, { mode: 'create' });
    for (const { instance, store } of database.instances) {
      const batch = new WriteBatch();
      const version = BigInt(REQUIRED_INSTANCES.indexOf(instance));
      putMarker(batch, { variant: 'OverallCommitProgress' }, version);
      await store.write(batch);
    }
    await database.close();
    await database.close();
    const reading = await AptosDatabaseFiles.open(root, { mode: 'read' });
    for (const { instance, store } of reading.instances) {
      const version = await getMarker(store, { variant: 'OverallCommitProgress' });
      assert.equal(version, BigInt(REQUIRED_INSTANCES.indexOf(instance)));
    }
    assert.equal(reading.stateKvShard(3), reading.store('state_kv_db/shard_3'));
    assert.throws(() => reading.stateMerkleShard(16), /no shard 16/);
    await reading.close();
  });

  it('are refused where one instance is missing, and the others can be opened again', async (t) => {
    const root = temporaryFolder(t);
    await (await AptosDatabaseFiles.open(root, { mode: 'create' })).close();
    rmSync(path.join(root, 'state_kv_db', 'shard_7'), { recursive: true });
    for (const mode of ['read', 'write'] as const) {
      await assert.rejects(AptosDatabaseFiles.open(root, { mode }), withCode('DB_MISSING', /shard_7$/));
    }
    await (await AptosDatabaseFiles.open(root, { mode: 'create' })).close();
    await (await AptosDatabaseFiles.open(root, { mode: 'write' })).close();
  });

  it('are refused as a whole where there is no database', async (t) => {
    const root = path.join(temporaryFolder(t), 'absent');
    const refusal = withCode('DB_MISSING', /^no ledger database at /);
    await assert.rejects(AptosDatabaseFiles.open(root, { mode: 'read' }), refusal);
  });
});
