import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { Command } from 'commander';
import { BackupMetrics } from '../../backup/backup-metrics.js';
import { BackupServer } from '../../service/backup-server.js';
import { MetricsPusher, MetricsServer, metricsPushOptions } from '../../telemetry/metrics-exposure.js';
import { GeneratedBackupReader } from '../../test-support/generated-backup-reader.js';
import { temporaryFolder } from '../../test-support/temporary-folder.js';
import { generateLedger } from '../../testing/ledger-generator.js';
import type { Action } from '../dispatch.js';
import { reportError } from '../report-error.js';
import { addBackupContinuously, parseDuration } from './backup-continuously.js';
import { addBackupOneoff } from './backup-oneoff.js';
import { addBackupQuery } from './backup-query.js';
import { addBackupQueryNodeState } from './backup-query-node-state.js';

const ledger = generateLedger({ seed: 'commands', epochs: 2, transactions: 30, stateItems: 20 });
const TOKEN = 'an-open-secret';

async function serve(test: TestContext, bearerToken?: string): Promise<string> {
  const server = await BackupServer.start({
    reader: new GeneratedBackupReader(ledger),
    port: 0,
    bearerToken,
  });
  test.after(() => server.close(0));
  return server.url;
}

/** Runs one of the backup commands. */
async function run(
  args: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const console = { stdout, stderr, interactive: false, signal };
  let action: Action = async () => 2;
  const dispatch = {
    console,
    run: (wanted: Action): void => {
      action = wanted;
    },
  };
  const program = new Command()
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) });
  const backup = program.command('backup');
  addBackupOneoff(backup, dispatch);
  addBackupContinuously(backup, dispatch);
  addBackupQuery(backup, dispatch);
  addBackupQueryNodeState(backup, dispatch);
  let code: number;
  try {
    await program.parseAsync(['backup', ...args], { from: 'user' });
    code = await action();
  } catch (error) {
    code = reportError(error, console);
  }
  const text = (stream: PassThrough): string => String(stream.read() ?? '');
  return { code, out: text(stdout), err: text(stderr) };
}

describe('backup query node-state', () => {
  it('prints the line of the reference, or JSON', async (test) => {
    const address = ['--backup-service-address', await serve(test)];
    const { code, out } = await run(['query', 'node-state', ...address]);
    assert.deepEqual([code, out], [0, 'epoch: 2, committed_version: 29\n']);
    const { out: json } = await run(['query', 'node-state', ...address, '--json']);
    assert.deepEqual(JSON.parse(json), { bootstrapped: true, epoch: 2, committedVersion: 29 });
  });

  it('fails with exit code 1 where nobody answers', async () => {
    const { code, err } = await run(['query', 'node-state', '--backup-service-address', 'ftp://nowhere']);
    assert.equal(code, 1);
    assert.match(err, /SERVICE_ADDRESS_UNAVAILABLE/);
  });
});

describe('backup oneoff', () => {
  it('takes its options before the type and the storage after it', async (test) => {
    const folder = temporaryFolder(test);
    const token = path.join(temporaryFolder(test), 'token');
    writeFileSync(token, `${TOKEN}\n`);
    const service = ['--backup-service-address', await serve(test, TOKEN), '--bearer-token-file', token];
    const general = [...service, '--max-chunk-size', '4000', '--trust-waypoint', ledger.genesisWaypoint];
    const storage = ['--local-fs-dir', folder];
    const endings = ['epoch-ending', '--start-epoch', '0', '--end-epoch', '2'];
    const first = await run(['oneoff', ...general, ...endings, ...storage]);
    assert.equal(first.code, 0, first.err);
    assert.match(first.out, /^committed: endings of epochs 0 to 1 \(metadata\/epoch_ending_0-1\.meta\)\n/);
    assert.ok(first.out.includes(`proven from trusted waypoints ${ledger.genesisWaypoint}`));
    const again = await run(['oneoff', ...general, ...endings, ...storage]);
    assert.equal(again.code, 0);
    assert.match(again.out, /^already there: endings of epochs 0 to 1 \(metadata\/epoch_ending_0-1\.meta\)/);
    const state = ['state-snapshot', '--state-snapshot-epoch', '1'];
    assert.equal((await run(['oneoff', ...general, ...state, ...storage])).code, 0);
    const some = ['transaction', '--start-version', '5', '--num_transactions', '20', '--json'];
    const json = await run(['oneoff', ...general, ...some, ...storage]);
    const report = JSON.parse(json.out) as { outcome: string; entries: unknown[] };
    assert.equal(report.outcome, 'committed');
    assert.equal(readdirSync(path.join(folder, 'metadata')).length, 3);
    const query = await run(['query', 'backup-storage-state', ...storage]);
    assert.match(query.err, /no backup holds versions 0 to 4/);
  });

  it('says what is wrong and exits with 1, 2 or 3', async (test) => {
    const service = ['--backup-service-address', await serve(test)];
    const storage = ['--local-fs-dir', temporaryFolder(test)];
    const tooMany = ['transaction', '--start-version', '0', '--num_transactions', '31'];
    const beyond = await run(['oneoff', ...service, ...tooMany, ...storage]);
    assert.equal(beyond.code, 1);
    assert.match(beyond.err, /RANGE_NOT_COMMITTED/);
    assert.equal((await run(['oneoff', ...service, ...tooMany])).code, 2);
    const noAdapter = ['--command-adapter-config', '/does/not/exist.yaml'];
    assert.equal((await run(['oneoff', ...service, ...tooMany, ...noAdapter])).code, 3);
  });
});

describe('backup continuously', () => {
  it('has help, refuses intervals of 0, and ends with 0 when it is told to stop', async (test) => {
    const help = await run(['continuously', '--help']);
    assert.match(help.out, /--max-lag <DURATION>/);
    const storage = ['--local-fs-dir', temporaryFolder(test)];
    assert.equal((await run(['continuously', '--transaction-batch-size', '0', ...storage])).code, 2);
    const service = ['--backup-service-address', await serve(test)];
    const stopped = AbortSignal.timeout(300);
    const { code, err } = await run(
      ['continuously', ...service, ...storage, '--metrics-address', '127.0.0.1:0'],
      stopped,
    );
    assert.equal(code, 0, err);
    assert.match(err, /metrics at http:\/\/127\.0\.0\.1:[0-9]+\/metrics\n/);
  });

  it('reads times with their units', () => {
    assert.deepEqual(
      ['500ms', '30s', '5m', '1h', '7'].map(parseDuration),
      [500, 30_000, 300_000, 3_600_000, 7000],
    );
    for (const text of ['', 's', '-1s', '1d', '1.5s']) assert.throws(() => parseDuration(text), text);
  });
});

describe('metrics of backups', () => {
  it('are shown and pushed under the names of the reference', async (test) => {
    const metrics = new BackupMetrics();
    metrics.heartbeat(1234.5);
    metrics.reached('transaction', 99n);
    metrics.received('transactions', 10);
    const server = await MetricsServer.start(metrics.registry, '127.0.0.1', 0);
    test.after(() => server.close());
    const answer = await fetch(`http://127.0.0.1:${server.port}/metrics`);
    const text = await answer.text();
    assert.match(text, /^aptos_db_backup_coordinator_heartbeat_timestamp_s 1234$/m);
    assert.match(text, /^aptos_db_backup_coordinator_transaction_version 99$/m);
    assert.match(text, /^aptos_db_backup_coordinator_state_snapshot_epoch 0$/m);
    assert.match(text, /^aptos_db_backup_received_bytes\{endpoint="transactions"\} 10$/m);
    const failures: unknown[] = [];
    const endpoint = `http://127.0.0.1:${server.port}/elsewhere`;
    const pusher = new MetricsPusher(metrics.registry, {
      endpoint,
      onFailure: (error) => failures.push(error),
    });
    await pusher.close();
    assert.equal(failures.length, 1, 'a refused push is told');
  });

  it('are pushed as the environment says', () => {
    assert.equal(metricsPushOptions({}), undefined);
    const endpoint = 'http://collector/';
    const options = metricsPushOptions({ PUSH_METRICS_ENDPOINT: endpoint, PUSH_METRICS_FREQUENCY_SECS: '3' });
    assert.deepEqual(options, { endpoint, everySeconds: 3, apiToken: undefined });
    const malformed = { PUSH_METRICS_ENDPOINT: endpoint, PUSH_METRICS_FREQUENCY_SECS: 'often' };
    assert.equal(metricsPushOptions(malformed), undefined);
  });

  it('cannot be shown at an address that is taken', async (test) => {
    const { registry } = new BackupMetrics();
    const server = await MetricsServer.start(registry, '127.0.0.1', 0);
    test.after(() => server.close());
    await assert.rejects(MetricsServer.start(registry, '127.0.0.1', server.port), {
      code: 'METRICS_ADDRESS_UNAVAILABLE',
    });
  });
});
