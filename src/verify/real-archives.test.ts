import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { CommandAdapterStorage } from '../storage/command-adapter.js';
import { loadCommandAdapterConfig } from '../storage/command-adapter-config.js';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { temporaryCopy, temporaryFolder } from '../test-support/temporary-folder.js';
import { codesOf, names, verifyFolder } from '../test-support/verify-folder.js';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';
import { parseWaypoint } from '../types/waypoint.js';
import { verifyArchive } from './verify-archive.js';

const REFERENCE_WAYPOINT = '0:cda249717441d5a732df74ffe644ccce8e371a64529859bed5699abf258547df';
const OTHER_WAYPOINT = '0:4b56f15c1dcef7f9f3eb4b4798c0cba0f1caacc0d35f1c80ad9b7a21f1f8b454';
const DIEM_WAYPOINT = '0:0b0947eb5327275bc7cfde3cb5c0cd03a0058e3c54c30ba962fbc90e97e664ce';

describe('the archive that the reference made', { skip: withoutFixture('reference-ledger') }, () => {
  const archive = fixturePath('reference-ledger', 'archive');

  it('verifies from its genesis waypoint, its open epoch included', async () => {
    const report = await verifyFolder(archive, REFERENCE_WAYPOINT);
    assert.deepEqual(report.findings, []);
    assert.equal(report.outcome, 'proven');
    assert.equal(report.trustRoot, 'waypoints');
    assert.equal(report.rootWaypoint, REFERENCE_WAYPOINT);
    assert.deepEqual(report.proven.epochEndings, [{ first: 0n, last: 5n }]);
    assert.deepEqual(report.proven.transactions, [{ first: 0n, last: 580n }]);
    assert.deepEqual(
      report.proven.stateSnapshots.map(({ version, items }) => [version, items]),
      [
        [0n, 290n],
        [310n, 400n],
        [490n, 411n],
      ],
    );
  });

  it('verifies from its own beginning, and says that nothing else vouches for that', async () => {
    const report = await verifyFolder(archive, undefined);
    assert.equal(report.outcome, 'proven');
    assert.equal(report.trustRoot, 'archive');
    assert.match(report.trustRootInWords, /archive's own ledger info of epoch 0/);
    assert.equal(report.rootWaypoint, REFERENCE_WAYPOINT);
  });

  it('does not verify from the waypoint of another network', async () => {
    const report = await verifyFolder(archive, OTHER_WAYPOINT);
    assert.deepEqual(codesOf(report), ['NOT_ANCHORED', 'WAYPOINT_MISMATCH']);
    const mismatch = report.findings.find(({ code }) => code === 'WAYPOINT_MISMATCH');
    assert.equal(mismatch?.expected, OTHER_WAYPOINT);
    assert.equal(mismatch?.actual, REFERENCE_WAYPOINT);
    assert.deepEqual(report.proven.transactions, []);
  });

  it('verifies with the compacted metadata in the place of its own', async (t) => {
    const copy = await temporaryCopy(t, archive);
    rmSync(path.join(copy, 'metadata'), { recursive: true });
    cpSync(fixturePath('reference-ledger', 'metadata-compacted', 'metadata'), path.join(copy, 'metadata'), {
      recursive: true,
    });
    const report = await verifyFolder(copy, REFERENCE_WAYPOINT);
    assert.deepEqual(report.findings, []);
    assert.equal(report.proven.lastVersion, 580n);
  });

  it('verifies when a gzip command adapter holds it', async (t) => {
    const folder = await temporaryCopy(t, archive);
    for (const file of filesBelow(folder)) writeFileSync(file, gzipSync(readFileSync(file)));
    const config = await loadCommandAdapterConfig(fixturePath('archive-0l-mainnet.command-adapter.yaml'));
    const storage = new CommandAdapterStorage({
      ...config,
      envVars: [...config.envVars, { key: 'ARCHIVE', value: folder }],
    });
    t.after(() => storage.close());
    const report = await verifyArchive({
      storage,
      family: LEDGER_FAMILIES.aptos,
      trustedWaypoints: [parseWaypoint(REFERENCE_WAYPOINT)],
    });
    assert.deepEqual(report.findings, []);
    assert.equal(report.proven.lastVersion, 580n);
  });

  it('verifies only what a version range touches', async () => {
    const range = { startVersion: 300n, endVersion: 310n, stateSnapshotBeforeVersion: 400n };
    const report = await verifyFolder(archive, REFERENCE_WAYPOINT, { ...range, allStateSnapshots: false });
    assert.equal(report.outcome, 'proven');
    assert.deepEqual(report.proven.transactions, [{ first: 290n, last: 580n }]);
    assert.deepEqual(
      report.proven.stateSnapshots.map(({ version }) => version),
      [310n],
    );
  });

  it('says what it skipped when epoch endings are skipped', async () => {
    const report = await verifyFolder(archive, REFERENCE_WAYPOINT, { skipEpochEndings: true });
    assert.equal(report.outcome, 'proven');
    assert.equal(report.trustRoot, 'none');
    assert.deepEqual(report.proven.transactions, []);
    assert.match(report.notDone.join(), /signatures were not checked/);
  });
});

describe('archives of random values', { skip: withoutFixture('reference-random') }, () => {
  for (const name of ['5', '6', '10', '11', '14']) {
    it(`archive ${name} verifies from its own beginning`, async () => {
      const report = await verifyFolder(fixturePath('reference-random', name), undefined);
      assert.deepEqual(report.findings, []);
      assert.ok((report.proven.lastVersion ?? 0n) > 0n);
    });
  }
});

describe('the 0L archive, which lacks its chunks', { skip: withoutFixture('archive-0l-mainnet') }, () => {
  const archive = fixturePath('archive-0l-mainnet');
  const family = LEDGER_FAMILIES.diem;

  it('proves all 120 epochs, and names each missing chunk once', async () => {
    const report = await verifyFolder(archive, DIEM_WAYPOINT, { family });
    assert.deepEqual(report.proven.epochEndings, [{ first: 0n, last: 119n }]);
    assert.deepEqual(codesOf(report), ['FILE_MISSING']);
    const missing = report.findings.map(({ file }) => file ?? '');
    assert.equal(new Set(missing).size, missing.length);
    assert.ok(missing.every((file) => /\/[0-9]+-\.chunk$/.test(file)));
    assert.equal(missing.filter((file) => file.startsWith('state_')).length, 33);
  });

  for (const { part, alter, code } of [
    {
      part: 'a signature',
      alter: (bytes: Buffer) => flip(bytes, bytes.length - 10),
      code: 'SIGNATURE_INVALID',
    },
    { part: 'a left sibling', alter: (bytes: Buffer) => flip(bytes, 5), code: 'NEIGHBOURS_DISAGREE' },
  ]) {
    it(`finds ${part} of a range proof altered although the chunk is missing`, async (t) => {
      const folder = temporaryFolder(t);
      const wanted = /^(metadata|epoch_ending_|transaction_(3[0-2][0-9]{6}|[0-9])-)/;
      cpSync(archive, folder, {
        recursive: true,
        filter: (source) => source === archive || wanted.test(path.relative(archive, source)),
      });
      const file = path.join(folder, findProof(folder, 'transaction_30100001-'));
      writeFileSync(file, gzipSync(alter(gunzipSync(readFileSync(file)))));
      const range = { startVersion: 30000001n, endVersion: 30200000n };
      const report = await verifyFolder(folder, DIEM_WAYPOINT, {
        family,
        ...range,
        allStateSnapshots: false,
      });
      const altered = path.relative(folder, file);
      const finding = report.findings.find((each) => each.code === code);
      assert.ok(finding && names(finding, altered), `a ${code} that names ${altered}`);
    });
  }
});

describe('archives after a power cut', { skip: withoutFixture('archives-after-a-power-cut') }, () => {
  it('names the empty metadata entries, and still proves the snapshot that is whole', async () => {
    const folder = fixturePath('archives-after-a-power-cut', 'ext4-a');
    const report = await verifyFolder(folder, REFERENCE_WAYPOINT);
    assert.deepEqual(
      report.findings.filter(({ code }) => code === 'METADATA_EMPTY').map(({ file }) => file),
      ['metadata/state_snapshot_ver_310.meta', 'metadata/state_snapshot_ver_490.meta'],
    );
    assert.deepEqual(
      report.proven.stateSnapshots.map(({ version, items }) => [version, items]),
      [[0n, 290n]],
    );
  });

  it('names every metadata entry where all files are empty', async () => {
    const report = await verifyFolder(fixturePath('archives-after-a-power-cut', 'ext4-b'), undefined);
    assert.deepEqual(codesOf(report), ['ARCHIVE_EMPTY', 'METADATA_EMPTY']);
  });
});

describe('archives damaged in the wild', { skip: withoutFixture('archives-damaged-in-the-wild') }, () => {
  for (const [name, empty] of [
    ['89', 'metadata/transaction_45934438-45934438.meta'],
    ['137', 'metadata/state_snapshot_ver_62058380.meta'],
  ] as const) {
    it(`archive ${name}: the metadata file of zero bytes is named`, async () => {
      const report = await verifyFolder(fixturePath('archives-damaged-in-the-wild', name), undefined);
      const found = report.findings.filter(({ code }) => code === 'METADATA_EMPTY').map(({ file }) => file);
      assert.deepEqual(found, [empty]);
    });
  }
});

/** Paths of all files below a folder, relative to it. */
function readdirFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}

function filesBelow(folder: string): string[] {
  return readdirFiles(folder).map((file) => path.join(folder, file));
}

function findProof(folder: string, backup: string): string {
  const proof = readdirFiles(folder).find((file) => file.startsWith(backup) && file.endsWith('.proof'));
  assert.ok(proof, `a proof of ${backup}`);
  return proof;
}

function flip(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}
