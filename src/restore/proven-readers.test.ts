import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadMetadata } from '../archive/load-metadata.js';
import { buildMetadataView, type MetadataView } from '../archive/metadata-view.js';
import { sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { StateTreeFrontier } from '../merkle/state-tree-frontier.js';
import { openProvingPool } from '../proving/open-proving-pool.js';
import { beginsAsGzip } from '../storage/decompress.js';
import { LocalFsStorage } from '../storage/local-fs.js';
import { ignoreProgress } from '../telemetry/progress.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { codesOf, names, verifyFolder } from '../test-support/verify-folder.js';
import {
  type Alteration,
  type ArchiveFile,
  deleteFile,
  dropRecord,
  flipBit,
  generateLedger,
  SeededRandom,
  truncateFile,
  writeReferenceArchive,
} from '../testing/index.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import { TrustedWaypoints } from '../trust/trusted-waypoints.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import { parseWaypoint } from '../types/waypoint.js';
import { type ArchiveReading, emptyTally } from './archive-reading.js';
import { provenEpochEndings } from './proven-epoch-endings.js';
import { SnapshotReader } from './proven-state-chunks.js';
import { provenTransactionChunks, recordsIn } from './proven-transactions.js';
import { RestoreFindingError } from './restore-finding.js';
import { TransactionReader } from './transaction-reader.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
const pool = openProvingPool({ family: LEDGER_FAMILIES.aptos, threads: 1 });
const ledger = generateLedger({ seed: 'readers', epochs: 3, transactions: 400, stateItems: 300 });
const LAST = 399n;
const ALL = { first: 0n, last: LAST };
const DAMAGES = Number(process.env['HOLDFAST_DAMAGES'] ?? 40);

interface Archive {
  readonly reading: ArchiveReading;
  readonly view: MetadataView;
}

async function openArchive(root: string, concurrency = 3): Promise<Archive> {
  const storage = new LocalFsStorage(root);
  const view = buildMetadataView((await loadMetadata(storage)).entries);
  return { reading: { storage, hashers, pool, concurrency, tally: emptyTally() }, view };
}

async function historyOf({ reading, view }: Archive, waypoint: string): Promise<EpochHistory> {
  const waypoints = new TrustedWaypoints([parseWaypoint(waypoint)]);
  return (await provenEpochEndings(reading, waypoints, view.epochEndings, ignoreProgress)).history;
}

/** Reads all of an archive as a restore would; the codes of what stopped it, and how far it came. */
async function readAll(root: string, waypoint: string): Promise<RestoreFindingError | undefined> {
  try {
    const archive = await openArchive(root);
    const history = await historyOf(archive, waypoint);
    for (const entry of archive.view.stateSnapshots) {
      const snapshot = await SnapshotReader.open(archive.reading, history, entry);
      for await (const _ of snapshot.chunks());
    }
    for await (const _ of provenTransactionChunks(archive.reading, history, archive.view.transactions, ALL));
    return undefined;
  } catch (error) {
    if (error instanceof RestoreFindingError) return error;
    throw error;
  }
}

describe('the readers of a restore', () => {
  const root = temporaryFolder({ after });
  let waypoint = '';
  let files: readonly ArchiveFile[] = [];
  before(async () => {
    const written = await writeReferenceArchive(ledger, root, {
      maxChunkSize: 20_000,
      transactionBatch: 150,
      gzip: 'mixed',
    });
    waypoint = written.genesisWaypoint;
    files = written.files;
  });

  it('give every record of the transactions once, with the hash of its info', async () => {
    const archive = await openArchive(root);
    const history = await historyOf(archive, waypoint);
    let next = 0;
    const chunks = provenTransactionChunks(archive.reading, history, archive.view.transactions, ALL);
    for await (const { batches } of chunks) {
      for (const batch of batches) {
        assert.equal(batch.firstVersion, BigInt(next));
        for (let index = 0; index < batch.count; index++, next++) {
          const record = batch.bytes.subarray(batch.starts[index], batch.ends[index]);
          assert.deepEqual(Buffer.from(record), Buffer.from(ledger.record(next, 'V1')));
        }
        assert.equal(batch.infoHashes.length, batch.count * 32);
      }
    }
    assert.equal(BigInt(next), LAST + 1n);
  });

  it('read only chunks that hold wanted versions, and cut their records to them', async () => {
    const archive = await openArchive(root);
    const history = await historyOf(archive, waypoint);
    const range = { first: 170n, last: 260n };
    const versions: bigint[] = [];
    for await (const { chunk, batches } of provenTransactionChunks(
      archive.reading,
      history,
      archive.view.transactions,
      range,
    )) {
      assert.ok(chunk.lastVersion >= range.first && chunk.firstVersion <= range.last);
      for (const each of batches) {
        const batch = recordsIn(each, range);
        for (let index = 0; batch && index < batch.count; index++) {
          versions.push(batch.firstVersion + BigInt(index));
        }
      }
    }
    assert.equal(versions.length, 91);
    assert.deepEqual([versions[0], versions.at(-1)], [range.first, range.last]);
  });

  it('read each chunk of transactions once for ranges that follow each other', async () => {
    const archive = await openArchive(root);
    const history = await historyOf(archive, waypoint);
    const { tally } = archive.reading;
    const read = async (ends: readonly bigint[]): Promise<void> => {
      const source = { backups: archive.view.transactions, history };
      await using reader = new TransactionReader(archive.reading, source, LAST);
      let next = 0n;
      for (const last of ends) {
        const range = { first: next, last };
        for await (const { batches } of reader.chunks(range)) {
          for (const each of batches) {
            const batch = recordsIn(each, range);
            if (batch === undefined) continue;
            assert.equal(batch.firstVersion, next);
            const first = batch.bytes.subarray(batch.starts[0], batch.ends[0]);
            assert.deepEqual(Buffer.from(first), Buffer.from(ledger.record(Number(next), 'V1')));
            next += BigInt(batch.count);
            batch.release?.();
          }
        }
        assert.equal(next, last + 1n);
      }
    };
    for (const ends of [[LAST], [0n, 170n, 171n, 260n, LAST], [149n, 150n, LAST]]) {
      const before = tally.transactions;
      await read(ends);
      assert.equal(BigInt(tally.transactions - before), LAST + 1n);
    }
  });

  it('begin a range anew that does not follow the one before', async () => {
    const archive = await openArchive(root);
    const history = await historyOf(archive, waypoint);
    const source = { backups: archive.view.transactions, history };
    await using reader = new TransactionReader(archive.reading, source, LAST);
    for (const first of [100n, 0n, 390n]) {
      for await (const { chunk } of reader.chunks({ first, last: LAST })) {
        assert.ok(chunk.firstVersion <= first && first <= chunk.lastVersion);
        break;
      }
    }
  });

  it('go on with a snapshot behind any item, as if they had read it from the start', async () => {
    const archive = await openArchive(root);
    const history = await historyOf(archive, waypoint);
    const [entry] = archive.view.stateSnapshots.slice(-1);
    assert.ok(entry);
    const read = async (before?: StateTreeFrontier): Promise<Buffer[]> => {
      const snapshot = await SnapshotReader.open(archive.reading, history, entry);
      const keys: Buffer[] = [];
      for await (const { batches } of snapshot.chunks(before)) {
        for (const { keyHashes, valueHashes, count } of batches) {
          for (let at = 0; at < count * 32; at += 32) {
            keys.push(Buffer.concat([keyHashes.subarray(at, at + 32), valueHashes.subarray(at, at + 32)]));
          }
        }
      }
      return keys;
    };
    const whole = await read();
    assert.ok(whole.length > 200);
    for (const done of [1, 7, whole.length >> 1, whole.length - 1, whole.length]) {
      const frontier = new StateTreeFrontier(sparseMerkleHashers(hashers));
      for (const leaf of whole.slice(0, done)) frontier.add(leaf.subarray(0, 32), leaf.subarray(32));
      assert.deepEqual(await read(frontier), whole.slice(done), `behind ${done} items`);
    }
  });

  it('stop at every damage, of whatever file, with a finding that verify makes of it', async () => {
    const random = SeededRandom.fromSeed(process.env['HOLDFAST_SEED'] ?? 'damage');
    assert.equal(await readAll(root, waypoint), undefined);
    const damaged = files.filter(({ kind }) => kind !== 'metadata');
    for (let round = 0; round < DAMAGES; round++) {
      const { handle, kind } = random.pick(damaged);
      const file = path.join(root, handle);
      const bytes = readFileSync(file);
      const isPlainChunk = kind.endsWith('-chunk') && !beginsAsGzip(bytes, handle);
      const damages: readonly (() => Promise<Alteration>)[] = [
        () => flipBit(file, random.int(0, bytes.length * 8 - 1)),
        () => truncateFile(file, random.int(0, bytes.length - 1)),
        () => deleteFile(file),
        () => (isPlainChunk ? dropRecord(file, 0) : deleteFile(file)),
      ];
      const alteration = await random.pick(damages)();
      try {
        const what = `round ${round}: ${alteration.kind} ${handle}, ${alteration.detail}`;
        const report = await verifyFolder(root, waypoint);
        const error = await readAll(root, waypoint);
        if (report.findings.length === 0) {
          assert.equal(error, undefined, what);
          continue;
        }
        assert.ok(error, what);
        const [finding] = error.findings;
        assert.ok(finding);
        const same = report.findings.filter(({ code }) => code === finding.code);
        const said = `${what}: ${finding.code}, verify says ${codesOf(report).join(', ')}`;
        assert.ok(same.length > 0, said);
        assert.ok(names(finding, handle) || report.findings.every((each) => !names(each, handle)), said);
        assert.ok(error.message.startsWith(finding.code) && error.message.includes(finding.message), said);
      } finally {
        writeFileSync(file, bytes);
      }
    }
  });

  it('give everything before a damaged chunk, and nothing from it on', async () => {
    const archive = await openArchive(root, 16);
    const history = await historyOf(archive, waypoint);
    const chunks = files.filter(({ kind }) => kind === 'transaction-chunk');
    const { handle } = chunks.at(-2) ?? assert.fail();
    const file = path.join(root, handle);
    const bytes = readFileSync(file);
    await truncateFile(file, bytes.length - 1);
    let last = -1n;
    try {
      const read = async (): Promise<void> => {
        for await (const { chunk } of provenTransactionChunks(
          archive.reading,
          history,
          archive.view.transactions,
          ALL,
        )) {
          last = chunk.lastVersion;
        }
      };
      await assert.rejects(
        read,
        (error) => error instanceof RestoreFindingError && error.findings[0]?.file === handle,
      );
    } finally {
      writeFileSync(file, bytes);
    }
    assert.equal(`${last + 1n}-.chunk`, path.basename(handle));
  });
});
