import assert from 'node:assert';
import { serializeEpochEndingManifest } from '../archive/epoch-ending-manifest.js';
import {
  chunkFileName,
  EPOCH_ENDING_MANIFEST_NAME,
  epochEndingBackupName,
  proofFileName,
  STATE_PROOF_NAME,
  STATE_SNAPSHOT_MANIFEST_NAME,
  stateSnapshotBackupName,
  TRANSACTION_MANIFEST_NAME,
  transactionBackupName,
} from '../archive/names.js';
import {
  serializeStateSnapshotManifest,
  type StateSnapshotChunk,
} from '../archive/state-snapshot-manifest.js';
import { serializeTransactionManifest, type TransactionChunk } from '../archive/transaction-manifest.js';
import { encode } from '../bcs/codec.js';
import { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import { SparseMerkleRangeProof, StateSnapshotProof, TransactionChunkProof } from '../types/proofs.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import { type ArchiveFile, ArchiveFiles, cutChunks } from './archive-files.js';
import type { GeneratedEpoch, GeneratedLedger } from './generated-ledger.js';
import { type Seed, SeededRandom } from './seeded-random.js';

/** The reference's own default. */
const CHUNK_BYTES_MAX_DEFAULT = 134_217_728;

/** How an archive is cut and stored. */
export interface ReferenceArchiveOptions {
  /** V0 is what was written before July 2025: records without auxiliary info. Default V1. */
  readonly format?: TransactionRecordFormat;
  /** Bytes; a single larger record still makes a chunk. Default 128 MiB. */
  readonly maxChunkSize?: number;
  /**
   * Compress every file, or by chance. The only thing here whose bytes may depend on the machine, since
   * versions of zlib compress differently.
   */
  readonly gzip?: boolean | 'mixed';
  /**
   * Transactions of one backup, as the continuous backup cuts them: version 0 alone, then up to each
   * multiple of it. Default: all in one backup.
   */
  readonly transactionBatch?: number;
  /** Epochs of one epoch-ending backup. Default: all in one. */
  readonly epochEndingBatch?: number;
  /** Of which ended epochs the last state is backed up. Default: all. */
  readonly snapshotEpochs?: 'all' | readonly number[];
  /** Of the random parts of folder names. Default 0. */
  readonly seed?: Seed;
}

/** What was written. */
export interface WrittenArchive {
  readonly directory: string;
  /** The trust root: where epoch 0 ends, as `version:hash`. */
  readonly genesisWaypoint: string;
  readonly lastVersion: bigint;
  /** Epochs whose ending is in the archive. */
  readonly endedEpochs: number;
  readonly files: readonly ArchiveFile[];
}

/**
 * Writes the archive that the reference's backup of this ledger would be: same names, chunks, proofs,
 * manifests and metadata (spec: backup-format.md, sections 2 to 5 and 8). The folder may exist, but not
 * hold an archive.
 * @throws AssertionError for format V0 of a ledger with auxiliary info; system errors
 */
export async function writeReferenceArchive(
  ledger: GeneratedLedger,
  directory: string,
  options: ReferenceArchiveOptions = {},
): Promise<WrittenArchive> {
  const { format = 'V1', seed = 0, gzip = false } = options;
  assert(
    format === 'V1' || !ledger.hasAuxiliaryInfo,
    'records of format V0 have no place for auxiliary info',
  );
  const files = new ArchiveFiles(directory, SeededRandom.fromSeed(seed).fork('folders'), gzip);
  const writer = new ReferenceArchiveWriter(ledger, files, options);
  await writer.writeAll();
  return {
    directory,
    genesisWaypoint: ledger.genesisWaypoint,
    lastVersion: ledger.lastVersion,
    endedEpochs: ledger.epochs.filter(({ ended }) => ended).length,
    files: files.files,
  };
}

class ReferenceArchiveWriter {
  readonly #ledger: GeneratedLedger;
  readonly #files: ArchiveFiles;
  readonly #options: ReferenceArchiveOptions;
  readonly #format: TransactionRecordFormat;
  readonly #chunkBytesMax: number;

  constructor(ledger: GeneratedLedger, files: ArchiveFiles, options: ReferenceArchiveOptions) {
    this.#ledger = ledger;
    this.#files = files;
    this.#options = options;
    this.#format = options.format ?? 'V1';
    this.#chunkBytesMax = options.maxChunkSize ?? CHUNK_BYTES_MAX_DEFAULT;
  }

  async writeAll(): Promise<void> {
    const ended = this.#ledger.epochs.filter((epoch) => epoch.ended);
    const { epochEndingBatch = ended.length, snapshotEpochs = 'all' } = this.#options;
    for (let first = 0; first < ended.length; first += epochEndingBatch) {
      await this.#writeEpochEndings(ended.slice(first, first + epochEndingBatch));
    }
    for (const epoch of ended) {
      if (snapshotEpochs === 'all' || snapshotEpochs.includes(Number(epoch.epoch))) {
        await this.#writeSnapshot(epoch);
      }
    }
    for (const [first, last] of this.#transactionRanges()) await this.#writeTransactions(first, last);
  }

  async #writeEpochEndings(epochs: readonly GeneratedEpoch[]): Promise<void> {
    const [firstEpoch, lastEpoch] = [epochs[0], epochs.at(-1)];
    assert(firstEpoch && lastEpoch);
    const first = firstEpoch.epoch;
    const folder = await this.#files.createBackup(epochEndingBackupName(first));
    const record = (index: number): Uint8Array => {
      const epoch = epochs[index];
      assert(epoch);
      return encode(LedgerInfoWithSignatures, epoch.ledgerInfo);
    };
    const chunks = [];
    for (const cut of cutChunks(epochs.length, record, this.#chunkBytesMax)) {
      const chunkFirst = first + BigInt(cut.first);
      const name = chunkFileName(chunkFirst);
      const ledgerInfos = await this.#files.write(folder, name, 'epoch-ending-chunk', cut.bytes);
      chunks.push({ firstEpoch: chunkFirst, lastEpoch: first + BigInt(cut.last), ledgerInfos });
    }
    const last = lastEpoch.epoch;
    const waypoints = epochs.map((epoch) => epoch.waypoint);
    const text = serializeEpochEndingManifest({ firstEpoch: first, lastEpoch: last, waypoints, chunks });
    const name = EPOCH_ENDING_MANIFEST_NAME;
    const manifest = await this.#files.writeText(folder, name, 'epoch-ending-manifest', text);
    const [firstVersion, lastVersion] = [firstEpoch.lastVersion, lastEpoch.lastVersion];
    await this.#files.writeMetadata(
      { kind: 'epochEnding', compacted: false, first, last },
      { kind: 'EpochEndingBackup', firstEpoch: first, lastEpoch: last, firstVersion, lastVersion, manifest },
    );
  }

  async #writeSnapshot({ epoch, ledgerInfo, snapshot }: GeneratedEpoch): Promise<void> {
    assert(snapshot, `epoch ${epoch} has not ended`);
    const { version } = snapshot;
    const folder = await this.#files.createBackup(stateSnapshotBackupName(epoch, version));
    const chunks: StateSnapshotChunk[] = [];
    const record = (index: number): Uint8Array => snapshot.record(index);
    for (const cut of cutChunks(snapshot.itemCount, record, this.#chunkBytesMax)) {
      const [firstIdx, lastIdx] = [BigInt(cut.first), BigInt(cut.last)];
      const proof = encode(SparseMerkleRangeProof, snapshot.rangeProof(cut.last));
      chunks.push({
        firstIdx,
        lastIdx,
        firstKey: snapshot.keyHash(cut.first),
        lastKey: snapshot.keyHash(cut.last),
        blobs: await this.#files.write(folder, chunkFileName(firstIdx), 'state-chunk', cut.bytes),
        proof: await this.#files.write(folder, proofFileName(firstIdx, lastIdx), 'state-chunk-proof', proof),
      });
    }
    const infoWithProof = {
      ledger_info_to_transaction_info_proof: this.#ledger.accumulatorProof(Number(version)),
      transaction_info: this.#ledger.transactionInfo(Number(version)),
    };
    const rootProof = encode(StateSnapshotProof, [infoWithProof, ledgerInfo]);
    const proof = await this.#files.write(folder, STATE_PROOF_NAME, 'state-proof', rootProof);
    const { rootHash } = snapshot;
    const text = serializeStateSnapshotManifest({ version, epoch, rootHash, chunks, proof });
    const name = STATE_SNAPSHOT_MANIFEST_NAME;
    const manifest = await this.#files.writeText(folder, name, 'state-manifest', text);
    await this.#files.writeMetadata(
      { kind: 'stateSnapshot', version },
      { kind: 'StateSnapshotBackup', epoch, version, manifest },
    );
  }

  async #writeTransactions(first: number, last: number): Promise<void> {
    const [firstVersion, lastVersion] = [BigInt(first), BigInt(last)];
    const folder = await this.#files.createBackup(transactionBackupName(firstVersion));
    const chunks: TransactionChunk[] = [];
    const record = (index: number): Uint8Array => this.#ledger.record(first + index, this.#format);
    for (const cut of cutChunks(last - first + 1, record, this.#chunkBytesMax)) {
      chunks.push(await this.#writeTransactionChunk(folder, first + cut.first, first + cut.last, cut.bytes));
    }
    const text = serializeTransactionManifest({ firstVersion, lastVersion, chunks });
    const name = TRANSACTION_MANIFEST_NAME;
    const manifest = await this.#files.writeText(folder, name, 'transaction-manifest', text);
    await this.#files.writeMetadata(
      { kind: 'transaction', compacted: false, first: firstVersion, last: lastVersion },
      { kind: 'TransactionBackup', firstVersion, lastVersion, manifest },
    );
  }

  async #writeTransactionChunk(
    folder: string,
    first: number,
    last: number,
    records: Uint8Array,
  ): Promise<TransactionChunk> {
    const [firstVersion, lastVersion] = [BigInt(first), BigInt(last)];
    // The newest ledger info of the epoch of the last version (spec: backup-service.md, section 3.1).
    const { ledgerInfo } = this.#ledger.epochOf(last);
    const rangeProof = encode(TransactionChunkProof, [this.#ledger.rangeProof(first, last), ledgerInfo]);
    const proofName = proofFileName(firstVersion, lastVersion);
    const proof = await this.#files.write(folder, proofName, 'transaction-proof', rangeProof);
    const name = chunkFileName(firstVersion);
    const transactions = await this.#files.write(folder, name, 'transaction-chunk', records);
    const chunk = { firstVersion, lastVersion, transactions, proof, format: this.#format };
    // Writers of that time did not know that there would be another format.
    return this.#format === 'V0' ? { ...chunk, formatOmitted: true } : chunk;
  }

  /** First and last version of each transaction backup. */
  #transactionRanges(): (readonly [number, number])[] {
    const last = this.#ledger.transactionCount - 1;
    const { transactionBatch } = this.#options;
    if (transactionBatch === undefined) return [[0, last]];
    const ranges: (readonly [number, number])[] = [[0, 0]];
    for (let end = 0; end < last; ) {
      const next = Math.min((Math.floor(end / transactionBatch) + 1) * transactionBatch, last);
      ranges.push([end + 1, next]);
      end = next;
    }
    return ranges;
  }
}
