import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { checkDatabase } from '../aptosdb/check/check-database.js';
import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { dumpRowFiles, dumpRows } from '../test-support/load-rows.js';
import { memoryFolder } from '../test-support/memory-folder.js';
import { type RestoreIntoOptions, restoreInto } from '../test-support/restore-into.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';

const ARCHIVE = fixturePath('reference-ledger', 'archive');
const WAYPOINT = '0:cda249717441d5a732df74ffe644ccce8e371a64529859bed5699abf258547df';
const skip = withoutFixture('reference-ledger', 'rows', 'restored-580');
const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);

/** Rows that are on one side only, as `key TAB value`. */
interface Difference {
  readonly ours: readonly string[];
  readonly theirs: readonly string[];
}

async function differences(directory: string, rows: string): Promise<Map<string, Difference>> {
  await using database = await AptosDatabaseFiles.open(directory, { mode: 'read' });
  const ours = await dumpRows(database);
  const theirs = await dumpRowFiles(fixturePath('reference-ledger', 'rows', rows));
  const found = new Map<string, Difference>();
  for (const family of new Set([...ours.keys(), ...theirs.keys()])) {
    const [left, right] = [new Set(ours.get(family)), new Set(theirs.get(family))];
    const difference = {
      ours: [...left].filter((row) => !right.has(row)),
      theirs: [...right].filter((row) => !left.has(row)),
    };
    if (difference.ours.length + difference.theirs.length > 0) found.set(family, difference);
  }
  return found;
}

const keyOf = (row: string): string => row.split('\t')[0] ?? '';
const versionOf = (row: string): bigint => BigInt(`0x${keyOf(row)}`);
const keysOf = (rows: readonly string[]): string[] => rows.map(keyOf).sort();

/** Keys of the pruners' progress: where the database begins (docs/restore.md). */
const PRUNER_KEYS: Readonly<Record<string, readonly string[]>> = {
  'ledger_db/metadata/db_metadata': ['00'],
  'ledger_db/event_db/db_metadata': ['0b'],
  'ledger_db/transaction_accumulator_db/db_metadata': ['0c'],
  'ledger_db/transaction_info_db/db_metadata': ['0d'],
  'ledger_db/transaction_db/db_metadata': ['0e'],
  'ledger_db/write_set_db/db_metadata': ['0f'],
  'ledger_db/transaction_auxiliary_data_db/db_metadata': ['14'],
  'ledger_db/persisted_auxiliary_info_db/db_metadata': ['15'],
  'state_kv_db/metadata/db_metadata': ['03'],
  'state_merkle_db/metadata/db_metadata': ['01', '02'],
};

/** Takes the pruners' progress out, which every restored database of ours has on top. */
function takePrunerRows(found: Map<string, Difference>): void {
  for (const [family, keys] of Object.entries(PRUNER_KEYS)) {
    const { ours, theirs } = found.get(family) ?? assert.fail(`${family} has no pruner rows`);
    assert.deepEqual([keysOf(ours), theirs], [keys, []], family);
    found.delete(family);
  }
}

/** Takes out usage at more versions than the reference writes it at. */
function takeUsageRows(found: Map<string, Difference>): bigint[] {
  const { ours, theirs } = found.get('ledger_db/metadata/version_data') ?? assert.fail('no usage rows');
  assert.deepEqual(theirs, []);
  found.delete('ledger_db/metadata/version_data');
  return ours.map(versionOf).sort((left, right) => (left < right ? -1 : 1));
}

/** Takes out write sets behind the snapshot, which the reference's executor writes with a list of keys. */
function takeWriteSets(found: Map<string, Difference>, first: bigint, last: bigint): void {
  const { ours, theirs } = found.get('ledger_db/write_set_db/write_set') ?? assert.fail('no write sets');
  assert.deepEqual(keysOf(ours), keysOf(theirs));
  const versions = ours.map(versionOf);
  assert.deepEqual([versions[0], versions.at(-1), BigInt(versions.length)], [first, last, last - first + 1n]);
  const theirsByKey = new Map(theirs.map((row) => [keyOf(row), row.split('\t')[1] ?? '']));
  for (const row of ours) {
    const value = row.split('\t')[1] ?? '';
    // Variant V0 is the bare write set; V1 is the same with a list behind it.
    assert.equal(value.slice(0, 2), '00');
    const reference = theirsByKey.get(keyOf(row)) ?? '';
    assert.equal(reference.slice(0, 2), '01');
    assert.ok(reference.slice(2).startsWith(value.slice(2)), `write set of version ${versionOf(row)}`);
  }
  found.delete('ledger_db/write_set_db/write_set');
}

async function restoreFixture(
  folder: string,
  options: RestoreIntoOptions,
): Promise<{ readonly directory: string }> {
  const directory = path.join(folder, 'db');
  const report = await restoreInto(directory, ARCHIVE, { ...options, waypoint: WAYPOINT });
  assert.equal(report.outcome, 'restored');
  const { results, syncedVersion } = await checkDatabase(directory, { hashers });
  assert.deepEqual(
    results.filter(({ status }) => status !== 'passed'),
    [],
  );
  assert.equal(syncedVersion, report.version);
  return { directory };
}

describe("the rows of a restored database beside those of the reference's own restore", { skip }, () => {
  it('are the same for a snapshot alone, but for where the database begins', async (t) => {
    const { directory } = await restoreFixture(memoryFolder(t), { targetVersion: 490n });
    const found = await differences(directory, 'restored-490-snapshot-only');
    takePrunerRows(found);
    assert.deepEqual([...found.keys()], []);
  });

  it('are the same with all history up to a version in an epoch, but for three kinds', async (t) => {
    const request = { targetVersion: 400n, historyStartVersion: 0n };
    const { directory } = await restoreFixture(memoryFolder(t), request);
    const found = await differences(directory, 'restored-400');
    takePrunerRows(found);
    takeWriteSets(found, 311n, 400n);
    const usage = takeUsageRows(found);
    assert.ok(usage.length > 0 && usage.every((version) => version < 400n));
    assert.deepEqual([...found.keys()], []);
  });

  it('are the same with all history up to the last version, which gets its ledger info', async (t) => {
    const { directory } = await restoreFixture(memoryFolder(t), { historyStartVersion: 0n });
    const found = await differences(directory, 'restored-580');
    takePrunerRows(found);
    takeWriteSets(found, 491n, 580n);
    const usage = takeUsageRows(found);
    assert.ok(usage.length > 0 && usage.every((version) => version < 580n));
    const rows = (family: string): Difference => found.get(family) ?? assert.fail(family);
    const ledgerInfos = rows('ledger_db/metadata/ledger_info');
    assert.deepEqual([keysOf(ledgerInfos.ours), ledgerInfos.theirs], [['0000000000000006'], []]);
    const epochs = rows('ledger_db/metadata/epoch_by_version');
    assert.deepEqual(epochs, { ours: ['0000000000000244\t0000000000000006'], theirs: [] });
    found.delete('ledger_db/metadata/ledger_info');
    found.delete('ledger_db/metadata/epoch_by_version');
    assert.deepEqual([...found.keys()], []);
  });
});
