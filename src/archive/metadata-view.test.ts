import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArchiveError } from './archive-error.js';
import type { LocatedEntry, MetadataEntry } from './metadata-entry.js';
import {
  backupStorageState,
  buildMetadataView,
  expectStateSnapshot,
  formatBackupStorageState,
  latestCompactionTimestamps,
  maxTransactionVersion,
  selectEpochEndings,
  selectStateSnapshot,
  selectTransactions,
} from './metadata-view.js';

const U64_MAX = 2n ** 64n - 1n;

const epochs = (
  first: number,
  last: number,
  version = first * 10,
  manifest = `e${first}`,
): MetadataEntry => ({
  kind: 'EpochEndingBackup',
  firstEpoch: BigInt(first),
  lastEpoch: BigInt(last),
  firstVersion: BigInt(version),
  lastVersion: BigInt(last * 10),
  manifest,
});
const snapshot = (epoch: number, version: number, manifest = `s${version}`): MetadataEntry => ({
  kind: 'StateSnapshotBackup',
  epoch: BigInt(epoch),
  version: BigInt(version),
  manifest,
});
const transactions = (first: number, last: number, manifest = `t${first}`): MetadataEntry => ({
  kind: 'TransactionBackup',
  firstVersion: BigInt(first),
  lastVersion: BigInt(last),
  manifest,
});

const view = (...entries: MetadataEntry[]) =>
  buildMetadataView(
    entries.map((entry, index): LocatedEntry => ({ entry, handle: `metadata/${index}`, line: 1 })),
  );
const manifests = (list: readonly { entry: { manifest: string } }[]): string[] =>
  list.map(({ entry }) => entry.manifest);
const isGap = (expected: bigint, actual: bigint) => (error: unknown) => {
  assert.ok(error instanceof ArchiveError);
  assert.equal(error.code, 'METADATA_GAP');
  assert.deepEqual([error.facts.expected, error.facts.actual], [expected, actual]);
  return true;
};

test('entries are sorted by all their fields, the manifest last', () => {
  assert.deepEqual(
    manifests(view(transactions(5, 9), transactions(0, 4, 'b'), transactions(0, 4, 'a')).transactions),
    ['a', 'b', 't5'],
  );
  assert.deepEqual(manifests(view(snapshot(2, 5), snapshot(1, 9), snapshot(1, 7)).stateSnapshots), [
    's7',
    's9',
    's5',
  ]);
  // In UTF-16 the first of these would come second.
  assert.deepEqual(manifests(view(snapshot(1, 1, '\u{10000}'), snapshot(1, 1, '\uffee')).stateSnapshots), [
    '\uffee',
    '\u{10000}',
  ]);
});

test('what is said twice counts once, and both places are kept', () => {
  const { transactions: list } = view(transactions(0, 4), transactions(5, 9), transactions(0, 4));
  assert.deepEqual(manifests(list), ['t0', 't5']);
  assert.equal(list[0]?.handle, 'metadata/0');
  assert.deepEqual(
    list[0]?.repeated.map(({ handle }) => handle),
    ['metadata/2'],
  );
});

test('of equal entries the one that says more stands first', () => {
  const extras = new Map([['attestation', Buffer.from('1')]]);
  const [kept] = view(snapshot(0, 1), { ...snapshot(0, 1), extras }).stateSnapshots;
  assert.equal(kept?.entry.extras, extras);
  assert.deepEqual(
    kept?.repeated.map(({ handle }) => handle),
    ['metadata/0'],
  );
});

test('the storage state is the end of each kind, and its line is the reference’s', () => {
  assert.equal(
    formatBackupStorageState(backupStorageState(view())),
    'latest_epoch_ending_epoch: none, latest_state_snapshot_epoch: none, ' +
      'latest_state_snapshot_version: none, latest_transaction_version: none',
  );
  const state = backupStorageState(
    view(
      epochs(0, 9),
      epochs(3, 4),
      snapshot(2, 20),
      snapshot(1, 30),
      transactions(0, 99),
      transactions(50, 60),
    ),
  );
  assert.equal(
    formatBackupStorageState(state),
    'latest_epoch_ending_epoch: 9, latest_state_snapshot_epoch: 2, ' +
      'latest_state_snapshot_version: 20, latest_transaction_version: 99',
  );
});

test('the newest snapshot at or before a version is selected', () => {
  const some = view(snapshot(0, 0), snapshot(3, 310), snapshot(5, 490));
  for (const [target, expected] of [
    [0n, 's0'],
    [309n, 's0'],
    [310n, 's310'],
    [U64_MAX, 's490'],
  ] as const)
    assert.equal(selectStateSnapshot(some, target)?.entry.manifest, expected);
  assert.equal(selectStateSnapshot(view(snapshot(3, 310)), 309n), undefined);
  assert.equal(expectStateSnapshot(some, 310n).entry.manifest, 's310');
  assert.throws(
    () => expectStateSnapshot(some, 311n),
    (error) => error instanceof ArchiveError && error.code === 'SNAPSHOT_MISSING',
  );
});

test('transactions are selected as far as they overlap the wanted versions, and continuous from 0', () => {
  const some = view(transactions(0, 0), transactions(1, 9), transactions(10, 19), transactions(30, 39));
  assert.deepEqual(manifests(selectTransactions(some, 0n, 19n)), ['t0', 't1', 't10']);
  assert.deepEqual(manifests(selectTransactions(some, 5n, 9n)), ['t1']);
  assert.deepEqual(
    manifests(selectTransactions(some, 5n, 29n)),
    ['t1', 't10'],
    'a gap beyond is not noticed',
  );
  assert.deepEqual(selectTransactions(some, U64_MAX, 29n), []);
  assert.throws(() => selectTransactions(some, 35n, 39n), isGap(20n, 30n));
  assert.throws(() => selectTransactions(view(transactions(1, 2)), 0n, 9n), isGap(0n, 1n));
  assert.throws(
    () => selectTransactions(view(transactions(0, 2), transactions(0, 2, 'other')), 0n, 9n),
    isGap(3n, 0n),
  );
  assert.equal(maxTransactionVersion(some), 39n);
  assert.equal(maxTransactionVersion(view()), undefined);
});

test('epoch endings are selected up to a version, and continuous from epoch 0', () => {
  const some = view(epochs(0, 0), epochs(1, 4), epochs(6, 9));
  assert.deepEqual(manifests(selectEpochEndings(some, 59n)), ['e0', 'e1']);
  assert.throws(() => selectEpochEndings(some, U64_MAX), isGap(5n, 6n));
});

test('the newest record of compactions knows every listed file', () => {
  const record = (at: bigint, times: [string, bigint | undefined][]): MetadataEntry => ({
    kind: 'CompactionTimestamps',
    fileCompactedAt: at,
    compactionTimestamps: new Map(times),
  });
  const some = view(
    record(9n, [
      ['a', 8n],
      ['gone', undefined],
    ]),
    record(5n, [['b', 1n]]),
  );
  const latest = latestCompactionTimestamps(some, ['a', 'b'], 100n);
  assert.equal(latest.fileCompactedAt, 9n);
  assert.deepEqual(
    [...latest.compactionTimestamps],
    [
      ['a', 8n],
      ['gone', undefined],
      ['b', undefined],
    ],
  );
  const none = latestCompactionTimestamps(view(), ['a'], 100n);
  assert.deepEqual([none.fileCompactedAt, [...none.compactionTimestamps]], [100n, [['a', undefined]]]);
});
