import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { checkDatabase } from '../../aptosdb/check/check-database.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import { generateLedger, type WrittenArchive, writeReferenceArchive } from '../../testing/index.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { runCommandLine } from '../run.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);

interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function holdfast(args: readonly string[], signal = new AbortController().signal): Promise<Ran> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const texts = Promise.all([text(stdout), text(stderr)]);
  const exitCode = await runCommandLine(args, { stdout, stderr, interactive: false, signal });
  stdout.end();
  stderr.end();
  const [out, err] = await texts;
  return { exitCode, stdout: out, stderr: err };
}

async function failedConditions(directory: string): Promise<string[]> {
  const { results } = await checkDatabase(directory, { hashers });
  return results.filter(({ status }) => status !== 'passed').map(({ name, detail }) => `${name}: ${detail}`);
}

/** As a run leaves it that is cut off before its last renames, one of which is done. */
function withdrawPlace(directory: string): void {
  const own = path.join(directory, '.holdfast-restore');
  mkdirSync(path.join(own, 'db'));
  for (const name of ['state_kv_db', 'state_merkle_db']) {
    renameSync(path.join(directory, name), path.join(own, 'db', name));
  }
  const receipt = JSON.parse(readFileSync(path.join(own, 'done.json'), 'utf8'));
  const journal = { phase: 'publishing', identity: receipt.identity, receipt };
  writeFileSync(path.join(own, 'journal.json'), JSON.stringify(journal));
  rmSync(path.join(own, 'done.json'));
}

describe('the restore commands', () => {
  const folder = memoryFolder({ after });
  const archive = path.join(folder, 'archive');
  let written: WrittenArchive | undefined;
  const handlesOf = (kind: string): string[] =>
    (written?.files ?? []).filter((file) => file.kind === kind).map(({ handle }) => handle);
  const source = ['--local-fs-dir', archive, '--threads', '1'];
  const ledger = generateLedger({ seed: 'commands', epochs: 3, transactions: 200, stateItems: 100 });
  before(async () => {
    mkdirSync(archive);
    written = await writeReferenceArchive(ledger, archive, { maxChunkSize: 30_000 });
  });

  it('bootstrap-db prints its plan first, restores a fit database, and is done the second time', async () => {
    const directory = path.join(folder, 'bootstrapped');
    const waypoint = written?.genesisWaypoint ?? '';
    const args = ['restore', 'bootstrap-db', ...source, '--trust-waypoint', waypoint];
    const first = await holdfast([...args, '--target-db-dir', directory, '--block-cache-size', '1000']);
    assert.equal(first.exitCode, 0, first.stderr);
    assert.match(
      first.stdout,
      /^plan: a ledger of versions 0 to 199[\s\S]*^restored: versions 0 to 199, epoch /m,
    );
    assert.match(first.stdout, /trust root: trusted waypoints 0:/);
    assert.deepEqual(await failedConditions(directory), []);
    const again = await holdfast([...args, '--target-db-dir', directory, '--json']);
    assert.equal(again.exitCode, 0);
    const report = JSON.parse(again.stdout);
    assert.equal(report.outcome, 'already-restored');
    assert.equal(report.version, 199);
    assert.match(again.stderr, /^plan: /m);
  });

  it('bootstrap-db needs a target or --dry-run, not both, and a dry run writes nothing', async () => {
    const neither = await holdfast(['restore', 'bootstrap-db', ...source]);
    assert.equal(neither.exitCode, 2);
    const directory = path.join(folder, 'never');
    const both = await holdfast([
      'restore',
      'bootstrap-db',
      ...source,
      '--dry-run',
      '--target-db-dir',
      directory,
    ]);
    assert.equal(both.exitCode, 2);
    const dry = await holdfast(['restore', 'bootstrap-db', ...source, '--dry-run']);
    assert.equal(dry.exitCode, 0, dry.stderr);
    assert.match(dry.stdout, /^proven, and nothing written: versions 0 to 199/m);
    assert.equal(existsSync(directory), false);
  });

  it('bootstrap-db stops at damage with the finding, says how far it is, and goes on afterwards', async () => {
    const directory = path.join(folder, 'stopped');
    const [damaged = ''] = handlesOf('transaction-chunk').slice(-1);
    const file = path.join(archive, damaged);
    const bytes = readFileSync(file);
    const altered = Uint8Array.from(bytes);
    altered[altered.length - 40] = (altered[altered.length - 40] ?? 0) ^ 1;
    writeFileSync(file, altered);
    const args = ['restore', 'bootstrap-db', ...source, '--target-db-dir', directory];
    const stopped = await holdfast([...args, '--ledger-history-start-version', '0']);
    writeFileSync(file, bytes);
    assert.equal(stopped.exitCode, 1);
    assert.match(stopped.stderr, /^safe and proven so far: .*transactions up to version [0-9]+/m);
    assert.match(stopped.stderr, /RESTORE_FINDING/);
    assert.ok(stopped.stderr.includes(`in ${damaged}, record `), stopped.stderr);
    assert.equal(existsSync(path.join(directory, 'ledger_db')), false);
    const gone = await holdfast([...args, '--ledger-history-start-version', '0']);
    assert.equal(gone.exitCode, 0, gone.stderr);
    assert.match(gone.stdout, /gone on with an interrupted run/);
    assert.deepEqual(await failedConditions(directory), []);
  });

  it('bootstrap-db names the flags that go round a damaged snapshot, and they do', async () => {
    const [damaged = ''] = handlesOf('state-chunk').slice(-1);
    const file = path.join(archive, damaged);
    const bytes = readFileSync(file);
    const altered = Uint8Array.from(bytes);
    altered[altered.length - 40] = (altered[altered.length - 40] ?? 0) ^ 1;
    writeFileSync(file, altered);
    const run = (name: string, flags: readonly string[] = []) =>
      holdfast(['restore', 'bootstrap-db', ...source, '--target-db-dir', path.join(folder, name), ...flags]);
    const stopped = await run('at-snapshot');
    assert.equal(stopped.exitCode, 1);
    const [line = ''] = stopped.stderr.split('\n').filter((each) => each.includes('go round this snapshot'));
    const ways = [...line.matchAll(/`([^`]*)`/g)].map(([, flags = '']) => flags.split(' '));
    assert.equal(ways.length, 2, stopped.stderr);
    for (const [index, flags] of ways.entries()) {
      const { exitCode, stderr } = await run(`round-${index}`, flags);
      assert.equal(exitCode, 0, stderr);
    }
    writeFileSync(file, bytes);
  });

  it('bootstrap-db gives a whole database its place without the archive, once asked for the same', async () => {
    const directory = path.join(folder, 'all-but-its-place');
    const target = ['--target-db-dir', directory];
    const first = await holdfast(['restore', 'bootstrap-db', ...source, ...target, '--json']);
    assert.equal(first.exitCode, 0, first.stderr);
    const expected = JSON.parse(first.stdout);
    withdrawPlace(directory);
    const gone = ['--local-fs-dir', path.join(folder, 'no-archive'), '--threads', '1'];
    const command = ['restore', 'bootstrap-db', ...gone, ...target];
    const other = await holdfast([...command, '--target-version', '100']);
    assert.equal(other.exitCode, 1);
    assert.match(other.stderr, /RESTORE_TARGET_OTHER_RESTORE/);
    const { exitCode, stdout, stderr } = await holdfast([...command, '--json']);
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /^target: everything is restored there; only its place is left to be given$/m);
    const { outcome, version, stateRoot, resumed, read } = JSON.parse(stdout);
    assert.deepEqual([outcome, version, stateRoot], ['restored', expected.version, expected.stateRoot]);
    assert.deepEqual([resumed, read.files], [true, 0]);
    assert.deepEqual(await failedConditions(directory), []);
    withdrawPlace(directory);
    const inWords = await holdfast(command);
    assert.match(inWords.stdout, /^restored: versions 0 to 199, epoch .*gone on with an interrupted run$/ms);
  });

  it('an interrupted run has exit code 130', async () => {
    const interruption = new AbortController();
    interruption.abort(new Error('stopped'));
    const directory = path.join(folder, 'interrupted');
    const args = ['restore', 'bootstrap-db', ...source, '--target-db-dir', directory];
    assert.equal((await holdfast(args, interruption.signal)).exitCode, 130);
  });

  it('oneoff commands together make a database, in place, each proven against the endings', async () => {
    const directory = path.join(folder, 'one-by-one');
    const target = [...source, '--target-db-dir', directory];
    const [epochEnding = ''] = handlesOf('epoch-ending-manifest');
    const [state = ''] = handlesOf('state-manifest').slice(-1);
    const [transactions = ''] = handlesOf('transaction-manifest');
    const version = ledger.epochs.filter(({ ended }) => ended).at(-1)?.lastVersion ?? 0n;
    const runs = [
      ['epoch-ending', '--epoch-ending-manifest', epochEnding, ...target],
      [
        'state-snapshot',
        ...['--state-manifest', state, '--state-into-version', `${version}`, '--restore-mode', 'default'],
        ...target,
      ],
      [
        'transaction',
        ...['--transaction-manifest', transactions, '--replay-transactions-from-version', `${version + 1n}`],
        ...['--kv-only-replay', 'false'],
        ...target,
      ],
    ];
    for (const args of runs) {
      const { exitCode, stdout, stderr } = await holdfast(['restore', 'oneoff', ...args]);
      assert.equal(exitCode, 0, stderr);
      assert.match(stdout, /^restored: /m);
      assert.match(stdout, /signatures checked against the archive's epoch endings/);
    }
    assert.deepEqual(await failedConditions(directory), []);
  });

  it('oneoff says that signatures were not checked where the archive has no endings', async (t) => {
    const bare = memoryFolder(t);
    const { files } = await writeReferenceArchive(ledger, bare, { maxChunkSize: 30_000 });
    for (const { handle, kind } of files) {
      if (kind === 'metadata' && handle.includes('epoch_ending')) writeFileSync(path.join(bare, handle), '');
    }
    const manifest = files.find(({ kind }) => kind === 'transaction-manifest')?.handle ?? '';
    const args = ['--local-fs-dir', bare, '--threads', '1', '--dry-run', '--json'];
    const { exitCode, stdout } = await holdfast([
      'restore',
      'oneoff',
      'transaction',
      '--transaction-manifest',
      manifest,
      ...args,
    ]);
    assert.equal(exitCode, 0);
    const report = JSON.parse(stdout);
    assert.equal(report.signaturesChecked, false);
    assert.match(report.signatures, /not checked: the archive has no epoch endings/);
  });

  it('oneoff refuses half of a replay, unknown modes, and a missing manifest by name', async () => {
    const dry = [...source, '--dry-run'];
    const half = ['--transaction-manifest', 'x', '--replay-transactions-from-version', '5'];
    assert.equal((await holdfast(['restore', 'oneoff', 'transaction', ...half, ...dry])).exitCode, 2);
    const mode = ['--state-manifest', 'x', '--state-into-version', '5', '--restore-mode', 'fast'];
    const refused = await holdfast(['restore', 'oneoff', 'state-snapshot', ...mode, ...dry]);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /Invalid state snapshot restore mode: fast/);
    const missing = await holdfast([
      'restore',
      'oneoff',
      'transaction',
      '--transaction-manifest',
      'transaction_0-.0000/transaction.manifest',
      ...dry,
    ]);
    assert.equal(missing.exitCode, 1);
    assert.match(missing.stderr, /FILE_MISSING/);
  });
});
