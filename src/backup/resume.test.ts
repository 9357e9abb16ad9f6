import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BackupReader } from '../aptosdb/backup-reader.js';
import { archiveFiles, backupInto, lyingReader, serve, serveGenerated } from '../test-support/backup-into.js';
import { GeneratedBackupReader } from '../test-support/generated-backup-reader.js';
import { seededRandom } from '../test-support/seeded-random.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { verifyFolder } from '../test-support/verify-folder.js';
import { generateLedger } from '../testing/ledger-generator.js';
import { backUpEpochEndings } from './back-up-epoch-endings.js';
import { backUpStateSnapshot } from './back-up-state-snapshot.js';
import { backUpTransactions } from './back-up-transactions.js';
import type { BackupContext } from './backup-context.js';
import type { BackupReport } from './backup-report.js';

const ledger = generateLedger({ seed: 'resume', epochs: 3, transactions: 200, stateItems: 1500 });
const honest = new GeneratedBackupReader(ledger);
const versions = BigInt(ledger.transactionCount);
const chunkBytesMax = 4000;
const PROCESS = fileURLToPath(new URL('../test-support/backup-process.js', import.meta.url));
const KILLS = process.env['HOLDFAST_CAMPAIGN'] === 'full' ? 50 : 5;

/** A kind of backup, and after how many records the service breaks it. */
type Kind = readonly [
  name: string,
  backUp: (context: BackupContext) => Promise<BackupReport>,
  recordsSent: number,
];
const KINDS: readonly Kind[] = [
  ['transactions', (context) => backUpTransactions(context, { startVersion: 0n, count: versions }), 110],
  ['a state snapshot', (context) => backUpStateSnapshot(context, 2n), 1200],
];

/**
 * An honest service that breaks an answer after so many records, once it was asked for the proofs of two
 * chunks: so much has arrived by then.
 */
function breakingReader(recordsSent: number): BackupReader {
  let proofs = 0;
  let askedTwice = (): void => {};
  const asked = new Promise<void>((resolve) => {
    askedTwice = resolve;
  });
  const proven = <Proof>(proof: Promise<Proof>): Promise<Proof> => {
    if (++proofs === 2) askedTwice();
    return proof;
  };
  async function* cut(records: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let sent = 0;
    for await (const record of records) {
      if (sent++ >= recordsSent) {
        await asked;
        throw new Error('the node goes down');
      }
      yield record;
    }
  }
  return lyingReader(honest, {
    transactions: (first, count) => cut(honest.transactions(first, count)),
    transactionRangeProof: (first, last) => proven(honest.transactionRangeProof(first, last)),
    stateItems: (version, first, limit) => cut(honest.stateItems(version, first, limit)),
    stateRangeProof: (version, key) => proven(honest.stateRangeProof(version, key)),
  });
}

/** A backup that ends in the middle. */
async function interrupted(test: TestContext, folder: string, [, backUp, recordsSent]: Kind): Promise<void> {
  const { client } = await serve(test, breakingReader(recordsSent), { attemptsMax: 1 });
  const { context, storage } = await backupInto(folder, client, { chunkBytesMax });
  await assert.rejects(backUp(context), { code: 'SERVICE_CONNECTION_LOST' });
  await storage.close();
}

async function runWhole(
  test: TestContext,
  folder: string,
  [, backUp]: Kind,
  resume = true,
): Promise<Extract<BackupReport, { outcome: 'committed' }>> {
  const client = await serveGenerated(test, ledger);
  const { context, storage } = await backupInto(folder, client, { chunkBytesMax, resume });
  const report = await backUp(context);
  await storage.close();
  assert.ok(report.outcome === 'committed');
  return report;
}

/** Every chunk and proof of the folders that a manifest stands in. */
function dataFiles(root: string): Map<string, string> {
  return new Map([...archiveFiles(root)].filter(([name]) => /\.(chunk|proof)$/.test(name)));
}

for (const kind of KINDS) {
  const [name] = kind;
  describe(`a backup of ${name} that was interrupted`, () => {
    it('goes on from what was committed, to the same bytes', async (test) => {
      const [folder, other] = [temporaryFolder(test), temporaryFolder(test)];
      await interrupted(test, folder, kind);
      const report = await runWhole(test, folder, kind);
      assert.ok(report.kept.chunks > 0, 'something was kept');
      assert.ok(report.kept.chunks < report.chunks, 'something was left to do');
      await runWhole(test, other, kind);
      assert.deepEqual(dataFiles(folder), dataFiles(other));
      assert.deepEqual(readdirSync(path.join(folder, '.holdfast', 'resume')), []);
      const backups = readdirSync(folder).filter((entry) => entry.includes('.') && !entry.startsWith('.'));
      assert.equal(backups.length, 1, 'no second folder was made');
    });

    it('starts over when told so', async (test) => {
      const folder = temporaryFolder(test);
      await interrupted(test, folder, kind);
      const report = await runWhole(test, folder, kind, false);
      assert.equal(report.kept.chunks, 0);
    });

    it('starts over, and says so, when a kept file has other bytes', async (test) => {
      const folder = temporaryFolder(test);
      await interrupted(test, folder, kind);
      const [backup = ''] = readdirSync(folder).filter((entry) => /\.[0-9a-f]{4}$/.test(entry));
      const file = path.join(folder, backup, '0-.chunk');
      const bytes = readFileSync(file);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      writeFileSync(file, bytes);
      const warnings: string[] = [];
      const client = await serveGenerated(test, ledger);
      const onWarning = (code: string): unknown => warnings.push(code);
      const { context, storage } = await backupInto(folder, client, { chunkBytesMax, onWarning });
      const report = await kind[1](context);
      await storage.close();
      assert.ok(report.outcome === 'committed' && report.kept.chunks === 0);
      assert.deepEqual(warnings, ['UNFINISHED_BACKUP_SPOILED']);
    });

    it('is not begun again when it is there as a whole', async (test) => {
      const folder = temporaryFolder(test);
      const { metadata } = await runWhole(test, folder, kind);
      const client = await serveGenerated(test, ledger);
      const { context, storage } = await backupInto(folder, client, { chunkBytesMax });
      const again = await kind[1](context);
      await storage.close();
      assert.equal(again.outcome, 'already-there');
      assert.deepEqual(again.metadata, metadata);
    });
  });
}

/** The backup commands in a process of their own; its exit code, or the signal that ended it. */
function start(test: TestContext, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [PROCESS, 'backup', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  test.after(() => child.kill('SIGKILL'));
  return child;
}

describe('a process that is killed', () => {
  it('leaves what the next one completes, at whatever moment', async (test) => {
    const { url } = await serve(test, honest);
    const random = seededRandom(9);
    // Slow enough that most kills come before the end.
    const slowly = ['--max-bytes-per-second', '300000'];
    const flags = ['--max-chunk-size', '3000', ...slowly, '--backup-service-address', url];
    let kept = 0;
    for (let round = 0; round < KILLS; round++) {
      const folder = temporaryFolder(test);
      const isState = round % 2 === 0;
      const what = isState
        ? ['state-snapshot', '--state-snapshot-epoch', '2']
        : ['transaction', '--start-version', '0', '--num_transactions', `${versions}`];
      const child = start(test, ['oneoff', ...flags, ...what, '--local-fs-dir', folder]);
      const ended = once(child, 'exit');
      // Not before it writes: at a random moment after its first folder is there.
      while (!readdirSync(folder).some((entry) => /\.[0-9a-f]{4}$/.test(entry))) await delay(5);
      await delay(random(400));
      child.kill('SIGKILL');
      await ended;
      const before = await verifyFolder(folder, undefined);
      assert.deepEqual(
        before.findings.filter(({ code }) => code !== 'UNLISTED_BACKUP' && code !== 'ARCHIVE_EMPTY'),
        [],
        `round ${round}: nothing false is committed`,
      );
      const { client } = await serve(test, honest);
      const { context, storage } = await backupInto(folder, client, { chunkBytesMax: 3000 });
      const report = isState
        ? await backUpStateSnapshot(context, 2n)
        : await backUpTransactions(context, { startVersion: 0n, count: versions });
      if (report.outcome === 'committed') kept += report.kept.chunks;
      await backUpEpochEndings(context, { startEpoch: 0n, endEpoch: 3n });
      await storage.close();
      const after = await verifyFolder(folder, ledger.genesisWaypoint);
      assert.deepEqual(after.findings, [], `round ${round}`);
      assert.equal(after.checked.unattestedFiles, 0);
    }
    test.diagnostic(`${KILLS} kills, ${kept} chunks kept`);
  });
});
