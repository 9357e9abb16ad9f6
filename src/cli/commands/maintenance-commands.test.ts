import assert from 'node:assert/strict';
import { mkdirSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { Command } from 'commander';
import { temporaryFolder } from '../../test-support/temporary-folder.js';
import { generateLedger, writeReferenceArchive } from '../../testing/index.js';
import { reportError } from '../report-error.js';
import type { Action, Dispatch } from '../dispatch.js';
import { addAdopt } from './adopt.js';
import { addBackupMaintenanceCleanup, parseDuration } from './backup-maintenance-cleanup.js';

/** Runs one of the commands in this process. */
async function run(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const console = { stdout, stderr, interactive: false, signal: new AbortController().signal };
  const actions: Action[] = [];
  const dispatch: Dispatch = { console, run: (action) => actions.push(action) };
  const output = {
    writeOut: (text: string) => stdout.write(text),
    writeErr: (text: string) => stderr.write(text),
  };
  const program = new Command('holdfast').exitOverride().configureOutput(output);
  addAdopt(program, dispatch);
  addBackupMaintenanceCleanup(program.command('backup-maintenance'), dispatch);
  let exitCode: number;
  try {
    await program.parseAsync(args, { from: 'user' });
    exitCode = (await actions[0]?.()) ?? 0;
  } catch (error) {
    exitCode = reportError(error, console);
  }
  return { exitCode, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

async function generated(context: TestContext) {
  const folder = temporaryFolder(context);
  const ledger = generateLedger({ seed: 'commands', epochs: 2, transactions: 20, stateItems: 10 });
  return { folder, ...(await writeReferenceArchive(ledger, folder)) };
}

test('adopt proves the archive, says how much it adopted, and nothing is left to do', async (context) => {
  const { folder, genesisWaypoint } = await generated(context);
  const args = ['adopt', '--local-fs-dir', folder, '--trust-waypoint', genesisWaypoint];
  const first = await run(...args);
  assert.equal(first.exitCode, 0, first.stderr);
  assert.match(first.stdout, /^PROVEN$/m);
  assert.match(
    first.stdout,
    /^adopted: [1-9][0-9]* backups with [1-9][0-9]* files; 0 had a side file before$/m,
  );
  const second = await run(...args, '--json');
  assert.equal(JSON.parse(second.stdout).adopted, 0);
  assert.equal(JSON.parse(second.stdout).verification.checked.unattestedFiles, 0);
});

test('adopt has exit code 1 and says so when the archive is not proven', async (context) => {
  const { folder } = await generated(context);
  const other = `0:${'5'.repeat(64)}`;
  const { exitCode, stdout } = await run('adopt', '--local-fs-dir', folder, '--trust-waypoint', other);
  assert.equal(exitCode, 1);
  assert.match(stdout, /nothing was adopted/);
});

test('cleanup lists what it would remove, and removes it with --apply', async (context) => {
  const { folder } = await generated(context);
  const left = path.join(folder, 'transaction_500-.0a1b');
  mkdirSync(left);
  utimesSync(left, new Date('2020-01-01'), new Date('2020-01-01'));
  const cleanup = ['backup-maintenance', 'cleanup', '--local-fs-dir', folder];
  const listed = await run(...cleanup);
  assert.equal(listed.exitCode, 0, listed.stderr);
  assert.match(listed.stdout, /^would-remove transaction_500-\.0a1b \(uncommitted-backup, 0 bytes\)$/m);
  assert.match(listed.stdout, /--apply/);
  const json = JSON.parse((await run(...cleanup, '--apply', '--json')).stdout);
  assert.deepEqual([json.applied, json.items[0].action], [true, 'removed']);
  assert.equal((await run(...cleanup)).stdout, 'nothing to clean up\n');
});

test('both say why they do not work through a command adapter, and want a folder that is there', async () => {
  for (const command of [['adopt'], ['backup-maintenance', 'cleanup']]) {
    const adapter = await run(...command, '--command-adapter-config', 'adapter.yaml');
    assert.equal(adapter.exitCode, 2);
    assert.match(adapter.stderr, /does not work through a command adapter/);
    assert.equal((await run(...command)).exitCode, 2);
    const missing = await run(...command, '--local-fs-dir', '/no/such/archive');
    assert.equal(missing.exitCode, 3);
    assert.match(missing.stderr, /STORAGE_UNREACHABLE/);
  }
});

test('durations need a unit', () => {
  assert.deepEqual(
    ['90s', '30m', '24h', '7d'].map(parseDuration),
    [90_000, 1_800_000, 86_400_000, 604_800_000],
  );
  for (const bad of ['', '24', 'h', '-1h', '1.5h', '1w', '24 h']) assert.throws(() => parseDuration(bad));
});
