import { type RecordBatch, readRecordBatches } from '../archive/record-file.js';
import type { TransactionChunk } from '../archive/transaction-manifest.js';
import { BcsError } from '../bcs/bcs-error.js';
import { toHex } from '../hashing/hash-value.js';
import { Accumulator } from '../merkle/accumulator.js';
import { checkRangeProofShape } from '../merkle/accumulator-shape.js';
import { MerkleError } from '../merkle/merkle-error.js';
import type { RecordFault } from '../records/record-fault.js';
import type { FileHandle } from '../storage/backup-storage.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import { TrustError } from '../trust/trust-error.js';
import { TransactionChunkProof } from '../types/proofs.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import { TransactionRecordWalk } from '../types/transaction-record-walk.js';
import { readProof, type VerifyContext } from './context.js';
import { findingOf } from './findings.js';
import { analyseBatch } from './transaction-analysis.js';

/** Why a chunk counts as proven, or not. */
export type ChunkVerdict =
  /** Every record is in the ledger that an anchored ledger info signs. */
  | 'proven'
  /** The same, but no chain leads from the trust root to the signers, or signatures were skipped. */
  | 'consistent'
  /** Something in it is wrong; there is a finding. */
  | 'faulty';

/** What a chunk leaves behind for its neighbours. */
export interface ChunkOutcome {
  readonly chunk: TransactionChunk;
  readonly verdict: ChunkVerdict;
  /** Undefined when the proof file could not be read, or nothing vouches for its ledger info. */
  readonly proof: TransactionChunkProof | undefined;
  /** False when the chunk's file is missing or cannot be read to its end. */
  readonly recordsRead: boolean;
  /** All leaves up to the chunk's last version, when its records were proven or consistent. */
  readonly accumulator: Accumulator | undefined;
}

/**
 * Sees each batch whose records could all be read, with the hashes of their infos: 32 bytes a record. What
 * it gets is valid during the call, and proven only once the chunk's verdict says so.
 */
export type TransactionBatchListener = (
  batch: RecordBatch,
  infoHashes: Uint8Array,
  format: TransactionRecordFormat,
) => void;

/** Whether a ledger info may be relied upon. */
type LedgerInfoVerdict = 'anchored' | 'unanchored' | 'refused';

interface ReadOutcome {
  readonly accumulator: Accumulator | undefined;
  readonly count: number;
  /** False when a finding was made about the records themselves. */
  readonly sound: boolean;
}

/** Verifies one chunk of transactions with its proof (spec: formats.md, section 8.4). */
export class TransactionChunkVerifier {
  readonly #context: VerifyContext;
  /** Undefined when epoch endings are skipped: then no signature is checked. */
  readonly #history: EpochHistory | undefined;

  constructor(context: VerifyContext, history: EpochHistory | undefined) {
    this.#context = context;
    this.#history = history;
  }

  async verify(
    chunk: TransactionChunk,
    manifest: FileHandle,
    onBatch?: TransactionBatchListener,
  ): Promise<ChunkOutcome> {
    const proof = await readProof(this.#context, TransactionChunkProof, chunk.proof, manifest);
    const trust = proof ? this.#judgeLedgerInfo(chunk, proof) : 'refused';
    const read = await this.#readRecords(chunk, manifest, proof, onBatch);
    const { findings } = this.#context;
    const expected = chunk.lastVersion - chunk.firstVersion + 1n;
    const recordsRead = read !== undefined;
    const vouched = trust === 'refused' ? undefined : proof;
    const faulty: ChunkOutcome = {
      chunk,
      verdict: 'faulty',
      proof: vouched,
      recordsRead,
      accumulator: undefined,
    };
    if (!read) {
      // Without its records, at least the proof must fit the range.
      if (proof) this.#checkShape(chunk, manifest, proof);
      return faulty;
    }
    const countFits = BigInt(read.count) === expected;
    const proven = proof && read.accumulator ? this.#checkRangeProof(chunk, proof, read.accumulator) : false;
    if (!countFits) {
      findings.add({
        code: 'RECORD_COUNT_MISMATCH',
        message: `the chunk holds ${read.count} transactions, its manifest says ${expected}`,
        // Records that are proven as they stand leave only the manifest to be wrong.
        ...(proven ? { file: manifest } : { file: chunk.transactions, otherFiles: [manifest] }),
        expected: `${expected}`,
        actual: `${read.count}`,
        versions: [chunk.firstVersion, chunk.lastVersion],
      });
    }
    if (!proven || !read.sound || !countFits || trust === 'refused') return faulty;
    const verdict = trust === 'anchored' ? 'proven' : 'consistent';
    return { chunk, verdict, proof, recordsRead, accumulator: read.accumulator };
  }

  #judgeLedgerInfo(chunk: TransactionChunk, [, signed]: TransactionChunkProof): LedgerInfoVerdict {
    if (!this.#history) return 'unanchored';
    try {
      return this.#history.verify(signed).anchored ? 'anchored' : 'unanchored';
    } catch (error) {
      if (!(error instanceof TrustError)) throw error;
      const versions = [chunk.firstVersion, chunk.lastVersion] as const;
      this.#context.findings.add(findingOf(error, { file: chunk.proof, versions }));
      return 'refused';
    }
  }

  /** Streams the records; undefined when the file cannot be read to its end. */
  async #readRecords(
    chunk: TransactionChunk,
    manifest: FileHandle,
    proof: TransactionChunkProof | undefined,
    onBatch: TransactionBatchListener | undefined,
  ): Promise<ReadOutcome | undefined> {
    const { storage, signal, findings, tally, hashers, analysis, pool } = this.#context;
    const accumulator = proof && this.#accumulatorBefore(chunk, proof);
    const file = chunk.transactions;
    const check = this.#context.attestations.begin(file, manifest);
    const { onContent } = check;
    let complete = true;
    let sound = true;
    let count = 0;
    try {
      const batches = pool.transactions(
        (buffers, signal) => readRecordBatches(storage, file, { signal, onContent, buffers }),
        { signal, format: (first) => this.#formatOf(first, chunk, manifest) },
      );
      for await (const batch of batches) {
        for (const fault of batch.faults) {
          sound = false;
          this.#addRecordFault(fault, chunk, batch.fileOffset);
        }
        const { infoHashes, format } = batch;
        complete &&= batch.complete;
        if (complete) accumulator?.appendMany(infoHashes);
        if (complete) onBatch?.(batch, infoHashes, format);
        if (complete && analysis)
          await analyseBatch(analysis, batch, chunk.firstVersion, format, hashers.family.dialect);
        count += batch.count;
        tally.transactions += batch.count;
        tally.bytes += batch.bytes.length;
      }
    } catch (error) {
      signal?.throwIfAborted();
      const versions = [chunk.firstVersion, chunk.lastVersion] as const;
      findings.add(findingOf(error, { file, otherFiles: [manifest], versions }));
      return undefined;
    }
    check.finish();
    return { accumulator: complete && count > 0 ? accumulator : undefined, count, sound };
  }

  /** The left siblings are what lies before the chunk; a wrong number of them is found with the proof. */
  #accumulatorBefore(chunk: TransactionChunk, [range]: TransactionChunkProof): Accumulator | undefined {
    try {
      const { transactionAccumulator } = this.#context.hashers;
      return Accumulator.fromLeftSiblings(transactionAccumulator, range.left_siblings, chunk.firstVersion);
    } catch (error) {
      if (!(error instanceof MerkleError)) throw error;
      const message = `the proof does not fit versions ${chunk.firstVersion} to ${chunk.lastVersion}: ${error.message}`;
      this.#context.findings.add({ code: 'RANGE_PROOF_SHAPE', message, file: chunk.proof });
      return undefined;
    }
  }

  /**
   * A manifest that lost its `format` field means V0. A first record that is only one of the other format
   * tells that it is the manifest that lies.
   */
  #formatOf(
    batch: {
      readonly bytes: Uint8Array;
      readonly starts: ArrayLike<number>;
      readonly ends: ArrayLike<number>;
    },
    chunk: TransactionChunk,
    manifest: FileHandle,
  ): TransactionRecordFormat {
    const other = chunk.format === 'V0' ? 'V1' : 'V0';
    if (this.#isRecord(batch, chunk.format) || !this.#isRecord(batch, other)) return chunk.format;
    this.#context.findings.add({
      code: 'RECORD_FORMAT_MISMATCH',
      message: `the records are of format ${other}, the manifest says ${chunk.format}`,
      file: manifest,
      otherFiles: [chunk.transactions],
      expected: chunk.format,
      actual: other,
    });
    return other;
  }

  #isRecord(
    batch: {
      readonly bytes: Uint8Array;
      readonly starts: ArrayLike<number>;
      readonly ends: ArrayLike<number>;
    },
    format: TransactionRecordFormat,
  ): boolean {
    const { dialect } = this.#context.hashers.family;
    try {
      new TransactionRecordWalk().walk(
        batch.bytes,
        batch.starts[0] ?? 0,
        batch.ends[0] ?? 0,
        format,
        dialect,
      );
      return true;
    } catch (error) {
      if (error instanceof BcsError) return false;
      throw error;
    }
  }

  #addRecordFault(fault: RecordFault, chunk: TransactionChunk, batchOffset: number): void {
    const version = chunk.firstVersion + BigInt(fault.record);
    const place = {
      file: chunk.transactions,
      record: fault.record,
      versions: [version, version] as const,
    };
    const { error, code, message, expected, actual } = fault;
    if (error) this.#context.findings.add(findingOf(error, { ...place, offset: batchOffset }));
    else {
      const offset = batchOffset + fault.offset;
      const hashes = expected === undefined || actual === undefined ? {} : { expected, actual };
      this.#context.findings.add({ ...place, code, message, offset, ...hashes });
    }
  }

  #checkShape(chunk: TransactionChunk, manifest: FileHandle, [range, signed]: TransactionChunkProof): void {
    const { version } = signed.value.ledger_info.commit_info;
    try {
      checkRangeProofShape({
        firstIndex: chunk.firstVersion,
        lastIndex: chunk.lastVersion,
        leafCount: version + 1n,
        leftCount: range.left_siblings.length,
        rightCount: range.right_siblings.length,
      });
    } catch (error) {
      if (!(error instanceof MerkleError)) throw error;
      const message = `the proof does not fit versions ${chunk.firstVersion} to ${chunk.lastVersion}: ${error.message}`;
      const code = 'RANGE_PROOF_SHAPE';
      this.#context.findings.add({ code, message, file: chunk.proof, otherFiles: [manifest] });
    }
  }

  /**
   * The signed root against siblings and records. Nothing in the two files tells which of them is wrong,
   * so both are named.
   */
  #checkRangeProof(
    chunk: TransactionChunk,
    [range, signed]: TransactionChunkProof,
    accumulator: Accumulator,
  ): boolean {
    const { executed_state_id: root, version } = signed.value.ledger_info.commit_info;
    try {
      accumulator.verify(range.right_siblings, root, version + 1n);
      return true;
    } catch (error) {
      if (!(error instanceof MerkleError)) throw error;
      const mismatch = error.code === 'MERKLE_ROOT_MISMATCH';
      this.#context.findings.add({
        code: mismatch ? 'RANGE_PROOF_MISMATCH' : 'RANGE_PROOF_SHAPE',
        message: `versions ${chunk.firstVersion} to ${chunk.lastVersion}: ${error.message}`,
        file: chunk.transactions,
        otherFiles: [chunk.proof],
        versions: [chunk.firstVersion, chunk.lastVersion],
        ...(mismatch ? { expected: toHex(root), actual: String(error.facts['actual']) } : {}),
      });
      return false;
    }
  }
}
