import assert from 'node:assert/strict';
import { readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { parseEpochEndingManifest } from '../archive/epoch-ending-manifest.js';
import { parseMetadataFile } from '../archive/metadata-entry.js';
import { parseStateSnapshotManifest } from '../archive/state-snapshot-manifest.js';
import { parseTransactionManifest } from '../archive/transaction-manifest.js';
import { HoldfastError } from '../errors/holdfast-error.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { names, verifyFolder } from '../test-support/verify-folder.js';
import {
  type ArchiveFile,
  countRecords,
  dropRecord,
  duplicateRecord,
  generateLedger,
  SeededRandom,
  swapFiles,
  writeReferenceArchive,
} from '../testing/index.js';
import { committedTransactionBytes } from '../types/committed-transaction.js';
import { TransactionRecordWalk } from '../types/transaction-record-walk.js';
import type { VerifyReport } from './report.js';

/** `HOLDFAST_CAMPAIGN=full` runs the whole campaign; its figures are in docs/verification.md. */
const FULL = process.env['HOLDFAST_CAMPAIGN'] === 'full';
const FLIPS = FULL ? 4000 : 600;
const TRUNCATIONS = FULL ? 1000 : 150;
const SEED = process.env['HOLDFAST_SEED'] ?? 'sensitivity';
const TIMEOUT_MS = 20_000;
const OLD = new Date('2020-01-01');

/** An archive on disk, its files' original bytes, and how to put them back. */
class Target {
  readonly root: string;
  readonly waypoint: string;
  readonly lastVersion: bigint;
  readonly files: readonly ArchiveFile[];

  constructor(root: string, waypoint: string, lastVersion: bigint, files: readonly ArchiveFile[]) {
    this.root = root;
    this.waypoint = waypoint;
    this.lastVersion = lastVersion;
    this.files = files;
    for (const { handle } of files) this.age(handle);
  }

  path(handle: string): string {
    return path.join(this.root, handle);
  }

  read(handle: string): Buffer {
    return readFileSync(this.path(handle));
  }

  write(handle: string, bytes: Uint8Array): void {
    writeFileSync(this.path(handle), bytes);
    this.age(handle);
  }

  /** A manifest that a writer may be about to list is left alone; these are old. */
  age(handle: string): void {
    utimesSync(this.path(handle), OLD, OLD);
  }

  of(kind: ArchiveFile['kind']): readonly string[] {
    return this.files.filter((file) => file.kind === kind).map(({ handle }) => handle);
  }

  /** Verifies within a time limit: a hang is a fault of ours, whatever the input. */
  async verify(): Promise<VerifyReport> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    return await verifyFolder(this.root, this.waypoint, { mustReach: this.lastVersion, signal });
  }
}

/** What a file means: two contents with the same meaning need not be told apart. */
function meaningOf(file: ArchiveFile, bytes: Uint8Array): unknown {
  try {
    switch (file.kind) {
      case 'metadata':
        return metadataMeaning(file.handle, bytes);
      case 'epoch-ending-manifest': {
        const manifest = parseEpochEndingManifest(bytes);
        // Hex digits of either case are the same hash; other fields are parsed to hashes already.
        return { ...manifest, waypoints: manifest.waypoints.map((text) => text.toLowerCase()) };
      }
      case 'state-manifest':
        return parseStateSnapshotManifest(bytes);
      case 'transaction-manifest':
        return parseTransactionManifest(bytes);
      case 'transaction-chunk':
        return transactionMeaning(bytes);
      default:
        return bytes;
    }
  } catch (error) {
    if (error instanceof HoldfastError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Nothing compares an archive's identity: any hash does. */
function metadataMeaning(handle: string, bytes: Uint8Array): unknown {
  const { entries, problem } = parseMetadataFile(bytes, handle);
  if (problem) return undefined;
  return entries.map(({ entry }) => (entry.kind === 'Identity' ? entry.kind : entry));
}

/**
 * What no hash covers: how validators fared with opening an encrypted payload, and the index in an
 * auxiliary info whose timestamp is not yet assigned.
 */
function transactionMeaning(bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const walk = new TransactionRecordWalk();
  const records: unknown[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = start + 4 + view.getUint32(start);
    walk.walk(bytes, start + 4, end, 'V1');
    const auxiliary = bytes.slice(walk.auxiliaryStart, walk.auxiliaryEnd);
    records.push([
      committedTransactionBytes(bytes.slice(walk.transactionStart, walk.transactionEnd)),
      walk.auxiliaryVariant === 2 ? walk.auxiliaryVariant : auxiliary,
      bytes.slice(walk.auxiliaryEnd, end),
    ]);
    start = end;
  }
  return records;
}

function sameMeaning(file: ArchiveFile, original: Uint8Array, altered: Uint8Array): boolean {
  const meaning = meaningOf(file, altered);
  if (meaning === undefined) return false;
  try {
    assert.deepStrictEqual(meaning, meaningOf(file, original));
    return true;
  } catch (error) {
    if (error instanceof assert.AssertionError) return false;
    throw error;
  }
}

/** The report has findings, and one of them names one of the altered files. */
function assertFound(report: VerifyReport, altered: readonly string[], what: string): void {
  assert.equal(report.outcome, 'findings', `${what} of ${altered} was not found`);
  const named = report.findings.some((finding) => altered.some((file) => names(finding, file)));
  const told = report.findings.map(({ code, file, otherFiles }) => [code, file, otherFiles]);
  assert.ok(named, `${what} of ${altered} is told of other files: ${JSON.stringify(told)}`);
}

describe('sensitivity of verification', () => {
  let target: Target;
  const cleanUp: (() => void)[] = [];

  before(async () => {
    const root = temporaryFolder({ after: (hook) => cleanUp.push(hook) });
    const ledger = generateLedger({ seed: 'sensitivity', epochs: 3, transactions: 120, stateItems: 60 });
    const options = { maxChunkSize: 24_000, transactionBatch: 40, epochEndingBatch: 2 };
    const { genesisWaypoint, lastVersion, files } = await writeReferenceArchive(ledger, root, options);
    target = new Target(root, genesisWaypoint, lastVersion, files);
  });

  it('the archive as it was made is proven', async () => {
    const report = await target.verify();
    assert.deepEqual(report.findings, []);
    assert.equal(report.proven.lastVersion, target.lastVersion);
    assert.equal(report.proven.stateSnapshots.length, 3);
  });

  it(`${FLIPS} flipped bits are found, but for those that mean the same`, async (t) => {
    const random = SeededRandom.fromSeed(`${SEED} flips`);
    const tally = new Map<string, number>();
    for (let flip = 0; flip < FLIPS; flip++) {
      // Each kind of file in turn, so that small files are not left out.
      const kinds = [...new Set(target.files.map(({ kind }) => kind))];
      const kind = kinds[flip % kinds.length];
      const file = random.pick(target.files.filter((each) => each.kind === kind));
      const original = target.read(file.handle);
      const bit = random.int(0, original.length * 8 - 1);
      const altered = Buffer.from(original);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
      target.write(file.handle, altered);
      const report = await target.verify();
      target.write(file.handle, original);
      const what = `seed ${SEED}, flip ${flip}: bit ${bit & 7} of byte ${bit >> 3}`;
      if (sameMeaning(file, original, altered)) {
        tally.set('same meaning', (tally.get('same meaning') ?? 0) + 1);
        assert.equal(report.outcome, 'proven', `${what} of ${file.handle} means the same`);
      } else {
        tally.set(file.kind, (tally.get(file.kind) ?? 0) + 1);
        assertFound(report, [file.handle], what);
      }
    }
    t.diagnostic(`found by kind of file: ${JSON.stringify(Object.fromEntries(tally))}`);
  });

  it(`${TRUNCATIONS} truncated files are found`, async () => {
    const random = SeededRandom.fromSeed(`${SEED} truncations`);
    for (let round = 0; round < TRUNCATIONS; round++) {
      const file = random.pick(target.files);
      const original = target.read(file.handle);
      const length = round % 5 === 0 ? 0 : random.int(0, original.length - 1);
      const altered = original.subarray(0, length);
      target.write(file.handle, altered);
      const report = await target.verify();
      target.write(file.handle, original);
      if (sameMeaning(file, original, altered)) assert.equal(report.outcome, 'proven');
      else assertFound(report, [file.handle], `seed ${SEED}: cut after ${length} bytes`);
    }
  });

  for (const kind of ['epoch-ending-chunk', 'transaction-chunk', 'state-chunk'] as const) {
    it(`records dropped from or doubled in a file of kind ${kind} are found`, async () => {
      const random = SeededRandom.fromSeed(`${SEED} records`);
      for (const handle of target.of(kind)) {
        const original = target.read(handle);
        for (const alter of [dropRecord, duplicateRecord]) {
          const record = random.int(0, (await countRecords(target.path(handle))) - 1);
          await alter(target.path(handle), record);
          const report = await target.verify();
          target.write(handle, original);
          assertFound(report, [handle], `${alter.name} ${record}`);
        }
      }
    });
  }

  for (const kind of ['transaction-chunk', 'transaction-proof', 'state-chunk', 'state-proof'] as const) {
    it(`exchanged files of kind ${kind} are found`, async () => {
      const handles = target.of(kind);
      assert.ok(handles.length > 1);
      for (const [index, handle] of handles.entries()) {
        const other = handles[(index + 1) % handles.length] ?? handle;
        const [left, right] = [target.read(handle), target.read(other)];
        if (left.equals(right)) continue;
        await swapFiles(target.path(handle), target.path(other));
        const report = await target.verify();
        target.write(handle, left);
        target.write(other, right);
        assertFound(report, [handle, other], 'exchange');
      }
    });
  }

  it('every deleted file is named', async () => {
    for (const file of target.files) {
      if (file.handle === 'metadata/identity.meta') continue; // nothing depends on it
      const original = target.read(file.handle);
      rmSync(target.path(file.handle));
      const report = await target.verify();
      target.write(file.handle, original);
      assertFound(report, [file.handle], 'deletion');
    }
  });

  it('a file that claims gigabytes costs no memory', async () => {
    const [handle] = target.of('transaction-chunk');
    assert.ok(handle);
    const original = target.read(handle);
    for (const claim of [0x7fffffff, 0xffffffff, 0x10000000]) {
      const altered = Buffer.from(original);
      altered.writeUInt32BE(claim, 0);
      target.write(handle, altered);
      const before = process.memoryUsage().rss;
      const report = await target.verify();
      target.write(handle, original);
      assertFound(report, [handle], `a record of ${claim} bytes`);
      assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024);
    }
  });

  it('cleans up', () => {
    for (const hook of cleanUp) hook();
  });
});
