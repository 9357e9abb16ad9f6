import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { checkEpochEndingManifest, parseEpochEndingManifest } from '../archive/epoch-ending-manifest.js';
import { parseMetadataLine } from '../archive/metadata-entry.js';
import {
  checkStateSnapshotManifest,
  parseStateSnapshotManifest,
} from '../archive/state-snapshot-manifest.js';
import { checkTransactionManifest, parseTransactionManifest } from '../archive/transaction-manifest.js';
import { BcsReader } from '../bcs/bcs-reader.js';
import { decode } from '../bcs/codec.js';
import { verifyAccumulatorRangeProof } from '../merkle/accumulator-proof.js';
import { sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { StateTreeFrontier } from '../merkle/state-tree-frontier.js';
import { hashStateKey, hashStateValue, hashTransactionInfo } from '../types/hashes.js';
import { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import { SparseMerkleRangeProof, StateSnapshotProof, TransactionChunkProof } from '../types/proofs.js';
import { StateKey } from '../types/state-key.js';
import { transactionRecord } from '../types/transaction-record.js';
import {
  type ReferenceArchiveOptions,
  type WrittenArchive,
  writeReferenceArchive,
} from './archive-writer.js';
import {
  countRecords,
  deleteFile,
  dropRecord,
  duplicateRecord,
  flipBit,
  swapFiles,
  truncateFile,
} from './damage.js';
import { generateLedger } from './ledger-generator.js';

const ledger = generateLedger({ seed: 'archive', epochs: 3, transactions: 90, stateItems: 50 });
const older = generateLedger({
  seed: 'v0',
  epochs: 2,
  transactions: 40,
  stateItems: 20,
  auxiliaryInfo: false,
});
const folders: string[] = [];

after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

async function write(options: ReferenceArchiveOptions, of = ledger): Promise<WrittenArchive> {
  const directory = await mkdtemp(path.join(tmpdir(), 'holdfast-testing-'));
  folders.push(directory);
  return writeReferenceArchive(of, directory, options);
}

function handles(archive: WrittenArchive, kind: string): string[] {
  return archive.files.filter((file) => file.kind === kind).map((file) => file.handle);
}

function reader(archive: WrittenArchive) {
  return async (handle: string): Promise<Buffer> => {
    const bytes = await readFile(path.join(archive.directory, handle));
    return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  };
}

function recordsOf(chunk: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let start = 0; start < chunk.length; ) {
    const end = start + 4 + chunk.readUInt32BE(start);
    records.push(chunk.subarray(start + 4, end));
    start = end;
  }
  return records;
}

async function digestOf({ directory }: WrittenArchive): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  for (const file of files.sort()) hash.update(path.relative(directory, file)).update(await readFile(file));
  return hash.digest('hex');
}

test('an archive is made of the reference\u2019s names and files, and of nothing else', async () => {
  const archive = await write({ maxChunkSize: 6000 });
  assert.deepEqual(handles(archive, 'metadata').sort(), [
    'metadata/epoch_ending_0-2.meta',
    'metadata/state_snapshot_ver_0.meta',
    'metadata/state_snapshot_ver_30.meta',
    'metadata/state_snapshot_ver_60.meta',
    'metadata/transaction_0-89.meta',
  ]);
  const folderNames = /^(epoch_ending_0-|state_epoch_\d_ver_\d+|transaction_0-)\.[0-9a-f]{4}$/;
  const fileNames = /^(\d+-\.chunk|\d+-\d+\.proof|state\.proof|(epoch_ending|state|transaction)\.manifest)$/;
  for (const { handle, kind } of archive.files) {
    const [folder = '', name = ''] = handle.split('/');
    if (kind !== 'metadata') assert.match(folder, folderNames);
    if (kind !== 'metadata') assert.match(name, fileNames);
  }
  const entries = await readdir(archive.directory, { recursive: true, withFileTypes: true });
  assert.equal(entries.filter((entry) => entry.isFile()).length, archive.files.length);
  assert.equal(archive.lastVersion, 89n);
  assert.equal(archive.endedEpochs, 3);
  assert.equal(archive.genesisWaypoint, ledger.genesisWaypoint);
});

test('the same ledger and options give the same tree of files', async () => {
  const options = { maxChunkSize: 5000, transactionBatch: 20, seed: 3 };
  const [first, second] = [await write(options), await write(options)];
  assert.equal(await digestOf(first), await digestOf(second));
  assert.notEqual(await digestOf(await write({ ...options, seed: 4 })), await digestOf(first));
});

test('manifests and metadata say what is there', async () => {
  const archive = await write({ maxChunkSize: 4000, epochEndingBatch: 2, transactionBatch: 25 });
  const read = reader(archive);
  for (const handle of handles(archive, 'epoch-ending-manifest')) {
    assert.deepEqual(checkEpochEndingManifest(parseEpochEndingManifest(await read(handle))), []);
  }
  for (const handle of handles(archive, 'state-manifest')) {
    assert.deepEqual(checkStateSnapshotManifest(parseStateSnapshotManifest(await read(handle))), []);
  }
  const ranges: string[] = [];
  for (const handle of handles(archive, 'transaction-manifest')) {
    const manifest = parseTransactionManifest(await read(handle));
    assert.deepEqual(checkTransactionManifest(manifest), []);
    ranges.push(`${manifest.firstVersion}-${manifest.lastVersion}`);
  }
  assert.deepEqual(ranges, ['0-0', '1-25', '26-50', '51-75', '76-89']);
  const named = [];
  for (const handle of handles(archive, 'metadata')) {
    const text = await read(handle);
    assert.equal(text.at(-1), 0x0a);
    const entry = parseMetadataLine(text, 0, text.length - 1);
    if ('manifest' in entry) named.push(entry.manifest);
  }
  const manifests = archive.files.filter(({ kind }) => kind.endsWith('manifest')).map(({ handle }) => handle);
  assert.deepEqual(named.sort(), manifests.sort());
});

test('epoch chunks hold the ledger infos of the waypoints', async () => {
  const archive = await write({ maxChunkSize: 700 });
  const read = reader(archive);
  const [handle = assert.fail()] = handles(archive, 'epoch-ending-manifest');
  const manifest = parseEpochEndingManifest(await read(handle));
  assert.equal(manifest.waypoints[0], ledger.genesisWaypoint);
  assert(manifest.chunks.length > 1);
  for (const chunk of manifest.chunks) {
    const records = recordsOf(await read(chunk.ledgerInfos));
    assert.equal(records.length, Number(chunk.lastEpoch - chunk.firstEpoch) + 1);
    records.forEach((record, index) => {
      const { value } = decode(LedgerInfoWithSignatures, record);
      assert.equal(value.ledger_info.commit_info.epoch, chunk.firstEpoch + BigInt(index));
    });
  }
});

test('each state chunk is proven up to its last key, and the last one completes the root', async () => {
  const archive = await write({ maxChunkSize: 2500, snapshotEpochs: [1, 2] });
  const read = reader(archive);
  const { hashers } = ledger;
  const manifests = handles(archive, 'state-manifest');
  assert.equal(manifests.length, 2);
  for (const handle of manifests) {
    const manifest = parseStateSnapshotManifest(await read(handle));
    const frontier = new StateTreeFrontier(sparseMerkleHashers(hashers));
    assert(manifest.chunks.length > 2);
    for (const chunk of manifest.chunks) {
      for (const record of recordsOf(await read(chunk.blobs))) {
        const cursor = new BcsReader(record);
        StateKey.skip(cursor);
        const key = hashStateKey(hashers, record.subarray(0, cursor.offset));
        frontier.add(key, hashStateValue(hashers, record.subarray(cursor.offset)));
      }
      assert.deepEqual(Buffer.from(frontier.lastKey ?? []), Buffer.from(chunk.lastKey));
      const { right_siblings } = decode(SparseMerkleRangeProof, await read(chunk.proof));
      frontier.verify(right_siblings, manifest.rootHash);
    }
    assert.deepEqual(Buffer.from(frontier.currentRoot()), Buffer.from(manifest.rootHash));
    const [{ transaction_info }] = decode(StateSnapshotProof, await read(manifest.proof));
    assert.deepEqual(
      Buffer.from(transaction_info.value.state_checkpoint_hash ?? []),
      Buffer.from(manifest.rootHash),
    );
  }
});

for (const [format, of] of [
  ['V1', ledger],
  ['V0', older],
] as const) {
  test(`transaction chunks of format ${format} keep to the size and are proven`, async () => {
    const maxChunkSize = 8000;
    const archive = await write({ maxChunkSize, format }, of);
    const read = reader(archive);
    const [handle = assert.fail()] = handles(archive, 'transaction-manifest');
    const text = await read(handle);
    assert.equal(text.includes('"format":"V1"'), format === 'V1');
    assert.equal(text.includes('"format"'), format === 'V1', 'older writers knew no format');
    for (const chunk of parseTransactionManifest(text).chunks) {
      const bytes = await read(chunk.transactions);
      const records = recordsOf(bytes);
      assert(bytes.length <= maxChunkSize || records.length === 1);
      const infos = records.map((record) => {
        return hashTransactionInfo(of.hashers, decode(transactionRecord(format), record).transaction_info);
      });
      const [proof, signed] = decode(TransactionChunkProof, await read(chunk.proof));
      const { commit_info } = signed.value.ledger_info;
      assert.equal(commit_info.epoch, of.epochOf(Number(chunk.lastVersion)).epoch);
      verifyAccumulatorRangeProof(of.hashers.transactionAccumulator, {
        root: commit_info.executed_state_id,
        firstIndex: chunk.firstVersion,
        packedLeaves: Buffer.concat(infos),
        count: infos.length,
        leftSiblings: proof.left_siblings,
        rightSiblings: proof.right_siblings,
        leafCount: commit_info.version + 1n,
      });
    }
  });
}

test('records with auxiliary info are refused for the format that has no place for it', async () => {
  await assert.rejects(write({ format: 'V0' }), { code: 'ERR_ASSERTION' });
});

test('files are compressed all, in part, or not at all', async () => {
  const share = async (gzip: boolean | 'mixed'): Promise<number> => {
    const archive = await write({ gzip, maxChunkSize: 5000 });
    let compressed = 0;
    for (const { handle } of archive.files) {
      const bytes = await readFile(path.join(archive.directory, handle));
      if (bytes[0] === 0x1f && bytes[1] === 0x8b) compressed++;
    }
    return compressed / archive.files.length;
  };
  assert.equal(await share(true), 1);
  assert.equal(await share(false), 0);
  const mixed = await share('mixed');
  assert(mixed > 0.2 && mixed < 0.8, `${mixed}`);
});

test('each kind of damage alters the files that it names, and no others', async () => {
  const archive = await write({ maxChunkSize: 5000 });
  const pathOf = (kind: string, index = 0): string => {
    return path.join(archive.directory, handles(archive, kind)[index] ?? assert.fail(kind));
  };
  const chunk = pathOf('transaction-chunk', 1);
  const before = await readFile(chunk);
  const records = await countRecords(chunk);

  assert.deepEqual((await flipBit(chunk, 83)).files, [chunk]);
  const flipped = await readFile(chunk);
  assert.equal((flipped[10] ?? 0) ^ (before[10] ?? 0), 0x80 >> 3);
  await flipBit(chunk, 83);
  assert.deepEqual(await readFile(chunk), before);

  await duplicateRecord(chunk, 2);
  assert.equal(await countRecords(chunk), records + 1);
  await dropRecord(chunk, 3);
  assert.deepEqual(await readFile(chunk), before);

  const other = pathOf('transaction-chunk', 2);
  const otherBefore = await readFile(other);
  assert.deepEqual((await swapFiles(chunk, other)).files, [chunk, other]);
  assert.deepEqual(await readFile(other), before);
  assert.deepEqual(await readFile(chunk), otherBefore);

  await truncateFile(other, 7);
  assert.equal((await readFile(other)).length, 7);
  await deleteFile(other);
  await assert.rejects(readFile(other), { code: 'ENOENT' });
});
