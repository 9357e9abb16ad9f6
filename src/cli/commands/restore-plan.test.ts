import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { NodeFileSystem } from '../../durable-fs/node-file-system.js';
import { publishDatabase } from '../../restore/publish-database.js';
import { planRestore } from '../../restore/plan-restore.js';
import { RestoreJournal } from '../../restore/restore-journal.js';
import { LocalFsStorage } from '../../storage/local-fs.js';
import { temporaryFolder } from '../../test-support/temporary-folder.js';
import { generateLedger, writeReferenceArchive } from '../../testing/index.js';
import { LEDGER_FAMILIES } from '../../types/ledger-family.js';
import { parseWaypoint } from '../../types/waypoint.js';
import { runCommandLine } from '../run.js';

async function holdfast(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const signal = new AbortController().signal;
  const exitCode = await runCommandLine(args, { stdout, stderr, interactive: false, signal });
  stdout.end();
  stderr.end();
  return { exitCode, stdout: await text(stdout), stderr: await text(stderr) };
}

async function archiveOf(t: Parameters<typeof temporaryFolder>[0]) {
  const folder = temporaryFolder(t);
  const ledger = generateLedger({ seed: 'restore plan', epochs: 3, transactions: 120, stateItems: 20 });
  return await writeReferenceArchive(ledger, folder, { transactionBatch: 50 });
}

/** An unfinished restore, as one with these flags begins it. */
async function begun(archive: string, target: string, waypoint: string) {
  mkdirSync(target);
  const storage = new LocalFsStorage(archive);
  const trustedWaypoints = [parseWaypoint(waypoint)];
  const plan = await planRestore({ storage, family: LEDGER_FAMILIES.aptos, request: {}, trustedWaypoints });
  const fileSystem = new NodeFileSystem(target);
  const journal = await RestoreJournal.begin(fileSystem, plan.identity ?? assert.fail());
  // Before that nothing counts, and the target is as good as empty.
  await journal.save({ step: 'tail' });
  return { fileSystem, journal };
}

describe('holdfast restore plan', () => {
  it('says what would be restored and why, and writes nothing', async (t) => {
    const { directory, genesisWaypoint } = await archiveOf(t);
    const target = path.join(temporaryFolder(t), 'new');
    const trust = ['--trust-waypoint', genesisWaypoint];
    const flags = ['--local-fs-dir', directory, '--target-db-dir', target, ...trust];
    const history = ['--ledger-history-start-version', '0'];
    const result = await holdfast('restore', 'plan', ...flags, ...history);
    assert.equal(result.exitCode, 0, result.stdout);
    assert.match(result.stdout, /^target: a new folder$/m);
    assert.match(result.stdout, /^plan: a ledger of versions 0 to 119, in epoch \d+$/m);
    assert.match(result.stdout, /^ {2}2\. values of the snapshot of version 0 \(epoch 0, \d+ items; /m);
    assert.match(result.stdout, /their write sets applied to values and tree/);
    assert.match(result.stdout, /^ {2}in all: [\d.]+ KiB in \d+ files$/m);
    assert.match(result.stdout, /are free$/m);
    assert.doesNotMatch(result.stdout, /^(refused|warning)/m);
    assert.equal(existsSync(target), false);
  });

  it('prints JSON of which the integers are exact', async (t) => {
    const { directory } = await archiveOf(t);
    const flags = ['--local-fs-dir', directory, '--target-version', '50', '--json', '--skip-epoch-endings'];
    const result = await holdfast('restore', 'plan', ...flags);
    assert.equal(result.exitCode, 0, result.stdout);
    const json = JSON.parse(result.stdout);
    assert.equal(json.version, 50);
    assert.equal(json.feasible, true);
    assert.deepEqual(json.steps.epochEndings, []);
    assert.equal(json.remarks[0].code, 'SIGNATURES_NOT_CHECKED');
  });

  it('exits 1 where it refuses, and says what to do', async (t) => {
    const { directory } = await archiveOf(t);
    writeFileSync(path.join(directory, 'metadata', 'transaction_101-119.meta'), '');
    const result = await holdfast('restore', 'plan', '--local-fs-dir', directory);
    assert.equal(result.exitCode, 1);
    assert.match(
      result.stdout,
      /^refused: METADATA_EMPTY: .*transaction_101-119\.meta.*\(METADATA_DAMAGED\)$/m,
    );
    assert.match(result.stdout, /give --target-version 100\.$/m);
  });

  it('says that an interrupted run of the same is gone on with, and refuses another', async (t) => {
    const { directory, genesisWaypoint } = await archiveOf(t);
    const target = path.join(temporaryFolder(t), 'db');
    await begun(directory, target, genesisWaypoint);
    const flags = ['restore', 'plan', '--local-fs-dir', directory, '--target-db-dir', target];
    const trust = ['--trust-waypoint', genesisWaypoint];
    const same = await holdfast(...flags, ...trust);
    assert.equal(same.exitCode, 0, same.stdout + same.stderr);
    assert.match(same.stdout, /^target: an interrupted run of the same restore/m);
    const other = await holdfast(...flags, ...trust, '--target-version', '60');
    assert.equal(other.exitCode, 1);
    assert.match(other.stderr, /--target-version was not given, is 60.*\(RESTORE_TARGET_OTHER_RESTORE\)/);
    assert.deepEqual(readdirSync(target), ['.holdfast-restore']);
  });

  it('refuses a target of another chain', async (t) => {
    const { directory, genesisWaypoint } = await archiveOf(t);
    const target = path.join(temporaryFolder(t), 'db');
    await begun(directory, target, genesisWaypoint);
    const other = temporaryFolder(t);
    await writeReferenceArchive(
      generateLedger({ seed: 'other', epochs: 3, transactions: 120, stateItems: 20 }),
      other,
    );
    // The same flags, so that it is the archive alone that differs.
    const flags = ['--local-fs-dir', other, '--target-db-dir', target, '--trust-waypoint', genesisWaypoint];
    const result = await holdfast('restore', 'plan', ...flags);
    assert.equal(result.exitCode, 1);
    assert.match(result.stderr, /\((RESTORE_TARGET_OTHER_CHAIN)\)/);
  });

  it('says that nothing is left to do where the same was restored', async (t) => {
    const { directory, genesisWaypoint } = await archiveOf(t);
    const target = path.join(temporaryFolder(t), 'db');
    const { fileSystem, journal } = await begun(directory, target, genesisWaypoint);
    for (const name of ['ledger_db', 'state_kv_db', 'state_merkle_db']) {
      mkdirSync(path.join(target, '.holdfast-restore', 'db', name), { recursive: true });
    }
    const { identity } = journal.state;
    const finishedAt = '2026-01-02T03:04:05.000Z';
    await journal.beginPublishing({ identity, version: '119', finishedAt, report: {} });
    const flags = ['restore', 'plan', '--local-fs-dir', directory, '--target-db-dir', target];
    const unpublished = await holdfast(...flags, '--trust-waypoint', genesisWaypoint);
    assert.match(unpublished.stdout, /only its place is left to be given/);
    await publishDatabase(fileSystem, journal);
    // The archive's damage is of no concern any more.
    writeFileSync(path.join(directory, 'metadata', 'transaction_101-119.meta'), '');
    const result = await holdfast(...flags, '--trust-waypoint', genesisWaypoint);
    assert.equal(result.exitCode, 0, result.stdout);
    assert.match(result.stdout, /^target: the same was restored there at 2026-01-02T03:04:05.000Z/m);
  });

  it('takes no dry run together with a target', async () => {
    const flags = ['--local-fs-dir', '/nowhere', '--dry-run', '--target-db-dir', '/nowhere'];
    assert.equal((await holdfast('restore', 'plan', ...flags)).exitCode, 2);
  });
});
