import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { RestoreMetrics } from '../restore/restore-metrics.js';
import { memoryFolder } from '../test-support/memory-folder.js';
import { generateLedger, type WrittenArchive, writeReferenceArchive } from '../testing/index.js';
import type { VerifyMetrics } from '../verify/verify-metrics.js';
import { withMetrics } from './metrics-option.js';

const PROGRAM = fileURLToPath(new URL('main.js', import.meta.url));

/** The names of the reference (spec: cli.md, section 10), all of them gauges without labels. */
const OF_RUNS = [
  'coordinator_start_timestamp_s',
  'coordinator_succeed_timestamp_s',
  'coordinator_fail_timestamp_s',
  'epoch_ending_epoch',
  'epoch_ending_version',
  'state_snapshot_version',
  'state_snapshot_target_leaf_index',
  'state_snapshot_leaf_index',
];
const OF_VERIFICATIONS = [...OF_RUNS, 'transaction_version'].map((name) => `aptos_db_backup_verify_${name}`);
const OF_RESTORES = [
  ...OF_RUNS,
  'coordinator_target_version',
  'transaction_save_version',
  'transaction_replay_version',
].map((name) => `aptos_db_restore_${name}`);

const isTimestamp = (name: string): boolean => name.endsWith('_timestamp_s');

/** The values by their names, of gauges that say what they are. */
function gaugesIn(exposition: string): Map<string, number> {
  const gauges = new Map<string, number>();
  for (const [, name = '', value] of exposition.matchAll(/^([a-z_]+) ([0-9.e+-]+)$/gm)) {
    assert.match(exposition, new RegExp(`^# TYPE ${name} gauge$`, 'm'));
    gauges.set(name, Number(value));
  }
  return gauges;
}

/** Without the beginnings of names and without times, of which it only checks that they are from now. */
function shortly(gauges: ReadonlyMap<string, number>, prefix: string): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [name, value] of gauges) {
    if (!name.startsWith(prefix)) continue;
    const isNow = Math.abs(Date.now() / 1000 - value) < 600;
    if (isTimestamp(name)) assert.ok(value === 0 || isNow, `${name} ${value}`);
    values[name.slice(prefix.length)] = isTimestamp(name) && isNow ? 1 : value;
  }
  return values;
}

interface Pushed {
  readonly exitCode: number | undefined;
  readonly stderr: string;
  readonly gauges: Map<string, number>;
}

/** Runs the real program, which pushes to a real server; gives what came last. */
async function pushedBy(test: TestContext, args: readonly string[]): Promise<Pushed> {
  const bodies: Promise<string>[] = [];
  const server = createServer((request, response) => {
    assert.equal(request.method, 'POST');
    bodies.push(text(request));
    request.once('end', () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const env = { PUSH_METRICS_ENDPOINT: `http://127.0.0.1:${port}/`, PUSH_METRICS_FREQUENCY_SECS: '3600' };
  const { exitCode, stderr } = await execa(process.execPath, [PROGRAM, ...args], { env, reject: false });
  assert.equal(bodies.length, 1, 'one push, at the end');
  return { exitCode, stderr, gauges: gaugesIn((await bodies[0]) ?? '') };
}

describe('metrics of verifications and restores', () => {
  const folder = memoryFolder({ after });
  const archive = path.join(folder, 'archive');
  const source = ['--local-fs-dir', archive, '--threads', '1'];
  const ledger = generateLedger({ seed: 'metrics', epochs: 4, transactions: 120, stateItems: 60 });
  let written: WrittenArchive | undefined;
  const lastOf = (epoch: number): number => Number(ledger.epochs[epoch]?.lastVersion);
  before(async () => {
    mkdirSync(archive);
    written = await writeReferenceArchive(ledger, archive, { maxChunkSize: 20_000, snapshotEpochs: [0, 1] });
  });

  it('a verification shows what it has proven, and that it ended well', async (test) => {
    const { exitCode, gauges, stderr } = await pushedBy(test, ['backup', 'verify', ...source]);
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual([...gauges.keys()].sort(), [...OF_VERIFICATIONS].sort());
    const items = ledger.epochs[1]?.snapshot?.itemCount ?? 0;
    assert.deepEqual(shortly(gauges, 'aptos_db_backup_verify_'), {
      coordinator_start_timestamp_s: 1,
      coordinator_succeed_timestamp_s: 1,
      coordinator_fail_timestamp_s: 0,
      epoch_ending_epoch: 3,
      epoch_ending_version: lastOf(3),
      state_snapshot_version: lastOf(1),
      state_snapshot_target_leaf_index: items - 1,
      state_snapshot_leaf_index: items - 1,
      transaction_version: 119,
    });
  });

  it('a verification with findings has failed', async (test) => {
    const chunk = written?.files.findLast(({ kind }) => kind === 'transaction-chunk')?.handle ?? '';
    const file = path.join(archive, chunk);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, -1));
    try {
      const { exitCode, gauges } = await pushedBy(test, ['backup', 'verify', ...source]);
      assert.equal(exitCode, 1);
      const values = shortly(gauges, 'aptos_db_backup_verify_');
      assert.equal(values['coordinator_succeed_timestamp_s'], 0);
      assert.equal(values['coordinator_fail_timestamp_s'], 1);
      const version = Number(values['transaction_version']);
      assert.ok(version > 0 && version < 119, `${version}`);
    } finally {
      writeFileSync(file, bytes);
    }
  });

  it('a restore shows what it has written: rows alone, and rows with state', async (test) => {
    const target = ['--target-db-dir', path.join(folder, 'db'), '--target-version', '110'];
    const args = ['restore', 'bootstrap-db', ...source, ...target];
    const { exitCode, gauges, stderr } = await pushedBy(test, args);
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual([...gauges.keys()].sort(), [...OF_RESTORES, ...OF_VERIFICATIONS].sort());
    const items = ledger.epochs[1]?.snapshot?.itemCount ?? 0;
    const endings = ledger.epochs.filter(({ ended, lastVersion }) => ended && lastVersion <= 110n);
    assert.deepEqual(shortly(gauges, 'aptos_db_restore_'), {
      coordinator_start_timestamp_s: 1,
      coordinator_succeed_timestamp_s: 1,
      coordinator_fail_timestamp_s: 0,
      coordinator_target_version: 110,
      epoch_ending_epoch: endings.length - 1,
      epoch_ending_version: Number(endings.at(-1)?.lastVersion),
      state_snapshot_version: lastOf(1),
      state_snapshot_target_leaf_index: items - 1,
      state_snapshot_leaf_index: items - 1,
      transaction_save_version: lastOf(1),
      transaction_replay_version: 110,
    });
    const verified = Object.values(shortly(gauges, 'aptos_db_backup_verify_'));
    assert.ok(verified.every((value) => value === 0));
  });

  it('a restore that is refused has failed', async (test) => {
    const args = ['restore', 'bootstrap-db', ...source, '--target-db-dir', folder];
    const { exitCode, gauges } = await pushedBy(test, args);
    assert.equal(exitCode, 1);
    const values = shortly(gauges, 'aptos_db_restore_');
    assert.equal(values['coordinator_fail_timestamp_s'], 1);
    assert.equal(values['coordinator_succeed_timestamp_s'], 0);
  });

  it('a dry run shows what it has proven as a verification does', async (test) => {
    const { exitCode, gauges, stderr } = await pushedBy(test, [
      'restore',
      'bootstrap-db',
      ...source,
      '--dry-run',
    ]);
    assert.equal(exitCode, 0, stderr);
    const verified = shortly(gauges, 'aptos_db_backup_verify_');
    assert.equal(verified['epoch_ending_epoch'], 3);
    assert.equal(verified['state_snapshot_version'], lastOf(1));
    assert.equal(verified['transaction_version'], 119);
    const restored = shortly(gauges, 'aptos_db_restore_');
    assert.equal(restored['coordinator_target_version'], 119);
    assert.equal(restored['transaction_save_version'], 0);
  });

  it('a one-off restore shows what it has written', async (test) => {
    const [manifest = ''] = (written?.files ?? []).flatMap(({ kind, handle }) =>
      kind === 'epoch-ending-manifest' ? [handle] : [],
    );
    const target = ['--target-db-dir', path.join(folder, 'oneoff'), '--epoch-ending-manifest', manifest];
    const args = ['restore', 'oneoff', 'epoch-ending', ...source, ...target];
    const { exitCode, gauges, stderr } = await pushedBy(test, args);
    assert.equal(exitCode, 0, stderr);
    assert.ok((shortly(gauges, 'aptos_db_restore_')['epoch_ending_version'] ?? 0) > 0);
  });

  it('are shown at an address while the work goes on, and not afterwards', async () => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const console = { stdout, stderr, interactive: false, signal: new AbortController().signal };
    const flags = { metricsAddress: { host: '127.0.0.1', port: 0 } };
    let url = '';
    const make = async (): Promise<RestoreMetrics> => new RestoreMetrics();
    await withMetrics(flags, console, make, async (metrics) => {
      [, url = ''] = /^metrics at (http:\S+)\n$/.exec(String(stderr.read())) ?? [];
      const scrape = async (): Promise<Map<string, number>> => gaugesIn(await (await fetch(url)).text());
      metrics?.transactions({ first: 0n, last: 9n }, 5n);
      metrics?.stateItems(7n, 0, 0);
      const first = await scrape();
      assert.equal(first.get('aptos_db_restore_transaction_save_version'), 4);
      assert.equal(first.get('aptos_db_restore_transaction_replay_version'), 9);
      assert.equal(first.get('aptos_db_restore_state_snapshot_version'), 7);
      assert.equal(first.get('aptos_db_restore_state_snapshot_target_leaf_index'), 0);
      metrics?.verified.transactions(12n);
      assert.equal((await scrape()).get('aptos_db_backup_verify_transaction_version'), 12);
    });
    await assert.rejects(fetch(url));
  });

  it('are not made where nobody looks', async () => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const console = { stdout, stderr, interactive: false, signal: new AbortController().signal };
    const make = async (): Promise<VerifyMetrics> => assert.fail('made');
    assert.equal(await withMetrics({}, console, make, async (metrics) => metrics === undefined), true);
    assert.equal(stderr.read(), null);
  });
});
