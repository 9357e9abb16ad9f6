import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { decode } from '../bcs/codec.js';
import { LocalFsStorage } from '../storage/local-fs.js';
import type { ProgressListener } from '../telemetry/progress.js';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { memoryFolder } from '../test-support/memory-folder.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { flipBit, type GeneratedLedger, generateLedger, writeReferenceArchive } from '../testing/index.js';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';
import { parseWaypoint } from '../types/waypoint.js';
import { WriteSet } from '../types/write-set.js';
import { ledgerWithMissingWrite } from './lying-ledger.test.support.js';
import type { ReplayReport } from './replay-report.js';
import type { ReplayVerifyOptions } from './replay-options.js';
import { replayVerify } from './replay-verify.js';
import { SCRATCH_FOLDER } from './scratch-database.js';

const U64_MAX = 2n ** 64n - 1n;
const ledger = generateLedger({ seed: 'replay', epochs: 4, transactions: 900, stateItems: 250 });
const LAST = 899n;

function checkpointsIn(of: GeneratedLedger, first: bigint, last: bigint): bigint[] {
  const found: bigint[] = [];
  for (let version = Number(first); version <= Number(last); version++) {
    if (of.transactionInfo(version).value.state_checkpoint_hash) found.push(BigInt(version));
  }
  return found;
}

async function replay(
  directory: string,
  waypoint: string | undefined,
  options: Partial<ReplayVerifyOptions> = {},
): Promise<ReplayReport> {
  const storage = new LocalFsStorage(directory);
  try {
    return await replayVerify({
      storage,
      family: LEDGER_FAMILIES.aptos,
      startVersion: 0n,
      endVersion: U64_MAX,
      trustedWaypoints: waypoint === undefined ? [] : [parseWaypoint(waypoint)],
      ...options,
    });
  } finally {
    await storage.close();
  }
}

async function archiveOf(
  of: GeneratedLedger,
  directory: string,
  snapshotEpochs?: readonly number[],
): Promise<string> {
  await writeReferenceArchive(of, directory, {
    maxChunkSize: 40_000,
    transactionBatch: 200,
    gzip: 'mixed',
    ...(snapshotEpochs ? { snapshotEpochs } : {}),
  });
  return directory;
}

describe('replay of an archive', () => {
  const root = temporaryFolder({ after });
  before(() => archiveOf(ledger, root));
  const endings = ledger.epochs.filter(({ ended }) => ended).map(({ lastVersion }) => lastVersion);

  it('finds every checkpoint of any range as the ledger signed it', async () => {
    const [, second = 0n, third = 0n] = endings;
    for (const [start, end] of [
      [0n, U64_MAX],
      [second, third],
      [second + 1n, third + 40n],
      [third - 1n, third - 1n],
      [third + 3n, LAST],
    ] as const) {
      const report = await replay(root, ledger.genesisWaypoint, { startVersion: start, endVersion: end });
      const from = endings.findLast((version) => version <= start) ?? 0n;
      const last = end < LAST ? end : LAST;
      const expected = checkpointsIn(ledger, from + 1n, last);
      assert.equal(report.outcome, 'equal');
      assert.deepEqual(report.replayed, { first: from + 1n, last }, `${start} to ${end}`);
      assert.equal(report.checkpoints.compared, expected.length);
      assert.equal(report.checkpoints.equal, expected.length);
      assert.equal(report.checkpoints.last, expected.at(-1));
      assert.equal(BigInt(report.transactions), last - from);
      assert.deepEqual(
        report.bases.map(({ version }) => version),
        [from],
      );
    }
  });

  it('compares the same in windows, with snapshots on the way and without', async (t) => {
    const whole = checkpointsIn(ledger, 1n, LAST).length;
    for (const touchedKeysMax of [1, 30, 100]) {
      const report = await replay(root, ledger.genesisWaypoint, { touchedKeysMax });
      assert.equal(report.outcome, 'equal');
      assert.equal(report.checkpoints.compared, whole);
      assert.ok(report.bases.length > 1, 'a newer snapshot is a better start');
    }
    const single = await archiveOf(ledger, temporaryFolder(t), [0]);
    for (const touchedKeysMax of [1, 100]) {
      const report = await replay(single, ledger.genesisWaypoint, { touchedKeysMax });
      assert.equal(report.outcome, 'equal');
      assert.equal(report.checkpoints.compared, whole);
      assert.deepEqual(
        report.bases.map(({ version }) => version),
        [0n],
      );
    }
  });

  it('starts from the empty state where there is no snapshot', async (t) => {
    const without = await archiveOf(ledger, temporaryFolder(t), []);
    for (const touchedKeysMax of [1, 1_000_000]) {
      const report = await replay(without, ledger.genesisWaypoint, { touchedKeysMax });
      assert.equal(report.outcome, 'equal');
      assert.deepEqual(report.bases, [{ items: 0n }]);
      assert.deepEqual(report.replayed, { first: 0n, last: LAST });
      assert.equal(report.checkpoints.compared, checkpointsIn(ledger, 0n, LAST).length);
    }
  });

  it('says what stands behind the last comparison, and what the archive does not hold', async () => {
    const checkpoints = new Set(checkpointsIn(ledger, 0n, LAST));
    let end = LAST - 20n;
    while (checkpoints.has(end)) end++;
    const cut = await replay(root, ledger.genesisWaypoint, { endVersion: end });
    assert.equal(cut.outcome, 'equal');
    const last = cut.checkpoints.last ?? 0n;
    assert.ok(cut.notDone.includes(`versions ${last + 1n} to ${end} stand behind the last comparison`));
    const beyond = await replay(root, ledger.genesisWaypoint, { startVersion: 800n, endVersion: 5000n });
    assert.ok(beyond.notDone.includes('versions 900 to 5000 are not in the archive'));
  });

  it('refuses a range that ends before it begins, and one that the archive has nothing of', async (t) => {
    await assert.rejects(replay(root, undefined, { startVersion: 5n, endVersion: 4n }), {
      code: 'REPLAY_RANGE_INVERTED',
    });
    const empty = temporaryFolder(t);
    await assert.rejects(replay(empty, undefined), { code: 'REPLAY_TRANSACTIONS_MISSING' });
  });

  it('stops at damage with the finding of a verification, and compares what stands before it', async (t) => {
    const damaged = temporaryFolder(t);
    const { files } = await writeReferenceArchive(ledger, damaged, { maxChunkSize: 40_000 });
    const chunks = files.filter(({ kind }) => kind === 'transaction-chunk');
    const middle = chunks[chunks.length >> 1];
    assert.ok(middle);
    await flipBit(path.join(damaged, middle.handle), 20_000);
    const report = await replay(damaged, ledger.genesisWaypoint);
    assert.equal(report.outcome, 'findings');
    assert.ok(report.findings.some(({ file }) => file === middle.handle));
    assert.ok(report.checkpoints.compared > 0 && report.checkpoints.equal === report.checkpoints.compared);
    assert.ok((report.checkpoints.last ?? 0n) < LAST);
    rmSync(path.join(damaged, files.find(({ kind }) => kind === 'state-chunk')?.handle ?? ''));
    const without = await replay(damaged, ledger.genesisWaypoint);
    assert.ok(without.findings.some(({ code }) => code === 'FILE_MISSING'));
    assert.equal(without.checkpoints.compared, 0);
  });

  it('checks signatures against the trusted waypoint', async () => {
    const other = generateLedger({ seed: 'other', epochs: 1, transactions: 5, stateItems: 5 });
    const report = await replay(root, other.genesisWaypoint);
    assert.equal(report.outcome, 'findings');
    assert.ok(report.findings.some(({ code }) => code === 'WAYPOINT_MISMATCH'));
    const skipped = await replay(root, undefined, { skipEpochEndings: true });
    assert.equal(skipped.outcome, 'equal');
    assert.match(skipped.trustRootInWords, /^none/);
  });
});

describe('replay of a ledger whose validators signed a write set that is not what became of the state', () => {
  const [, second = 0n, third = 0n] = ledger.epochs.map(({ lastVersion }) => lastVersion);
  // A transaction that wrote something, some way behind a snapshot.
  let lie = Number(second) + 20;
  const writes = (version: number): number =>
    decode(WriteSet, ledger.parts(version).writeSet).value.write_set.length;
  while (writes(lie) === 0) lie++;
  const lying = ledgerWithMissingWrite(ledger, lie);
  const checkpoints = checkpointsIn(ledger, second + 1n, LAST);
  const first = checkpoints.find((version) => version >= BigInt(lie)) ?? 0n;
  const root = temporaryFolder({ after });
  before(async () => {
    assert.ok(first < third, 'the next snapshot lies behind the lie');
    await archiveOf(lying, root);
  });

  it('names the first checkpoint that differs and stops', async () => {
    const report = await replay(root, lying.genesisWaypoint, { startVersion: second });
    assert.deepEqual(report.findings, []);
    assert.equal(report.outcome, 'mismatch');
    assert.deepEqual(
      report.mismatches.map(({ version }) => version),
      [first],
    );
    const signed = lying.transactionInfo(Number(first)).value.state_checkpoint_hash;
    assert.equal(report.mismatches[0]?.expected, Buffer.from(signed ?? []).toString('hex'));
    assert.equal(report.checkpoints.last, first);
  });

  it('goes on with a lazy quit, and begins anew at the next snapshot', async () => {
    for (const touchedKeysMax of [40, 1_000_000]) {
      const options = { startVersion: second, lazyQuit: true, touchedKeysMax };
      const report = await replay(root, lying.genesisWaypoint, options);
      assert.equal(report.outcome, 'mismatch');
      assert.equal(report.mismatches[0]?.version, first);
      assert.ok((report.mismatches.at(-1)?.version ?? 0n) <= third);
      assert.equal(report.checkpoints.compared, checkpoints.length);
      assert.equal(report.checkpoints.equal, checkpoints.length - report.mismatchCount);
      assert.equal(report.checkpoints.last, checkpoints.at(-1));
    }
  });

  it('is not seen where the replay starts behind it, nor at checkpoints that are skipped', async () => {
    const behind = await replay(root, lying.genesisWaypoint, { startVersion: third });
    assert.equal(behind.outcome, 'equal');
    const versionsToSkip = new Set(checkpoints.filter((version) => version <= third));
    const skipped = await replay(root, lying.genesisWaypoint, {
      startVersion: second,
      versionsToSkip,
      lazyQuit: true,
      endVersion: third,
    });
    assert.equal(skipped.outcome, 'equal');
    assert.equal(skipped.checkpoints.skipped, versionsToSkip.size);
  });
});

describe('replay of an archive in a scratch database', () => {
  const root = temporaryFolder({ after });
  before(() => archiveOf(ledger, root));
  const [, second = 0n, third = 0n] = ledger.epochs.map(({ lastVersion }) => lastVersion);

  it('reports what a replay in memory does', async (t) => {
    for (const [startVersion, endVersion] of [
      [0n, U64_MAX],
      [second + 1n, third + 40n],
      [third - 1n, third - 1n],
      [third, third],
    ] as const) {
      const scratchDirectory = memoryFolder(t);
      const ledgerRows = path.join(scratchDirectory, SCRATCH_FOLDER, 'db', 'ledger_db');
      const range = { startVersion, endVersion };
      const inMemory = await replay(root, ledger.genesisWaypoint, range);
      let isReal = false;
      const progress = (): void => {
        isReal ||= existsSync(ledgerRows);
      };
      const report = await replay(root, ledger.genesisWaypoint, { ...range, scratchDirectory, progress });
      assert.deepEqual({ ...report, elapsedMs: 0 }, { ...inMemory, heldIn: ['database'], elapsedMs: 0 });
      assert.ok(isReal, 'there was a database');
      assert.deepEqual(readdirSync(scratchDirectory), []);
    }
  });

  it('leaves nothing behind when it is interrupted', async (t) => {
    const scratchDirectory = memoryFolder(t);
    const interruption = new AbortController();
    const reason = new Error('enough');
    const { signal } = interruption;
    const progress: ProgressListener = ({ stage, done }) => {
      if (stage === 'transactions' && done > 0) interruption.abort(reason);
    };
    const replaying = replay(root, ledger.genesisWaypoint, { scratchDirectory, signal, progress });
    await assert.rejects(replaying, reason);
    assert.deepEqual(readdirSync(scratchDirectory), []);
  });

  it('removes what a run left that was cut off while it removed its database', async (t) => {
    const scratchDirectory = memoryFolder(t);
    const half = path.join(scratchDirectory, SCRATCH_FOLDER, 'removed', 'ledger_db', 'metadata');
    mkdirSync(half, { recursive: true });
    writeFileSync(path.join(half, 'CURRENT'), 'MANIFEST-000005\n');
    const report = await replay(root, ledger.genesisWaypoint, { scratchDirectory });
    assert.equal(report.outcome, 'equal');
    assert.deepEqual(readdirSync(scratchDirectory), []);
  });

  it('stays in memory, and says why, where the archive lacks the transaction of the snapshot', async (t) => {
    const late = temporaryFolder(t);
    await archiveOf(ledger, late);
    const metadata = path.join(late, 'metadata');
    for (const name of readdirSync(metadata)) {
      // The backup that ends with, or holds, the version of the snapshot.
      const [, first = '', last = ''] = /^transaction_(\d+)-(\d+)/.exec(name) ?? [];
      if (first !== '' && BigInt(first) <= second && BigInt(last) >= second)
        rmSync(path.join(metadata, name));
    }
    const scratchDirectory = memoryFolder(t);
    const options = { startVersion: second, endVersion: second, scratchDirectory };
    const report = await replay(late, ledger.genesisWaypoint, options);
    assert.deepEqual(report.heldIn, ['memory']);
    assert.match(report.notDone.join('\n'), /no scratch database was used: the archive lacks/);
  });

  it('starts from the empty state where there is no snapshot', async (t) => {
    const without = await archiveOf(ledger, temporaryFolder(t), []);
    const scratchDirectory = memoryFolder(t);
    const report = await replay(without, ledger.genesisWaypoint, { scratchDirectory });
    assert.equal(report.outcome, 'equal');
    assert.deepEqual(report.bases, [{ items: 0n }]);
    assert.deepEqual(report.replayed, { first: 0n, last: LAST });
    assert.equal(report.checkpoints.compared, checkpointsIn(ledger, 0n, LAST).length);
  });

  it('stops at damage with its finding, and compares what stands before it', async (t) => {
    const damaged = temporaryFolder(t);
    const { files } = await writeReferenceArchive(ledger, damaged, { maxChunkSize: 40_000 });
    const chunks = files.filter(({ kind }) => kind === 'transaction-chunk');
    const middle = chunks[chunks.length >> 1];
    assert.ok(middle);
    await flipBit(path.join(damaged, middle.handle), 20_000);
    const inMemory = await replay(damaged, ledger.genesisWaypoint);
    const report = await replay(damaged, ledger.genesisWaypoint, { scratchDirectory: memoryFolder(t) });
    assert.equal(report.outcome, 'findings');
    assert.deepEqual(report.findings, inMemory.findings);
    assert.deepEqual(report.checkpoints, inMemory.checkpoints);
  });

  describe('over a ledger that lies', () => {
    let lie = Number(second) + 20;
    while (decode(WriteSet, ledger.parts(lie).writeSet).value.write_set.length === 0) lie++;
    const lying = ledgerWithMissingWrite(ledger, lie);
    const lyingRoot = temporaryFolder({ after });
    before(() => archiveOf(lying, lyingRoot));
    const first = checkpointsIn(ledger, second + 1n, LAST).find((version) => version >= BigInt(lie)) ?? 0n;

    it('names the first checkpoint that differs and stops', async (t) => {
      const options = { startVersion: second };
      const inMemory = await replay(lyingRoot, lying.genesisWaypoint, options);
      const scratchDirectory = memoryFolder(t);
      const report = await replay(lyingRoot, lying.genesisWaypoint, { ...options, scratchDirectory });
      assert.equal(report.outcome, 'mismatch');
      assert.deepEqual(report.mismatches, inMemory.mismatches);
      assert.deepEqual(report.checkpoints, inMemory.checkpoints);
      assert.deepEqual(report.replayed, { first: second + 1n, last: first });
      assert.deepEqual(readdirSync(scratchDirectory), []);
    });

    it('goes on in memory with a lazy quit, and behind a checkpoint that is skipped', async (t) => {
      for (const options of [
        { startVersion: 0n, lazyQuit: true },
        { startVersion: second, lazyQuit: true },
        { startVersion: second, versionsToSkip: new Set([first]), endVersion: first + 5n },
        { startVersion: second, versionsToSkip: new Set([first]) },
      ]) {
        // Windows begin where the replay goes on, so both begin anew at the same snapshots.
        const inMemory = await replay(lyingRoot, lying.genesisWaypoint, options);
        const scratchDirectory = memoryFolder(t);
        const report = await replay(lyingRoot, lying.genesisWaypoint, { ...options, scratchDirectory });
        assert.equal(report.outcome, inMemory.outcome);
        assert.deepEqual(report.mismatches, inMemory.mismatches);
        assert.deepEqual(report.checkpoints, inMemory.checkpoints);
        assert.deepEqual(report.replayed, inMemory.replayed);
        assert.equal(report.transactions, inMemory.transactions);
        assert.equal(report.writes, inMemory.writes);
        assert.deepEqual(report.heldIn, ['database', 'memory']);
        assert.deepEqual(readdirSync(scratchDirectory), []);
      }
    });
  });
});

describe('replay of the archive that the reference wrote', () => {
  const archive = fixturePath('reference-ledger', 'archive');
  const skip = withoutFixture('reference-ledger', 'archive');
  const waypoint = '0:cda249717441d5a732df74ffe644ccce8e371a64529859bed5699abf258547df';
  for (const [start, end, from] of [
    [0n, 580n, 0n],
    [311n, 580n, 310n],
    [1n, 309n, 0n],
    [310n, 490n, 310n],
    [495n, 580n, 490n],
  ] as const) {
    it(`finds all roots of versions ${start} to ${end}`, { skip }, async () => {
      for (const touchedKeysMax of [20, 1_000_000]) {
        const range = { startVersion: start, endVersion: end, touchedKeysMax };
        const report = await replay(archive, waypoint, range);
        assert.equal(report.outcome, 'equal', JSON.stringify(report.findings));
        assert.equal(report.bases[0]?.version, from);
        assert.deepEqual(report.replayed, { first: from + 1n, last: end });
        assert.ok(report.checkpoints.compared > 0);
        assert.equal(report.checkpoints.equal, report.checkpoints.compared);
      }
    });

    it(`finds them in a scratch database for ${start} to ${end}`, { skip }, async (t) => {
      const range = { startVersion: start, endVersion: end };
      const inMemory = await replay(archive, waypoint, range);
      const report = await replay(archive, waypoint, { ...range, scratchDirectory: memoryFolder(t) });
      assert.deepEqual({ ...report, elapsedMs: 0 }, { ...inMemory, heldIn: ['database'], elapsedMs: 0 });
    });
  }
});
