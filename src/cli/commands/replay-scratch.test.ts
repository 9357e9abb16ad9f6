import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ledgerWithMissingWrite } from '../../replay/lying-ledger.test.support.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import { generateLedger, writeReferenceArchive } from '../../testing/index.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const FOLDER = '.holdfast-replay';

/** A local folder refuses what is no regular file; a command reads it. */
const STUCK_ADAPTER = `
env_vars:
  - key: FOLDER
    value: STUCK
commands:
  create_backup: exit 1
  create_for_write: exit 1
  open_for_read: exec cat "$FOLDER/$FILE_HANDLE"
  save_metadata_line: exit 1
  list_metadata_files: cd "$FOLDER" && ls metadata/*
`;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const ended: Promise<Ended> = Promise.all([closed, text(child.stdout), text(child.stderr)]).then(
    ([code, stdout, stderr]) => ({ code, stdout, stderr }),
  );
  return { child, ended };
}

async function replay(archive: string, ...args: readonly string[]): Promise<Ended> {
  return await start('replay-verify', '--local-fs-dir', archive, '--threads', '1', ...args).ended;
}

/** The report without what differs between runs, and without where the state was held. */
function comparable(stdout: string) {
  const { elapsedMs: _elapsed, heldIn, ...rest } = JSON.parse(stdout);
  return { heldIn, rest };
}

/** Every file below a folder, with its size and hash. */
function contentOf(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => {
    const file = path.join(folder, name);
    if (!statSync(file).isFile()) return name;
    return `${name} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`;
  });
}

describe('holdfast replay-verify with a scratch database', () => {
  const folder = memoryFolder({ after });
  const ledger = generateLedger({ seed: 'replay scratch', epochs: 3, transactions: 400, stateItems: 150 });
  const snapshot = Number(ledger.epochs[1]?.lastVersion);
  const archive = path.join(folder, 'archive');
  const lying = path.join(folder, 'lying');
  const stuck = path.join(folder, 'stuck');
  const stuckAdapter = path.join(folder, 'stuck.yaml');
  /** A chunk of transactions of the stuck archive, to which nobody ever writes anything. */
  let pipe = '';
  before(async () => {
    for (const each of [archive, lying, stuck]) mkdirSync(each);
    await writeReferenceArchive(ledger, archive, { maxChunkSize: 16_000 });
    let lie = snapshot + 1;
    // The BCS of an empty write set takes two bytes; behind a checkpoint no later write can hide it.
    while (
      ledger.parts(lie).writeSet.length <= 2 ||
      ledger.transactionInfo(lie).value.state_checkpoint_hash === undefined
    )
      lie++;
    await writeReferenceArchive(ledgerWithMissingWrite(ledger, lie), lying, { maxChunkSize: 16_000 });
    const { files } = await writeReferenceArchive(ledger, stuck, { maxChunkSize: 16_000 });
    const last = files.findLast(({ kind }) => kind === 'transaction-chunk');
    assert.ok(last);
    pipe = path.join(stuck, last.handle);
    rmSync(pipe);
    execFileSync('mkfifo', [pipe]);
    writeFileSync(stuckAdapter, STUCK_ADAPTER.replaceAll('STUCK', stuck));
  });

  it('reports what a replay in memory does', async () => {
    const target = path.join(folder, 'same');
    for (const range of [[], ['--start-version', String(snapshot), '--end-version', '390']]) {
      const inMemory = await replay(archive, '--json', ...range);
      const inDatabase = await replay(archive, '--json', ...range, '--target-db-dir', target);
      assert.equal(inMemory.code, 0, inMemory.stderr);
      assert.equal(inDatabase.code, 0, inDatabase.stderr);
      const [memory, database] = [comparable(inMemory.stdout), comparable(inDatabase.stdout)];
      assert.deepEqual(database.rest, memory.rest);
      assert.deepEqual([memory.heldIn, database.heldIn], [['memory'], ['database']]);
      assert.deepEqual(readdirSync(target), []);
    }
  });

  it('ends with 2 where a root differs, and leaves nothing', async () => {
    const target = path.join(folder, 'differs');
    const inMemory = await replay(lying, '--json');
    const { code, stdout } = await replay(lying, '--json', '--target-db-dir', target);
    assert.equal(code, 2);
    assert.equal(JSON.parse(stdout).mismatchCount, 1);
    assert.deepEqual(comparable(stdout).rest.mismatches, comparable(inMemory.stdout).rest.mismatches);
    assert.deepEqual(readdirSync(target), []);
  });

  it('removes what a killed run left, once nobody uses it', async () => {
    const target = path.join(folder, 'killed');
    const args = ['--command-adapter-config', stuckAdapter, '--target-db-dir', target];
    const { child, ended } = start('replay-verify', ...args);
    // A pipe opens for writing when somebody opens it for reading: then the database is open.
    const writing = open(pipe, 'w');
    const isReading = await Promise.race([writing.then(() => true), ended.then(() => false)]);
    if (!isReading) await open(pipe, 'r+').then((both) => both.close());
    const handle = await writing;
    try {
      assert.ok(isReading, 'it ended before it read the pipe');
      const other = await replay(archive, '--target-db-dir', target);
      assert.equal(other.code, 1);
      assert.match(other.stderr, /DB_OPEN_FAILED/);
      assert.ok(existsSync(path.join(target, FOLDER, 'db', 'ledger_db')), 'it is in use');
    } finally {
      child.kill('SIGKILL');
      await ended;
      await handle.close();
    }
    assert.ok(existsSync(path.join(target, FOLDER, 'db', 'ledger_db')), 'it was left');
    const { code, stdout, stderr } = await replay(archive, '--target-db-dir', target);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^EQUAL$/m);
    assert.deepEqual(readdirSync(target), []);
  });

  it('relies on nothing that a killed run had committed', async () => {
    const target = path.join(folder, 'committed');
    // Rows up to the end of the ledger, the same as a scratch database has then.
    const left = path.join(target, FOLDER, 'db');
    const restoring = ['restore', 'bootstrap-db', '--local-fs-dir', archive, '--target-db-dir', left];
    assert.equal((await start(...restoring).ended).code, 0);
    const { code, stdout, stderr } = await replay(lying, '--target-db-dir', target);
    assert.equal(code, 2, stderr);
    assert.match(stdout, /^NOT EQUAL: 1 mismatch/m);
    assert.deepEqual(readdirSync(target), []);
  });

  it('does no harm to a database that is in the folder', async () => {
    const target = path.join(folder, 'database');
    const restoring = ['restore', 'bootstrap-db', '--local-fs-dir', archive, '--target-db-dir', target];
    const restored = await start(...restoring).ended;
    assert.equal(restored.code, 0, restored.stderr);
    const untouched = contentOf(target);
    assert.ok(untouched.some((line) => line.startsWith('ledger_db')));
    assert.equal((await replay(archive, '--target-db-dir', target)).code, 0);
    assert.deepEqual(contentOf(target), untouched);
    assert.equal((await replay(lying, '--target-db-dir', target)).code, 2);
    assert.deepEqual(contentOf(target), untouched);
  });
});
