import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { toHex } from '../../hashing/hash-value.js';
import { fixturePath, withoutFixture } from '../../test-support/fixtures.js';
import { dumpRows } from '../../test-support/load-rows.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { formatWaypoint, parseWaypoint } from '../../types/waypoint.js';
import { checkDatabase } from '../check/check-database.js';
import { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { commitGenesis } from './genesis.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);

/** What the specification says of each genesis (aptosdb-schema.md, section 13). */
const EXPECTED = {
  mainnet: { items: 1394, usage: 763526, leaves: 1394, internals: 486, events: 1499 },
  testnet: { items: 128, usage: 273204, leaves: 128, internals: 45, events: 33 },
  devnet: { items: 302, usage: 1428420, leaves: 302, internals: 115, events: 37 },
};

function read(network: string, file: string): Uint8Array {
  return new Uint8Array(readFileSync(fixturePath('genesis', network, file)));
}

function count(rows: ReadonlyMap<string, string[]>, pattern: RegExp): number {
  return [...rows].reduce((sum, [name, lines]) => sum + (pattern.test(name) ? lines.length : 0), 0);
}

describe('bootstrapping a database from a genesis transaction', () => {
  for (const [network, expected] of Object.entries(EXPECTED)) {
    it(`gives ${network} its waypoint, and a database that a node would open`, {
      skip: withoutFixture('genesis', network),
    }, async (t) => {
      const folder = memoryFolder(t);
      const waypoint = parseWaypoint(Buffer.from(read(network, 'waypoint.txt')).toString().trim());
      let rows: Map<string, string[]>;
      {
        await using database = await AptosDatabaseFiles.open(folder, { mode: 'create' });
        const genesis = await commitGenesis(database, hashers, read(network, 'genesis.blob'), waypoint);
        assert.equal(formatWaypoint(genesis.waypoint), formatWaypoint(waypoint));
        rows = await dumpRows(database);
      }
      const report = await checkDatabase(folder, { hashers });
      assert.deepEqual(
        report.results.filter(({ status }) => status === 'failed'),
        [],
      );
      assert.equal(report.syncedVersion, 0n);
      const nodes = expected.leaves + expected.internals;
      assert.equal(count(rows, /^state_kv_db\/shard_\d+\/state_value_by_key_hash$/), expected.items);
      assert.equal(count(rows, /stale_state_value_index_by_key_hash$/), expected.items);
      assert.equal(count(rows, /jellyfish_merkle_node$/), nodes);
      assert.equal(count(rows, /stale_node_index/), 0);
      assert.equal(count(rows, /\/event$/), expected.events);
      const usage = new Uint8Array(16);
      new DataView(usage.buffer).setBigUint64(0, BigInt(expected.items), true);
      new DataView(usage.buffer).setBigUint64(8, BigInt(expected.usage), true);
      assert.deepEqual(rows.get('ledger_db/metadata/version_data'), [`0000000000000000\t${toHex(usage)}`]);
      assert.deepEqual(rows.get('ledger_db/metadata/block_info'), [`0000000000000000\t${'00'.repeat(97)}`]);
    });
  }

  it('writes nothing for another waypoint, and nothing onto a ledger', {
    skip: withoutFixture('genesis', 'testnet'),
  }, async (t) => {
    await using database = await AptosDatabaseFiles.open(memoryFolder(t), { mode: 'create' });
    const blob = read('testnet', 'genesis.blob');
    const own = parseWaypoint(Buffer.from(read('testnet', 'waypoint.txt')).toString().trim());
    const other = { ...own, value: new Uint8Array(32) };
    await assert.rejects(commitGenesis(database, hashers, blob, other), {
      code: 'COMMIT_LEDGER_INFO_MISMATCH',
    });
    assert.equal((await dumpRows(database)).size, 0);
    await commitGenesis(database, hashers, blob, own);
    await assert.rejects(commitGenesis(database, hashers, blob, own), { code: 'COMMIT_DATABASE_NOT_EMPTY' });
  });
});
