import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkDatabase } from '../aptosdb/check/check-database.js';
import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import { lastRow } from '../aptosdb/schema/rows.js';
import { type StateUsage, versionDataRows } from '../aptosdb/schema/version-data.js';
import { toHex } from '../hashing/hash-value.js';
import { CommandAdapterStorage } from '../storage/command-adapter.js';
import { localFolderCommands } from '../storage/local-folder-commands.test.support.js';
import type { ProgressEvent } from '../telemetry/progress.js';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { dumpRows } from '../test-support/load-rows.js';
import { memoryFolder } from '../test-support/memory-folder.js';
import { proveInto, restoreInto } from '../test-support/restore-into.js';
import { temporaryCopy } from '../test-support/temporary-folder.js';
import { generateLedger, writeReferenceArchive } from '../testing/index.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import { RestoreError } from './restore-error.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
const ledger = generateLedger({ seed: 'bootstrap', epochs: 4, transactions: 600, stateItems: 300 });
const LAST = 599n;

async function rowsIn(directory: string): Promise<Map<string, string[]>> {
  await using database = await AptosDatabaseFiles.open(directory, { mode: 'read' });
  return await dumpRows(database);
}

async function assertFit(directory: string, version: bigint): Promise<void> {
  const { results, syncedVersion } = await checkDatabase(directory, { hashers });
  assert.deepEqual(
    results.filter(({ status }) => status !== 'passed'),
    [],
  );
  assert.equal(syncedVersion, version);
}

async function usageAt(directory: string, version: bigint): Promise<StateUsage | undefined> {
  await using database = await AptosDatabaseFiles.open(directory, { mode: 'read' });
  return (await lastRow(database.ledgerMetadata, versionDataRows, { lte: version }))?.value;
}

function refusedAs(code: string) {
  return (error: unknown): boolean => error instanceof RestoreError && error.code === code;
}

describe('restoring a database', () => {
  const folder = memoryFolder({ after });
  const archive = path.join(folder, 'archive');
  const other = path.join(folder, 'other-archive');
  let waypoint = '';
  before(async () => {
    for (const each of [archive, other]) mkdirSync(each);
    const options = { maxChunkSize: 60_000, transactionBatch: 150 };
    waypoint = (await writeReferenceArchive(ledger, archive, options)).genesisWaypoint;
    const another = generateLedger({ seed: 'another', epochs: 2, transactions: 100, stateItems: 50 });
    await writeReferenceArchive(another, other, options);
  });

  const snapshotVersion = ledger.epochs[1]?.lastVersion ?? assert.fail();
  const targets: readonly [string, bigint | undefined, bigint | undefined][] = [
    ['the last version', undefined, undefined],
    ['the last version, with all history', undefined, 0n],
    ['a version with a snapshot', snapshotVersion, undefined],
    ['the middle of an epoch', snapshotVersion + 40n, undefined],
    ['the middle of an epoch, with history from the middle of another', LAST - 20n, snapshotVersion + 7n],
    ['version 0', 0n, undefined],
  ];
  for (const [what, targetVersion, historyStartVersion] of targets) {
    it(`reaches ${what}, fit for a node, with the root that the ledger signed`, async (t) => {
      const directory = path.join(memoryFolder(t), 'new', 'db');
      const request = { targetVersion, historyStartVersion, waypoint };
      const report = await restoreInto(directory, archive, request);
      assert.equal(report.outcome, 'restored');
      assert.equal(report.version, targetVersion ?? LAST);
      assert.equal(report.trustRoot, 'waypoints');
      if (historyStartVersion !== undefined) assert.ok(report.firstVersion <= historyStartVersion);
      await assertFit(directory, report.version);
      const { stateVersion = -1n, stateRoot } = report;
      const info = ledger.transactionInfo(Number(stateVersion));
      assert.equal(stateRoot, toHex(info.value.state_checkpoint_hash ?? new Uint8Array()));
      assert.deepEqual(readdirSync(directory).sort(), [
        '.holdfast-restore',
        'ledger_db',
        'state_kv_db',
        'state_merkle_db',
      ]);
      assert.deepEqual(readdirSync(path.join(directory, '.holdfast-restore')), ['done.json']);
    });
  }

  it('tells of every stage how far it is, with versions, totals and bytes', async (t) => {
    const events: ProgressEvent[] = [];
    const progress = (event: ProgressEvent): number => events.push(event);
    await restoreInto(path.join(memoryFolder(t), 'db'), archive, { historyStartVersion: 0n, progress });
    const stages = new Map(events.map((event) => [event.stage, event]));
    assert.ok(stages.size >= 5, [...stages.keys()].join(', '));
    for (const { stage, done, total } of stages.values()) {
      if (stage !== 'finishing') assert.equal(done, total, stage);
    }
    const versions = [...stages.values()].map(({ version }) => version);
    assert.ok(versions.includes(LAST));
    assert.ok([...stages.values()].some(({ bytes }) => bytes !== undefined && bytes > 0));
  });

  it('proves everything and writes nothing in a dry run', async () => {
    const report = await proveInto(archive, { historyStartVersion: 0n, waypoint });
    assert.equal(report.outcome, 'proven');
    assert.equal(report.version, LAST);
    assert.equal(report.target, undefined);
    assert.ok(report.read.transactions >= 600);
    await assert.rejects(
      proveInto(archive, { waypoint: `0:${'ab'.repeat(32)}` }),
      refusedAs('RESTORE_FINDING'),
    );
  });

  it('through commands that unpack every file gives the same rows', async (t) => {
    const packed = memoryFolder(t);
    await writeReferenceArchive(ledger, packed, { maxChunkSize: 200_000, transactionBatch: 300, gzip: true });
    const storage = new CommandAdapterStorage(localFolderCommands(packed));
    const [one, two] = [path.join(packed, 'db-1'), path.join(packed, 'db-2')];
    await restoreInto(one, storage, { historyStartVersion: 0n });
    await storage.close();
    await restoreInto(two, archive, { historyStartVersion: 0n });
    // Neither how records lie in chunks nor how chunks are stored is seen.
    assert.deepEqual(await rowsIn(one), await rowsIn(two));
  });

  it('into a folder where the same was restored says so, and reads nothing of it', async (t) => {
    const directory = path.join(memoryFolder(t), 'db');
    const first = await restoreInto(directory, archive, { waypoint });
    const again = await restoreInto(directory, archive, { waypoint });
    assert.equal(again.outcome, 'already-restored');
    assert.deepEqual(
      [again.version, again.stateRoot, again.epoch, again.trustRootInWords],
      [first.version, first.stateRoot, first.epoch, first.trustRootInWords],
    );
    await assert.rejects(
      restoreInto(directory, archive, { waypoint, targetVersion: 5n }),
      refusedAs('RESTORE_TARGET_OTHER_RESTORE'),
    );
    const unvouched = path.join(memoryFolder(t), 'db');
    await restoreInto(unvouched, archive);
    await assert.rejects(restoreInto(unvouched, other), refusedAs('RESTORE_TARGET_OTHER_CHAIN'));
  });

  it('goes ahead with corrected arguments where nothing of the refused ones counts yet', async (t) => {
    const folder = memoryFolder(t);
    const directory = path.join(folder, 'db');
    const wrong = { waypoint: `0:${'ab'.repeat(32)}` };
    await assert.rejects(restoreInto(directory, archive, wrong), refusedAs('RESTORE_FINDING'));
    // What an end before the first commit point may leave: rows that nothing speaks of.
    const build = path.join(directory, '.holdfast-restore', 'db');
    await restoreInto(path.join(folder, 'more'), archive, { targetVersion: LAST });
    mkdirSync(build);
    for (const name of ['ledger_db', 'state_kv_db', 'state_merkle_db']) {
      cpSync(path.join(folder, 'more', name), path.join(build, name), { recursive: true });
    }
    // And what a removal leaves that was cut off.
    mkdirSync(path.join(directory, '.holdfast-restore', 'removed', 'ledger_db'), { recursive: true });
    const request = { waypoint, targetVersion: snapshotVersion };
    await restoreInto(directory, archive, request);
    await restoreInto(path.join(folder, 'expected'), archive, request);
    assert.deepEqual(await rowsIn(directory), await rowsIn(path.join(folder, 'expected')));
    assert.deepEqual(readdirSync(path.join(directory, '.holdfast-restore')), ['done.json']);
  });

  it('leaves a build folder alone that another run holds open', async (t) => {
    const directory = path.join(memoryFolder(t), 'db');
    const build = path.join(directory, '.holdfast-restore', 'db');
    await using _held = await AptosDatabaseFiles.open(build, { mode: 'create' });
    const before = readdirSync(build);
    await assert.rejects(restoreInto(directory, archive), { code: 'DB_OPEN_FAILED' });
    assert.deepEqual(readdirSync(build), before);
  });

  it('refuses other arguments once something counts', async (t) => {
    const directory = path.join(memoryFolder(t), 'db');
    const stop = new AbortController();
    const onCommitPoint = (): void => stop.abort(new Error('stopped'));
    const cut = { commitEveryMs: 0, onCommitPoint, signal: stop.signal };
    await assert.rejects(restoreInto(directory, archive, cut), /stopped/);
    await assert.rejects(
      restoreInto(directory, archive, { waypoint }),
      refusedAs('RESTORE_TARGET_OTHER_RESTORE'),
    );
    assert.equal((await restoreInto(directory, archive)).resumed, true);
  });

  it('without signatures says so', async (t) => {
    const directory = path.join(memoryFolder(t), 'db');
    const report = await restoreInto(directory, archive, { skipEpochEndings: true });
    assert.equal(report.trustRoot, 'none');
    assert.match(report.notDone.join(), /signatures were not checked/);
  });
});

describe('restoring the reference ledger without its snapshot of version 0', () => {
  const skip = withoutFixture('reference-ledger', 'archive');

  it('begins at genesis and counts the state exactly', { skip }, async (t) => {
    const archive = await temporaryCopy(t, fixturePath('reference-ledger', 'archive'));
    const folder = memoryFolder(t);
    const whole = path.join(folder, 'whole');
    await restoreInto(whole, archive, { historyStartVersion: 0n });
    for (const name of readdirSync(archive)) {
      if (name.startsWith('state_epoch_0_')) rmSync(path.join(archive, name), { recursive: true });
    }
    rmSync(path.join(archive, 'metadata', 'state_snapshot_ver_0.meta'));
    const directory = path.join(folder, 'from-genesis');
    const report = await restoreInto(directory, archive, { historyStartVersion: 0n });
    assert.deepEqual([report.firstVersion, report.version], [0n, 580n]);
    await assertFit(directory, 580n);
    for (const version of [0n, 310n, 400n, 490n, 580n]) {
      assert.deepEqual(await usageAt(directory, version), await usageAt(whole, version), `${version}`);
    }
    const [ours, theirs] = [await rowsIn(directory), await rowsIn(whole)];
    const families = [...new Set([...ours.keys(), ...theirs.keys()])].filter((family) => {
      return String(ours.get(family)) !== String(theirs.get(family));
    });
    // What a snapshot leaves behind: its progress, and values of version 0 without index rows of a first write.
    assert.deepEqual(
      families.filter((family) => !/\/stale_state_value_index_by_key_hash$/.test(family)),
      ['state_kv_db/metadata/db_metadata'],
    );
    assert.ok(existsSync(path.join(directory, 'ledger_db')));
  });
});
