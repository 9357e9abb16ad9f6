import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { ledgerWithMissingWrite } from '../../replay/lying-ledger.test.support.js';
import { temporaryFolder } from '../../test-support/temporary-folder.js';
import { generateLedger } from '../../testing/ledger-generator.js';
import { writeReferenceArchive } from '../../testing/index.js';
import { runCommandLine } from '../run.js';

const ledger = generateLedger({ seed: 'replay commands', epochs: 2, transactions: 120, stateItems: 30 });

async function holdfast(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const { signal } = new AbortController();
  const code = await runCommandLine(args, { stdout, stderr, interactive: false, signal });
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}

describe('holdfast replay-verify', () => {
  const root = temporaryFolder({ after });
  const lyingRoot = temporaryFolder({ after });
  const snapshot = Number(ledger.epochs[0]?.lastVersion);
  const lying = ledgerWithMissingWrite(ledger, firstWriteAfter(snapshot));
  before(async () => {
    await writeReferenceArchive(ledger, root, { maxChunkSize: 16_000 });
    await writeReferenceArchive(lying, lyingRoot, { maxChunkSize: 16_000, snapshotEpochs: [0] });
  });

  it('ends with 0 where all roots are equal, whatever tuning of a database is passed', async () => {
    const { code, out, err } = await holdfast(
      ...['replay-verify', '--local-fs-dir', root, '--trust-waypoint', ledger.genesisWaypoint],
      ...['--start-version', '5', '--end-version', '119', '--lazy-quit', '--enable-storage-sharding'],
      ...['--target-db-dir', path.join(root, 'db'), '--block-cache-size', '1', '--txns-to-skip', '1', '2'],
    );
    assert.equal(code, 0, err);
    assert.match(out, /^EQUAL$/m);
    assert.match(out, /^not done: transactions were not executed/m);
    assert.match(out, /^state held in: a scratch database, removed since$/m);
    assert.equal(err, '');
    assert.deepEqual(readdirSync(path.join(root, 'db')), []);
  });

  it('ends with 2 where a root differs, and names the version', async () => {
    const { code, out } = await holdfast('replay-verify', '--local-fs-dir', lyingRoot);
    assert.equal(code, 2);
    assert.match(out, /^STATE_MISMATCH: the state at version \d+ has another root$/m);
    assert.match(out, /^state held in: memory$/m);
    assert.match(out, /^NOT EQUAL: 1 mismatch, first at version \d+$/m);
    const json = await holdfast('replay-verify', '--local-fs-dir', lyingRoot, '--json');
    assert.equal(json.code, 2);
    assert.equal(JSON.parse(json.out).outcome, 'mismatch');
  });

  it('ends with 1 for a range that ends before it begins', async () => {
    const args = ['--start-version', '7', '--end-version', '6'];
    const { code, err } = await holdfast('replay-verify', '--local-fs-dir', root, ...args);
    assert.equal(code, 1);
    assert.match(err, /start_version 7 should precede end_version 6\. \(REPLAY_RANGE_INVERTED\)/);
  });

  it('replays what gen-replay-verify-jobs planned', async (t) => {
    const file = path.join(temporaryFolder(t), 'jobs.json');
    const { code, err } = await holdfast(
      ...['gen-replay-verify-jobs', '--local-fs-dir', root, '--output-json-file', file],
      ...[
        '--max-versions-per-range',
        '1000',
        '--max-ranges-per-job',
        '1',
        '--ranges-to-skip',
        '500-600 700-800',
      ],
    );
    assert.equal(code, 0, err);
    const jobs = JSON.parse(readFileSync(file, 'utf8')) as string[][];
    const count = 120 - snapshot;
    assert.deepEqual(jobs, [
      [`0-0 ${snapshot} 119 Replay epoch 0 - 0, ${count} txns starting from version ${snapshot}.`],
    ]);
    const [, first = '', last = ''] = jobs[0]?.[0]?.split(' ') ?? [];
    const range = ['--start-version', first, '--end-version', last];
    assert.equal((await holdfast('replay-verify', '--local-fs-dir', root, ...range)).code, 0);
  });

  it('refuses malformed ranges and counts of zero as a wrong command line', async () => {
    const base = [
      'gen-replay-verify-jobs',
      '--local-fs-dir',
      root,
      '--output-json-file',
      path.join(root, 'x'),
    ];
    const rest = ['--max-versions-per-range', '10', '--max-ranges-per-job', '1'];
    const malformed = await holdfast(...base, ...rest, '--ranges-to-skip', '5-4');
    assert.equal(malformed.code, 2);
    assert.match(malformed.err, /Malformed range\./);
    assert.equal(
      (await holdfast(...base, '--max-versions-per-range', '0', '--max-ranges-per-job', '1')).code,
      2,
    );
    assert.equal((await holdfast(...base)).code, 2);
  });
});

/** A version behind the given one that writes something and carries a root: no later write can hide it. */
function firstWriteAfter(version: number): number {
  const matters = (at: number): boolean =>
    // The BCS of an empty write set takes two bytes.
    ledger.parts(at).writeSet.length > 2 &&
    ledger.transactionInfo(at).value.state_checkpoint_hash !== undefined;
  let found = version + 1;
  while (!matters(found)) found++;
  return found;
}
