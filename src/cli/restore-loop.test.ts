import assert from 'node:assert/strict';
import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkDatabase } from '../aptosdb/check/check-database.js';
import { ROOT_PATH } from '../aptosdb/schema/node-key.js';
import { treeNodeRows } from '../aptosdb/schema/jellyfish-merkle-node.js';
import { stateValueRows } from '../aptosdb/schema/state-value-by-key-hash.js';
import type { RestoreReport } from '../restore/restore-report.js';
import { ROUTES } from '../service/routes.js';
import { CommandAdapterStorage } from '../storage/command-adapter.js';
import { localFolderCommands } from '../storage/local-folder-commands.test.support.js';
import { archiveFiles, hashers } from '../test-support/backup-into.js';
import { memoryFolder } from '../test-support/memory-folder.js';
import { restoreInto } from '../test-support/restore-into.js';
import {
  alterRow,
  backUpLoop,
  commitLoopLedger,
  fileDifferences,
  type LoopBackup,
  type RowPlace,
  rowDigests,
  type ServedDatabase,
  serveDatabase,
  treesIn,
} from '../test-support/restore-loop.js';
import {
  answerDifferences,
  type ExpectedAnswer,
  expectedAnswers,
  type HeldLedger,
} from '../test-support/restore-loop-answers.js';
import { generateLedger, writeReferenceArchive } from '../testing/index.js';

/** `HOLDFAST_CAMPAIGN=full` takes the ledger that the promises are about. */
const FULL = process.env['HOLDFAST_CAMPAIGN'] === 'full';
const ENDPOINTS = Object.values(ROUTES).map(({ name }) => name);
const EPOCHS = 5;
const SAMPLES = FULL ? 100 : 10;
const ledger = generateLedger({
  seed: 'the loop closes',
  epochs: EPOCHS,
  transactions: FULL ? 50_000 : 400,
  stateItems: FULL ? 100_000 : 500,
});
const LAST = ledger.lastVersion;
/** Not of the last epoch that ended: so there is an epoch's end behind the newest snapshot. */
const SNAPSHOT_EPOCHS = [0n, 1n, 3n] as const;
const NEWEST = 3n;

function endOf(epoch: bigint): bigint {
  return ledger.epochs[Number(epoch)]?.lastVersion ?? assert.fail(`no epoch ${epoch}`);
}

const BACKUP: LoopBackup = {
  chunkBytesMax: FULL ? 4_000_000 : 60_000,
  snapshotEpochs: SNAPSHOT_EPOCHS,
  cuts: [0n, endOf(1n) + 11n, endOf(2n) + 1n],
};
const REFERENCE = {
  maxChunkSize: FULL ? 6_000_000 : 90_000,
  transactionBatch: FULL ? 13_000 : 130,
} as const;

/** The versions with a tree that a restore gives (`docs/restore.md`). */
function treesOf(snapshot: bigint, last: bigint): bigint[] {
  const ends = ledger.epochs.flatMap(({ ended, lastVersion }) => (ended ? [lastVersion] : []));
  const between = ends.filter((version) => version > snapshot && version <= last);
  let checkpoint = last;
  while (!ledger.transactionInfo(Number(checkpoint)).value.state_checkpoint_hash) checkpoint--;
  return [...new Set([snapshot, ...between, checkpoint])].sort((left, right) => Number(left - right));
}

async function assertFit(folder: string): Promise<void> {
  const { results } = await checkDatabase(folder, { hashers });
  assert.deepEqual(
    results.filter(({ status }) => status !== 'passed'),
    [],
  );
}

describe('the loop from a ledger to its archive and back', () => {
  const folder = memoryFolder({ after });
  const original = path.join(folder, 'original');
  const archive = path.join(folder, 'archive');
  const whole = path.join(folder, 'whole');
  const held: { original: HeldLedger; whole: HeldLedger } = {
    original: { first: 0n, last: LAST, trees: [] },
    whole: { first: 0n, last: LAST, trees: [] },
  };
  let service: ServedDatabase;
  after(() => service.close());
  before(async () => {
    mkdirSync(original);
    await commitLoopLedger(ledger, original);
    await assertFit(original);
    held.original = { ...held.original, trees: await treesIn(original) };
    service = await serveDatabase(original);
    await backUpLoop(ledger, service, archive, BACKUP);
    await restoreInto(whole, archive, { historyStartVersion: 0n, waypoint: ledger.genesisWaypoint });
    held.whole = { ...held.whole, trees: await treesIn(whole) };
  });

  const heldBy = async (report: RestoreReport, directory: string): Promise<HeldLedger> => {
    const { firstVersion: first, version: last } = report;
    return { first, last, trees: await treesIn(directory) };
  };
  const expectationsOf = (restored: HeldLedger): ExpectedAnswer[] =>
    expectedAnswers(ledger, held.original, restored, SAMPLES);

  const middle = endOf(1n) + (endOf(2n) - endOf(1n)) / 2n;
  const targets: readonly [string, bigint, bigint, bigint | undefined][] = [
    ['a version with a snapshot', endOf(1n), endOf(1n), undefined],
    ['a version with a snapshot, with all history', endOf(1n), endOf(1n), 0n],
    ['the middle of an epoch', middle, endOf(1n), undefined],
    ['the middle of an epoch, with all history', middle, endOf(1n), 0n],
    ['the end of an epoch without a snapshot', endOf(4n), endOf(3n), undefined],
    ['the last version', LAST, endOf(3n), undefined],
    ['the last version, with all history', LAST, endOf(3n), 0n],
  ];
  for (const [what, targetVersion, snapshot, historyStartVersion] of targets) {
    it(`restored to ${what}, the database answers as the original does`, async (test) => {
      const directory = path.join(memoryFolder(test), 'db');
      const waypoint = ledger.genesisWaypoint;
      const report = await restoreInto(directory, archive, { targetVersion, historyStartVersion, waypoint });
      const restored = await heldBy(report, directory);
      assert.equal(restored.last, targetVersion);
      if (historyStartVersion === 0n) assert.equal(restored.first, 0n);
      assert.deepEqual(restored.trees, treesOf(snapshot, targetVersion));
      await assertFit(directory);
      await using served = await serveDatabase(directory);
      const expected = expectationsOf(restored);
      assert.deepEqual(await answerDifferences(service, served, expected), []);
      const told = expected.filter(({ expectation }) => expectation.kind === 'path');
      const endpoints = new Set(told.map(({ path: target }) => target.split('/')[1]));
      const without = ENDPOINTS.filter((name) => !endpoints.has(name));
      // Its one answer names the newest ledger info, which the original has a newer one of.
      assert.deepEqual(without, targetVersion === LAST ? [] : ['db_state']);
      test.diagnostic(`${expected.length} answers, ${told.length} of them held against the original`);
    });
  }

  it('a backup of what was restored is the backup that it was restored from, file by file', async () => {
    await using served = await serveDatabase(whole);
    const second = path.join(folder, 'second');
    await backUpLoop(ledger, served, second, { ...BACKUP, snapshotEpochs: [NEWEST] });
    const earlier = SNAPSHOT_EPOCHS.filter((epoch) => epoch !== NEWEST);
    const ofEarlierState = (name: string): boolean =>
      earlier.some((epoch) => {
        const meta = `metadata/state_snapshot_ver_${endOf(epoch)}.meta`;
        return name === meta || name.startsWith(`state_epoch_${epoch}_ver_${endOf(epoch)}`);
      });
    const [ours, theirs] = [archiveFiles(archive), archiveFiles(second)];
    assert.ok(theirs.size > 20, `${theirs.size} files`);
    assert.deepEqual(fileDifferences(ours, theirs, ofEarlierState), []);
    const passed = [...ours.keys()].filter((name) => !theirs.has(name));
    assert.ok(passed.length > 0 && passed.every((name) => name.includes('state_')));
    // One byte of one file, a file less and a file more are seen.
    const [name = '', content = ''] = [...theirs].find(([file]) => file.endsWith('.chunk')) ?? [];
    const flipped = `${content.startsWith('0') ? '1' : '0'}${content.slice(1)}`;
    assert.deepEqual(fileDifferences(ours, new Map([...theirs, [name, flipped]]), ofEarlierState), [
      `${name} differs`,
    ]);
    const without = new Map([...theirs].filter(([file]) => file !== name));
    assert.deepEqual(fileDifferences(ours, without, ofEarlierState), [`${name} is only in the first`]);
    assert.deepEqual(fileDifferences(without, theirs), [`${name} is only in the second`]);
  });

  it('closes from an archive of the reference, with every file compressed behind commands', async (test) => {
    const packed = memoryFolder(test);
    const snapshotEpochs = SNAPSHOT_EPOCHS.map(Number);
    await writeReferenceArchive(ledger, packed, { ...REFERENCE, snapshotEpochs, gzip: true });
    const storage = new CommandAdapterStorage(localFolderCommands(packed));
    const directory = path.join(packed, 'db');
    await restoreInto(directory, storage, { historyStartVersion: 0n, waypoint: ledger.genesisWaypoint });
    await storage.close();
    assert.deepEqual(await rowDigests(directory), await rowDigests(whole));
  });

  it('closes without the snapshot of version 0, from genesis on', async (test) => {
    const plain = memoryFolder(test);
    await writeReferenceArchive(ledger, plain, { ...REFERENCE, snapshotEpochs: [1, 3] });
    const directory = path.join(plain, 'db');
    const waypoint = ledger.genesisWaypoint;
    const report = await restoreInto(directory, plain, { historyStartVersion: 0n, waypoint });
    const restored = await heldBy(report, directory);
    assert.deepEqual(restored, { first: 0n, last: LAST, trees: treesOf(endOf(NEWEST), LAST) });
    await assertFit(directory);
    await using served = await serveDatabase(directory);
    assert.deepEqual(await answerDifferences(service, served, expectationsOf(restored)), []);
  });

  describe('one altered row', { skip: FULL && 'the small ledger shows it' }, () => {
    const tree = endOf(NEWEST);
    const firstKey = ledger.epochs[Number(NEWEST)]?.snapshot?.keyHash(0) ?? assert.fail();
    const firstShard = (firstKey[0] ?? 0) >> 4;
    /** The newest value of the first key that is no newer than the tree. */
    const valueAtTree = stateValueRows.key.encode({ key_hash: firstKey, version: tree });
    const rootAt = (version: bigint): Uint8Array => treeNodeRows.key.encode({ version, path: ROOT_PATH });
    const served: readonly RowPlace[] = [
      { instance: 'ledger_db/transaction_db', columnFamily: 'transaction' },
      { instance: 'ledger_db/transaction_info_db', columnFamily: 'transaction_info' },
      { instance: 'ledger_db/event_db', columnFamily: 'event' },
      { instance: 'ledger_db/write_set_db', columnFamily: 'write_set' },
      { instance: 'ledger_db/persisted_auxiliary_info_db', columnFamily: 'persisted_auxiliary_info' },
      { instance: 'ledger_db/transaction_accumulator_db', columnFamily: 'transaction_accumulator' },
      { instance: 'ledger_db/metadata', columnFamily: 'ledger_info' },
      { instance: 'ledger_db/metadata', columnFamily: 'epoch_by_version' },
      {
        instance: `state_kv_db/shard_${firstShard}`,
        columnFamily: 'state_value_by_key_hash',
        from: valueAtTree,
      },
      { instance: 'state_merkle_db/metadata', columnFamily: 'jellyfish_merkle_node', from: rootAt(tree) },
      { instance: `state_merkle_db/shard_${firstShard}`, columnFamily: 'jellyfish_merkle_node' },
    ];
    const copy = path.join(folder, 'copy');
    before(() => cpSync(whole, copy, { recursive: true }));
    /** Does something with a copy in which one row is another. */
    const withAltered = async (place: RowPlace, work: () => Promise<void>): Promise<void> => {
      await alterRow(copy, place);
      try {
        await work();
      } finally {
        // The same bit again: as it was.
        await alterRow(copy, place);
      }
    };
    for (const place of served) {
      it(`of ${place.instance}/${place.columnFamily} changes an answer`, async (test) => {
        await withAltered(place, async () => {
          await using spoilt = await serveDatabase(copy);
          const differences = await answerDifferences(service, spoilt, expectationsOf(held.whole));
          assert.notEqual(differences.length, 0);
          test.diagnostic(`${differences.length} answers differ, such as ${differences[0]?.slice(0, 90)}`);
        });
      });
    }

    it('changes the digest of its column family, and of no other', async () => {
      const place: RowPlace = { instance: 'ledger_db/event_db', columnFamily: 'event' };
      const digests = await rowDigests(whole);
      await withAltered(place, async () => {
        const altered = await rowDigests(copy);
        const families = [...digests.keys()].filter((family) => altered.get(family) !== digests.get(family));
        assert.deepEqual(families, ['ledger_db/event_db/event']);
      });
      assert.deepEqual(await rowDigests(copy), digests);
    });

    it('of what a node starts from fails the check of the database', async () => {
      const places: readonly RowPlace[] = [
        { instance: 'ledger_db/metadata', columnFamily: 'epoch_by_version' },
        {
          instance: 'state_merkle_db/metadata',
          columnFamily: 'jellyfish_merkle_node',
          from: rootAt(held.whole.trees.at(-1) ?? assert.fail()),
        },
        {
          instance: `state_kv_db/shard_${firstShard}`,
          columnFamily: 'state_value_by_key_hash',
          from: stateValueRows.key.encode({ key_hash: firstKey, version: LAST }),
        },
      ];
      for (const place of places) {
        await withAltered(place, async () => {
          const { ok } = await checkDatabase(copy, { hashers });
          assert.equal(ok, false, `${place.instance}/${place.columnFamily}`);
        });
      }
    });
  });
});
