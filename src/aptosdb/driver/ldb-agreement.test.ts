import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, it } from 'node:test';
import { hashFromHex } from '../../hashing/hash-value.js';
import { fixturePath, withoutFixture } from '../../test-support/fixtures.js';
import { dumpRowFiles, loadRows } from '../../test-support/load-rows.js';
import { temporaryFolder } from '../../test-support/temporary-folder.js';
import { treeNodeRows } from '../schema/jellyfish-merkle-node.js';
import { putMarker } from '../schema/progress-markers.js';
import { putRow } from '../schema/rows.js';
import { NO_EARLIER_VERSION, staleStateValueRows } from '../schema/stale-state-value-index-by-key-hash.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import { versionDataRows } from '../schema/version-data.js';
import { AptosDatabaseFiles } from './aptos-database-files.js';
import { DatabaseError } from './database-error.js';
import { REQUIRED_INSTANCES } from './instances.js';
import { openRocksDbStore } from './rocksdb-store.js';
import { WriteBatch } from './write-batch.js';

const withoutLdb =
  spawnSync('ldb', ['--version'], { stdio: 'ignore' }).error === undefined
    ? false
    : "RocksDB's own ldb is not installed (Debian package rocksdb-tools)";

/** What another build of RocksDB reads: lines of `hex key TAB hex value`. */
function scan(root: string, instance: string, columnFamily: string): string[] {
  const options = [`--db=${path.join(root, instance)}`, `--column_family=${columnFamily}`, '--hex'];
  // The library's newer release notes options that the older program does not know.
  const text = execFileSync('ldb', [...options, '--ignore_unknown_options', 'scan'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return text
    .split('\n')
    .filter((line) => line.startsWith('0x'))
    .map((line) =>
      line
        .replaceAll('0x', '')
        .replace(/ [:=]+>? /, '\t')
        .toLowerCase(),
    );
}

describe('ldb and the driver', { skip: withoutLdb }, () => {
  it('ldb reads the byte examples of the specification as we wrote them', async (t) => {
    const root = temporaryFolder(t);
    const database = await AptosDatabaseFiles.open(root, { mode: 'create' });
    const hash = '8f9ab5d5e3c9f5b885fcceea388fecd16bdb490da08aac9d4f026ddc66733def';
    const keyHash = hashFromHex(hash);
    const shard = new WriteBatch();
    const value = { variant: 'V0', value: Uint8Array.of(1, 2) } as const;
    putRow(shard, stateValueRows, { key_hash: keyHash, version: 1000n }, value);
    const stale = { stale_since_version: 1000n, version: NO_EARLIER_VERSION, key_hash: keyHash };
    putRow(shard, staleStateValueRows, stale, undefined);
    putMarker(shard, { variant: 'StateKvShardCommitProgress', value: 10n }, 1000n);
    await database.stateKvShard(8).write(shard);
    const metadata = new WriteBatch();
    putMarker(metadata, { variant: 'OverallCommitProgress' }, 1000n);
    putRow(metadata, versionDataRows, 1000n, { items: 3n, bytes: 456n });
    await database.ledgerMetadata.write(metadata);
    const tree = new WriteBatch();
    putRow(tree, treeNodeRows, { version: 1n, path: new Uint8Array(0) }, { kind: 'null' });
    putRow(tree, treeNodeRows, { version: 1000n, path: Uint8Array.of(10, 11, 12) }, { kind: 'null' });
    await database.stateMerkleMetadata.write(tree);
    await database.close();
    assert.deepEqual(scan(root, 'state_kv_db/shard_8', 'state_value_by_key_hash'), [
      `${hash}fffffffffffffc17\t0100020102`,
    ]);
    assert.deepEqual(scan(root, 'state_kv_db/shard_8', 'stale_state_value_index_by_key_hash'), [
      `00000000000003e8ffffffffffffffff${hash}\t`,
    ]);
    assert.deepEqual(scan(root, 'state_kv_db/shard_8', 'db_metadata'), [
      '080a00000000000000\t00e803000000000000',
    ]);
    assert.deepEqual(scan(root, 'ledger_db/metadata', 'db_metadata'), ['07\t00e803000000000000']);
    assert.deepEqual(scan(root, 'ledger_db/metadata', 'version_data'), [
      '00000000000003e8\t0300000000000000c801000000000000',
    ]);
    assert.deepEqual(scan(root, 'state_merkle_db/metadata', 'jellyfish_merkle_node'), [
      '000000000000000100\t03',
      '00000000000003e803abc0\t03',
    ]);
  });

  it('files that another build compressed are refused by name', async (t) => {
    const directory = temporaryFolder(t);
    const options = { columnFamilies: ['family'], readOnly: false, createIfMissing: true };
    const key = Uint8Array.of(5);
    const batch = new WriteBatch();
    batch.put('family', key, new Uint8Array(5000));
    const store = await openRocksDbStore(directory, options);
    await store.write(batch);
    await store.close();
    const compact = ['--column_family=family', '--ignore_unknown_options', '--compression_type=lz4'];
    execFileSync('ldb', [`--db=${directory}`, ...compact, '--hex', 'put', '0x06', `0x${'00'.repeat(5000)}`]);
    execFileSync('ldb', [`--db=${directory}`, ...compact, 'compact']);
    // RocksDB notices when it opens, or with the first block that it reads.
    const read = async (): Promise<void> => {
      const reading = await openRocksDbStore(directory, { ...options, readOnly: true });
      try {
        await reading.get('family', key);
      } finally {
        await reading.close();
      }
    };
    await assert.rejects(read, (error) => {
      return error instanceof DatabaseError && error.code === 'DB_COMPRESSION_UNSUPPORTED';
    });
  });

  const skip = withoutFixture('reference-ledger', 'rows', 'node');
  it('ldb scans every column family of a whole database, row for row', { skip }, async (t) => {
    const root = temporaryFolder(t);
    const folder = fixturePath('reference-ledger', 'rows', 'node');
    await (await loadRows(folder, root)).close();
    const expected = await dumpRowFiles(folder);
    for (const { path: instance, columnFamilies } of REQUIRED_INSTANCES) {
      for (const columnFamily of columnFamilies) {
        const name = `${instance}/${columnFamily}`;
        assert.deepEqual(scan(root, instance, columnFamily), expected.get(name) ?? [], name);
      }
    }
  });
});
