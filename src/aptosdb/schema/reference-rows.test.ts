import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toHex } from '../../hashing/hash-value.js';
import { fixturePath, withoutFixture } from '../../test-support/fixtures.js';
import { readRowFiles } from '../../test-support/load-rows.js';
import { REQUIRED_INSTANCES } from '../driver/instances.js';
import { COLUMN_FAMILIES } from './column-families.js';
import type { AnyColumnFamily } from './column-family.js';
import { reencodes } from './rows.js';

const DATABASES = ['node', 'restored-580', 'restored-400', 'restored-490-snapshot-only'];

function familyOf(instance: string, columnFamily: string): AnyColumnFamily {
  const kind = REQUIRED_INSTANCES.find(({ path }) => path === instance)?.kind;
  assert.ok(kind, `no instance ${instance}`);
  const family = COLUMN_FAMILIES.find(({ name }) => name === columnFamily);
  assert.ok(family, `no column family ${columnFamily}`);
  assert.ok(family.kinds.includes(kind), `${instance} has no ${columnFamily}`);
  return family;
}

describe('rows of the reference', () => {
  for (const database of DATABASES) {
    const skip = withoutFixture('reference-ledger', 'rows', database);
    it(`every row of ${database} decodes and encodes back to its bytes`, { skip }, async () => {
      let rowCount = 0;
      const folder = fixturePath('reference-ledger', 'rows', database);
      for await (const { instance, columnFamily, rows } of readRowFiles(folder)) {
        const family = familyOf(instance, columnFamily);
        for (const { key, value } of rows) {
          assert.ok(reencodes(family, key, value), `${instance} ${columnFamily} ${toHex(key)}`);
        }
        rowCount += rows.length;
      }
      assert.ok(rowCount > 4000, `the folder has ${rowCount} rows`);
    });
  }
});
