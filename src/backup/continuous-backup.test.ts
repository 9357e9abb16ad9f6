import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BackupReader } from '../aptosdb/backup-reader.js';
import { archiveFiles, backupInto, lyingReader, serve } from '../test-support/backup-into.js';
import { GeneratedBackupReader } from '../test-support/generated-backup-reader.js';
import { seededRandom } from '../test-support/seeded-random.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { verifyFolder } from '../test-support/verify-folder.js';
import { generateLedger } from '../testing/ledger-generator.js';
import { ContinuousBackup, type ContinuousBackupOptions, type ContinuousEvent } from './continuous-backup.js';
import { skippedSnapshotEpochs } from './skipped-epochs.js';

const options = { epochs: 5, transactions: 200, stateItems: 100 };
const ledger = generateLedger({ seed: 'growing', ...options });
const honest = new GeneratedBackupReader(ledger);
const KILLS = process.env['HOLDFAST_CAMPAIGN'] === 'full' ? 50 : 5;
const PROCESS = fileURLToPath(new URL('../test-support/backup-process.js', import.meta.url));
const RULES: ContinuousBackupOptions = {
  stateSnapshotIntervalEpochs: 1n,
  transactionBatchSize: 25n,
  pollMs: 5,
  firstPauseMs: 1,
  pauseMsMax: 20,
};

/** A node that has committed versions up to some point, which moves. */
class GrowingNode {
  version = 0n;
  isUp = true;

  get reader(): BackupReader {
    return lyingReader(honest, {
      dbState: async () => {
        if (!this.isUp) throw new Error('the node is away');
        return { epoch: this.epoch, committed_version: this.version };
      },
      epochEndingLedgerInfos: (start, end) => {
        return honest.epochEndingLedgerInfos(start, smaller(this.epoch, end));
      },
    });
  }

  get epoch(): bigint {
    return ledger.epochOf(Number(this.version)).epoch;
  }

  grow(versions: bigint): void {
    this.version = smaller(this.version + versions, ledger.lastVersion);
  }
}

function smaller(left: bigint, right: bigint): bigint {
  if (left < right) return left;
  return right;
}

/** Runs until the condition holds, then stops; gives all events. */
async function runUntil(
  test: TestContext,
  folder: string,
  reader: BackupReader,
  rules: Partial<ContinuousBackupOptions>,
  isDone: (events: readonly ContinuousEvent[]) => boolean,
): Promise<ContinuousEvent[]> {
  const { client } = await serve(test, reader, { attemptsMax: 1 });
  const { context, storage } = await backupInto(folder, client, { chunkBytesMax: 6000 });
  const events: ContinuousEvent[] = [];
  const stop = new AbortController();
  const onEvent = (event: ContinuousEvent): void => {
    events.push(event);
    if (isDone(events)) stop.abort(new Error('enough'));
  };
  try {
    await new ContinuousBackup(context, { ...RULES, ...rules, onEvent }).run(stop.signal);
  } finally {
    await storage.close();
  }
  return events;
}

function lastVersionIn(events: readonly ContinuousEvent[]): bigint {
  return events.reduce((last, event) => {
    const [entry] = event.kind === 'committed' ? event.report.entries : [];
    return entry?.kind === 'TransactionBackup' && entry.lastVersion > last ? entry.lastVersion : last;
  }, -1n);
}

const HARMLESS: readonly string[] = ['UNLISTED_BACKUP', 'ARCHIVE_EMPTY'];

describe('continuous backups', () => {
  it('follow a growing ledger; a verifier beside never sees a fault', async (test) => {
    const folder = temporaryFolder(test);
    const node = new GrowingNode();
    let isRunning = true;
    let verifications = 0;
    const verifier = (async () => {
      while (isRunning) {
        const report = await verifyFolder(folder, ledger.genesisWaypoint);
        const faults = report.findings.filter(({ code }) => !HARMLESS.includes(code));
        assert.deepEqual(faults, [], `verification ${verifications}`);
        verifications++;
      }
    })();
    const lastBatchEnd = (ledger.lastVersion / 25n) * 25n;
    const running = runUntil(test, folder, node.reader, {}, (events) => {
      node.grow(7n);
      return (
        lastVersionIn(events) === lastBatchEnd &&
        events.some((event) => event.kind === 'committed' && snapshotEpoch(event) === 4n)
      );
    });
    const growth = setInterval(() => node.grow(5n), 10);
    await running.finally(() => clearInterval(growth));
    isRunning = false;
    await verifier;
    const events = await running;
    assert.ok(!events.some(({ kind }) => kind === 'failed'));
    const report = await verifyFolder(folder, ledger.genesisWaypoint, { mustReach: lastBatchEnd });
    assert.deepEqual(report.findings, []);
    assert.equal(report.checked.unattestedFiles, 0);
    assert.equal(report.proven.lastEpoch, 4n);
    const names = readdirSync(path.join(folder, 'metadata'));
    assert.ok(names.includes('identity.meta') && names.includes('transaction_0-0.meta'));
    assert.ok(names.includes('transaction_1-25.meta') && names.includes('epoch_ending_0-0.meta'));
    test.diagnostic(`${verifications} verifications beside`);
  });

  it('close a short batch when versions have waited for too long, and go on from there', async (test) => {
    const folder = temporaryFolder(test);
    const node = new GrowingNode();
    node.version = 30n;
    const events = await runUntil(test, folder, node.reader, { maxLagMs: 20 }, (all) => {
      if (lastVersionIn(all) === 30n) node.version = 60n;
      return lastVersionIn(all) === 60n;
    });
    const ranges = events.flatMap((event) => {
      const [entry] = event.kind === 'committed' ? event.report.entries : [];
      return entry?.kind === 'TransactionBackup' ? [`${entry.firstVersion}-${entry.lastVersion}`] : [];
    });
    assert.deepEqual(ranges, ['0-0', '1-25', '26-30', '31-50', '51-60']);
    const report = await verifyFolder(folder, ledger.genesisWaypoint);
    assert.deepEqual(report.findings, []);
  });

  it('note the snapshots that they skip', async (test) => {
    const folder = temporaryFolder(test);
    const node = new GrowingNode();
    node.version = (ledger.epochs[0]?.lastVersion ?? 0n) + 1n;
    await runUntil(test, folder, node.reader, {}, (all) => all.some((event) => snapshotEpoch(event) === 0n));
    node.version = ledger.lastVersion;
    const events = await runUntil(test, folder, node.reader, {}, (all) =>
      all.some(({ kind }) => kind === 'skipped-state-snapshots'),
    );
    const skipped = events.find((event) => event.kind === 'skipped-state-snapshots');
    assert.deepEqual(skipped?.epochs, [1n, 2n, 3n]);
    const { client } = await serve(test, node.reader);
    const { context, storage } = await backupInto(folder, client);
    await storage.close();
    assert.deepEqual(skippedSnapshotEpochs(context.committed.view), [1n, 2n, 3n]);
  });

  it('go on when a node comes back and when a backup failed', async (test) => {
    const folder = temporaryFolder(test);
    const node = new GrowingNode();
    node.version = 60n;
    node.isUp = false;
    let failures = 3;
    const flaky = lyingReader(node.reader, {
      transactions: (first, count) => {
        if (first > 0n && failures-- > 0) throw new Error('no');
        return honest.transactions(first, count);
      },
    });
    const events = await runUntil(test, folder, flaky, {}, (all) => {
      if (all.at(-1)?.kind === 'node-unreachable') node.isUp = true;
      return lastVersionIn(all) === 50n;
    });
    assert.ok(events.some(({ kind }) => kind === 'node-unreachable'));
    assert.ok(events.some((event) => event.kind === 'failed' && event.backup === 'transaction'));
    const report = await verifyFolder(folder, ledger.genesisWaypoint, { mustReach: 50n });
    assert.deepEqual(report.findings, []);
  });

  it('stop when the node serves another chain than the archive holds', async (test) => {
    const folder = temporaryFolder(test);
    const node = new GrowingNode();
    node.version = 30n;
    await runUntil(test, folder, node.reader, {}, (all) => lastVersionIn(all) === 25n);
    const before = archiveFiles(folder);
    const foreign = new GeneratedBackupReader(generateLedger({ seed: 'another', ...options }));
    await assert.rejects(
      runUntil(test, folder, foreign, {}, () => false),
      { code: 'OTHER_CHAIN' },
    );
    assert.deepEqual(archiveFiles(folder), before);
  });
});

function snapshotEpoch(event: ContinuousEvent): bigint | undefined {
  const [entry] = event.kind === 'committed' ? event.report.entries : [];
  return entry?.kind === 'StateSnapshotBackup' ? entry.epoch : undefined;
}

function start(test: TestContext, folder: string, url: string): ChildProcess {
  const rules = ['--transaction-batch-size', '20', '--max-lag', '100ms', '--max-chunk-size', '6000'];
  const where = ['--backup-service-address', url, '--local-fs-dir', folder];
  const child = spawn(process.execPath, [PROCESS, 'backup', 'continuously', ...rules, ...where], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  test.after(() => child.kill('SIGKILL'));
  return child;
}

/** Resolves once the output says it; what comes later is read and dropped. */
async function says({ stdout }: ChildProcess, wanted: string): Promise<void> {
  assert.ok(stdout, 'its output is a pipe');
  let output = '';
  for await (const piece of stdout.iterator({ destroyOnReturn: false })) {
    output += String(piece);
    if (!output.includes(wanted)) continue;
    stdout.resume();
    return;
  }
  assert.fail(`the process ended without saying ${wanted}`);
}

describe('a process that follows a node', () => {
  it('completes the archive after each kill, no range twice and none missing', async (test) => {
    const folder = temporaryFolder(test);
    const node = new GrowingNode();
    const { url } = await serve(test, node.reader);
    const random = seededRandom(4);
    // Something is left for the last one, which therefore has something to say.
    const step = ledger.lastVersion / BigInt(KILLS + 1);
    for (let round = 0; round < KILLS; round++) {
      node.grow(step);
      const child = start(test, folder, url);
      const ended = once(child, 'exit');
      await Promise.race([once(child.stdout ?? child, 'data'), ended]);
      await delay(random(300));
      child.kill('SIGKILL');
      await ended;
      const report = await verifyFolder(folder, ledger.genesisWaypoint);
      const faults = report.findings.filter(({ code }) => !HARMLESS.includes(code));
      assert.deepEqual(faults, [], `round ${round}`);
    }
    node.version = ledger.lastVersion;
    const last = start(test, folder, url);
    const ended = once(last, 'exit');
    assert.ok(last.stderr, 'its complaints are a pipe');
    const complaints = text(last.stderr);
    await says(last, `to ${ledger.lastVersion} (`);
    last.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null], `SIGTERM ends it cleanly: ${await complaints}`);
    const report = await verifyFolder(folder, ledger.genesisWaypoint, { mustReach: ledger.lastVersion });
    assert.deepEqual(report.findings, []);
    assert.deepEqual(readdirSync(path.join(folder, '.holdfast', 'staging')), []);
  });
});
