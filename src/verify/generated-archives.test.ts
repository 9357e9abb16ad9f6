import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GOLDEN_EPOCH_WAYPOINT } from '../test-support/golden-mini-archive.js';
import { writeGoldenMiniArchive } from '../test-support/golden-mini-archive-folder.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { codesOf, verifyFolder } from '../test-support/verify-folder.js';
import { generateLedger, writeReferenceArchive } from '../testing/index.js';

const everything = { seed: 'verify', epochs: 3, transactions: 700, stateItems: 300 } as const;

describe('generated archives', () => {
  it('with every variant and several chunks verify from the genesis waypoint, and from no other', async (t) => {
    const folder = temporaryFolder(t);
    const options = { maxChunkSize: 100_000, transactionBatch: 300 };
    const { genesisWaypoint, files } = await writeReferenceArchive(
      generateLedger(everything),
      folder,
      options,
    );
    assert.ok(files.filter(({ kind }) => kind === 'transaction-chunk').length > 3);
    const report = await verifyFolder(folder, genesisWaypoint);
    assert.deepEqual(report.findings, []);
    assert.deepEqual(report.proven.epochEndings, [{ first: 0n, last: 2n }]);
    assert.deepEqual(report.proven.transactions, [{ first: 0n, last: 699n }]);
    assert.equal(report.proven.stateSnapshots.length, 3);
    const wrong = await verifyFolder(folder, `0:${'ab'.repeat(32)}`);
    assert.ok(codesOf(wrong).includes('WAYPOINT_MISMATCH'));
    assert.deepEqual(wrong.proven.transactions, []);
  });

  it('of record format V0, partly compressed, whose epoch 0 ends later, verify as well', async (t) => {
    const folder = temporaryFolder(t);
    const ledger = generateLedger({ ...everything, firstEpochEndsAt: 2, auxiliaryInfo: false });
    const options = { format: 'V0', gzip: 'mixed', maxChunkSize: 50_000 } as const;
    const { genesisWaypoint } = await writeReferenceArchive(ledger, folder, options);
    const report = await verifyFolder(folder, genesisWaypoint);
    assert.deepEqual(report.findings, []);
    assert.equal(report.proven.lastVersion, 699n);
  });

  it('prove the same whatever the number of files read at once', async (t) => {
    const folder = temporaryFolder(t);
    const options = { maxChunkSize: 20_000, transactionBatch: 100 };
    await writeReferenceArchive(generateLedger(everything), folder, options);
    const reports = await Promise.all(
      [1, 3, 16].map((concurrency) => verifyFolder(folder, undefined, { concurrency })),
    );
    for (const report of reports) {
      assert.deepEqual(report.findings, []);
      assert.deepEqual(report.proven, reports[0]?.proven);
    }
  });
});

describe('the golden mini archive (spec: formats.md, section 11)', () => {
  it('is proven for what it holds', async (t) => {
    const folder = temporaryFolder(t);
    writeGoldenMiniArchive(folder);
    const report = await verifyFolder(folder, GOLDEN_EPOCH_WAYPOINT, { startVersion: 5n });
    assert.deepEqual(report.findings, []);
    assert.deepEqual(report.proven.transactions, [{ first: 5n, last: 6n }]);
    assert.deepEqual(
      report.proven.stateSnapshots.map(({ version, items }) => [version, items]),
      [[6n, 4n]],
    );
  });

  it('lacks versions 0 to 4, which is a finding when they are wanted, and the rest is still proven', async (t) => {
    const folder = temporaryFolder(t);
    writeGoldenMiniArchive(folder);
    const report = await verifyFolder(folder, GOLDEN_EPOCH_WAYPOINT);
    assert.deepEqual(codesOf(report), ['TRANSACTION_GAP']);
    assert.deepEqual(report.findings[0]?.versions, [0n, 4n]);
    assert.deepEqual(report.proven.transactions, [{ first: 5n, last: 6n }]);
  });
});
