import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { temporaryCopy } from '../test-support/temporary-folder.js';
import { names, verifyFolder } from '../test-support/verify-folder.js';
import type { FindingCode } from './finding.js';
import type { VerifyOptions } from './verify-archive.js';

// What the reference's own `backup verify` lets pass, or dies of as a whole, on its own archive.

const WAYPOINT = '0:cda249717441d5a732df74ffe644ccce8e371a64529859bed5699abf258547df';
const LAST_TRANSACTIONS = 'metadata/transaction_290-580.meta';
const SNAPSHOT_METADATA = 'metadata/state_snapshot_ver_490.meta';

interface Alteration {
  readonly title: string;
  readonly expect: FindingCode;
  /** Alters the copy and returns the file that a finding must name, if a file is left to name. */
  alter(copy: Copy): string | undefined;
  readonly options?: Partial<VerifyOptions>;
}

/** An archive that may be spoilt. */
class Copy {
  readonly root: string;
  constructor(root: string) {
    this.root = root;
  }

  folder(prefix: string): string {
    const found = readdirSync(this.root).find((name) => name.startsWith(prefix));
    assert.ok(found, prefix);
    return found;
  }

  edit(file: string, change: (bytes: Buffer) => Buffer): string {
    const full = path.join(this.root, file);
    writeFileSync(full, change(readFileSync(full)));
    return file;
  }

  // biome-ignore lint/suspicious/noExplicitAny: a manifest to be spoilt in any way
  editJson(file: string, change: (value: any) => void): string {
    return this.edit(file, (bytes) => {
      const value: unknown = JSON.parse(bytes.toString());
      change(value);
      return Buffer.from(JSON.stringify(value));
    });
  }

  remove(file: string): void {
    rmSync(path.join(this.root, file), { recursive: true });
  }
}

function flipByte(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  return bytes;
}

const stateManifest = (copy: Copy, version = 490): string => {
  const prefix = { 0: 'state_epoch_0_', 310: 'state_epoch_3_', 490: 'state_epoch_5_' }[version] ?? '';
  return `${copy.folder(prefix)}/state.manifest`;
};

const badMetadata = (title: string, content: (bytes: Buffer) => Buffer): Alteration => ({
  title: `a metadata file that is ${title}`,
  expect: 'METADATA_UNREADABLE',
  alter: (copy) => copy.edit(SNAPSHOT_METADATA, content),
});

const ALTERATIONS: readonly Alteration[] = [
  {
    title: 'a byte of a write set in a transaction chunk',
    expect: 'STATE_CHANGE_HASH_MISMATCH',
    // The last byte of a chunk belongs to the last record's write set.
    alter: (copy) =>
      copy.edit(`${copy.folder('transaction_290-')}/335-.chunk`, (bytes) =>
        flipByte(bytes, bytes.length - 1),
      ),
  },
  {
    title: 'a state manifest without its last chunk',
    expect: 'STATE_INCOMPLETE',
    alter: (copy) => copy.editJson(stateManifest(copy), (manifest) => manifest.chunks.pop()),
  },
  {
    title: 'a state manifest with its first chunk alone',
    expect: 'STATE_INCOMPLETE',
    alter: (copy) => copy.editJson(stateManifest(copy), (manifest) => manifest.chunks.splice(1)),
  },
  {
    title: 'a first key of a state chunk that lies',
    expect: 'STATE_KEY_RANGE_MISMATCH',
    alter: (copy) =>
      copy.editJson(stateManifest(copy), ({ chunks }) => {
        chunks[3].first_key = chunks[3].first_key.replace(/.$/, (digit: string) =>
          digit === '0' ? '1' : '0',
        );
      }),
  },
  {
    title: 'a first index of a state chunk that lies',
    expect: 'MANIFEST_INVALID',
    alter: (copy) => copy.editJson(stateManifest(copy), ({ chunks }) => void chunks[3].first_idx++),
  },
  {
    title: 'a last index of a state chunk that lies',
    expect: 'RECORD_COUNT_MISMATCH',
    alter: (copy) => copy.editJson(stateManifest(copy), ({ chunks }) => void chunks.at(-1).last_idx++),
  },
  {
    title: 'an empty metadata file of a snapshot',
    expect: 'METADATA_EMPTY',
    alter: (copy) => copy.edit(SNAPSHOT_METADATA, () => Buffer.alloc(0)),
  },
  {
    title: 'an empty metadata file of the last transaction range',
    expect: 'METADATA_EMPTY',
    alter: (copy) => copy.edit(LAST_TRANSACTIONS, () => Buffer.alloc(0)),
  },
  {
    title: 'the metadata file of the last transaction range deleted, when its version is demanded',
    expect: 'ENDS_EARLY',
    alter: (copy) => void copy.remove(LAST_TRANSACTIONS),
    options: { mustReach: 580n },
  },
  {
    title: 'a damaged chunk of an older snapshot',
    expect: 'STATE_ROOT_MISMATCH',
    alter: (copy) =>
      copy.edit(`${copy.folder('state_epoch_0_')}/22-.chunk`, (bytes) => flipByte(bytes, bytes.length - 3)),
  },
  {
    title: 'a deleted chunk of an older snapshot',
    expect: 'FILE_MISSING',
    alter: (copy) => {
      const file = `${copy.folder('state_epoch_3_')}/31-.chunk`;
      copy.remove(file);
      return file;
    },
  },
  {
    title: 'the last epoch ending missing, and a forged signature in the open epoch',
    expect: 'VALIDATORS_UNKNOWN',
    alter: (copy) => {
      const folder = copy.folder('epoch_ending_0-');
      copy.edit(`${folder}/0-.chunk`, (bytes) => bytes.subarray(0, endOfRecords(bytes, 5)));
      copy.editJson(`${folder}/epoch_ending.manifest`, (manifest) => {
        manifest.last_epoch = 4;
        manifest.chunks[0].last_epoch = 4;
        manifest.waypoints.pop();
      });
      copy.remove('metadata/epoch_ending_0-5.meta');
      const manifest = `${folder}/epoch_ending.manifest`;
      const entry = { first_epoch: 0, last_epoch: 4, first_version: 0, last_version: 400, manifest };
      const waypoints: string[] = JSON.parse(readFileSync(path.join(copy.root, manifest), 'utf8')).waypoints;
      entry.last_version = Number(waypoints.at(-1)?.split(':')[0]);
      const text = `${JSON.stringify({ EpochEndingBackup: entry })}\n`;
      writeFileSync(path.join(copy.root, 'metadata/epoch_ending_0-4.meta'), text);
      const proof = `${copy.folder('transaction_290-')}/573-580.proof`;
      return copy.edit(proof, (bytes) => flipByte(bytes, bytes.length - 20));
    },
  },
  badMetadata('torn', (bytes) => bytes.subarray(0, 40)),
  badMetadata('all zeros', (bytes) => Buffer.alloc(bytes.length)),
  badMetadata('of an unknown kind', () => Buffer.from('{"FutureBackup":{"version":1}}\n')),
  badMetadata('no metadata file at all', () => Buffer.from('hello\n')),
];

/** Where the first `count` records of a chunk end. */
function endOfRecords(bytes: Buffer, count: number): number {
  let end = 0;
  for (let record = 0; record < count; record++) end += 4 + bytes.readUInt32BE(end);
  return end;
}

describe('what the reference lets pass is found', { skip: withoutFixture('reference-ledger') }, () => {
  for (const { title, expect, alter, options } of ALTERATIONS) {
    it(title, async (t) => {
      const copy = new Copy(await temporaryCopy(t, fixturePath('reference-ledger', 'archive')));
      const altered = alter(copy);
      const report = await verifyFolder(copy.root, WAYPOINT, options ?? {});
      const matching = report.findings.filter(({ code }) => code === expect);
      assert.ok(matching.length > 0, `no ${expect} among ${report.findings.map(({ code }) => code)}`);
      if (altered !== undefined) {
        assert.ok(
          matching.some((finding) => names(finding, altered)),
          `${expect} names ${matching[0]?.file}, not ${altered}`,
        );
      }
    });
  }

  it('a bad metadata file hides nothing else', async (t) => {
    const copy = new Copy(await temporaryCopy(t, fixturePath('reference-ledger', 'archive')));
    copy.edit(SNAPSHOT_METADATA, () => Buffer.from('hello\n'));
    const report = await verifyFolder(copy.root, WAYPOINT);
    assert.deepEqual(report.proven.transactions, [{ first: 0n, last: 580n }]);
    assert.deepEqual(
      report.proven.stateSnapshots.map(({ version }) => version),
      [0n, 310n],
    );
  });

  it('stops at the first finding when told so', async (t) => {
    const copy = new Copy(await temporaryCopy(t, fixturePath('reference-ledger', 'archive')));
    copy.edit(SNAPSHOT_METADATA, () => Buffer.from('hello\n'));
    const report = await verifyFolder(copy.root, WAYPOINT, { failFast: true });
    assert.equal(report.outcome, 'stopped');
    assert.equal(report.findings.length, 1);
    assert.deepEqual(report.proven.transactions, []);
  });

  it('a finding that is allowed by name is told and does not count', async (t) => {
    const copy = new Copy(await temporaryCopy(t, fixturePath('reference-ledger', 'archive')));
    copy.edit(SNAPSHOT_METADATA, () => Buffer.alloc(0));
    const report = await verifyFolder(copy.root, WAYPOINT, { allow: new Set(['METADATA_EMPTY']) });
    assert.equal(report.outcome, 'proven');
    assert.deepEqual(
      report.findings.map(({ code, allowed }) => [code, allowed]),
      [['METADATA_EMPTY', true]],
    );
  });
});
