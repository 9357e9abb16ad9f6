import type { RecordBatch } from '../archive/record-file.js';
import type { TransactionEntry } from '../archive/metadata-entry.js';
import type { ViewEntry } from '../archive/metadata-view.js';
import type { TransactionChunk } from '../archive/transaction-manifest.js';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import type { FileHandle } from '../storage/backup-storage.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import type { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import type { VerifyContext } from '../verify/context.js';
import { loadManifests, TRANSACTION_KIND } from '../verify/manifests.js';
import { type ChunkOutcome, TransactionChunkVerifier } from '../verify/transaction-chunk.js';
import { compareNeighbours } from '../verify/transaction-neighbours.js';
import { type ArchiveReading, BYTES_AHEAD_MAX, contextOfChunk, verifyContextOf } from './archive-reading.js';
import { BatchMemory } from './batch-memory.js';
import { loadAhead } from './load-ahead.js';
import { requireSound } from './restore-finding.js';

/** Some consecutive records of a chunk. All arrays belong to the receiver until it calls `release`. */
export interface ProvenTransactionBatch {
  readonly firstVersion: bigint;
  readonly format: TransactionRecordFormat;
  /** Holds the records; anything may stand between them. */
  readonly bytes: Uint8Array;
  /** Where each record begins and ends in `bytes`; `count` entries. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly count: number;
  /** Of the transaction infos, 32 bytes each. */
  readonly infoHashes: Uint8Array;
  /** Gives memory back for chunks to come; who keeps the arrays need not call it. */
  readonly release?: (() => void) | undefined;
}

/** A chunk of transactions, every part of which is in the ledger that a chain from the trust root signs. */
export interface ProvenTransactionChunk {
  readonly chunk: TransactionChunk;
  /** Of the range proof, from the bottom to the root: the frozen subtrees before the chunk, reversed. */
  readonly leftSiblings: readonly HashValue[];
  /** The ledger info of the proof. */
  readonly ledgerInfo: LedgerInfoWithSignatures;
  readonly batches: readonly ProvenTransactionBatch[];
  /** Bytes of all records. */
  readonly byteSize: number;
}

/** Versions, inclusive. */
export interface VersionRange {
  readonly first: bigint;
  readonly last: bigint;
}

interface LoadedChunk {
  readonly context: VerifyContext;
  readonly outcome: ChunkOutcome;
  readonly batches: readonly ProvenTransactionBatch[];
  readonly byteSize: number;
}

/**
 * The chunks that hold any version of a range, each verified as a whole and against the one before it
 * while the receiver works on that one (spec: formats.md, 8.4).
 * @param history undefined where no signature is checked
 * @param backups in the order of their versions
 * @param memory where one with a bound is given, batches have to be released for chunks to be read ahead
 * @throws RestoreFindingError at the first chunk that is not proven, in its turn
 */
export async function* provenTransactionChunks(
  reading: ArchiveReading,
  history: EpochHistory | undefined,
  backups: readonly ViewEntry<TransactionEntry>[],
  range: VersionRange,
  memory: BatchMemory = new BatchMemory(),
): AsyncGenerator<ProvenTransactionChunk, void, undefined> {
  const context = verifyContextOf(reading);
  const loaded = loadAhead(
    chunksOf(context, backups, range),
    ({ chunk, manifest }, signal) =>
      loadChunk(contextOfChunk(context, signal), history, chunk, manifest, memory),
    {
      sizeOf: ({ byteSize }) => byteSize,
      bytesMax: BYTES_AHEAD_MAX,
      countMax: reading.concurrency,
      whenRoom: (bytes) => memory.whenRoom(bytes),
      signal: reading.signal,
    },
  );
  let previous: ChunkOutcome | undefined;
  for await (const each of loaded) {
    const { outcome, batches, byteSize } = each;
    compareNeighbours(each.context, previous, outcome);
    requireAnchored(each.context, history, outcome);
    requireSound(each.context);
    const { chunk, proof } = outcome;
    if (!proof || outcome.verdict === 'faulty') throw new Error('a chunk is faulty without a finding');
    previous = outcome;
    const [{ left_siblings: leftSiblings }, ledgerInfo] = proof;
    yield { chunk, leftSiblings, ledgerInfo, batches, byteSize };
  }
}

/** Manifests are judged before the first chunk of them is read. */
async function* chunksOf(
  context: VerifyContext,
  backups: readonly ViewEntry<TransactionEntry>[],
  { first, last }: VersionRange,
): AsyncGenerator<{ readonly chunk: TransactionChunk; readonly manifest: FileHandle }> {
  for await (const { handle, manifest } of loadManifests(context, TRANSACTION_KIND, backups)) {
    requireSound(context);
    for (const chunk of manifest.chunks) {
      if (chunk.lastVersion >= first && chunk.firstVersion <= last) yield { chunk, manifest: handle };
    }
  }
  requireSound(context);
}

async function loadChunk(
  context: VerifyContext,
  history: EpochHistory | undefined,
  chunk: TransactionChunk,
  manifest: FileHandle,
  memory: BatchMemory,
): Promise<LoadedChunk> {
  const batches: ProvenTransactionBatch[] = [];
  let byteSize = 0;
  const keep = (batch: RecordBatch, infoHashes: Uint8Array, format: TransactionRecordFormat): void => {
    byteSize += batch.bytes.length;
    batches.push({
      firstVersion: chunk.firstVersion + BigInt(batch.firstRecord),
      format,
      ...memory.keep(batch.bytes),
      starts: batch.starts.slice(),
      ends: batch.ends.slice(),
      count: batch.count,
      infoHashes: infoHashes.slice(),
    });
  };
  const outcome = await new TransactionChunkVerifier(context, history).verify(chunk, manifest, keep);
  return { context, outcome, batches, byteSize };
}

/** A chunk that only somebody's signature is under, with no chain to the signers, is not proven. */
function requireAnchored(
  { findings }: VerifyContext,
  history: EpochHistory | undefined,
  { chunk, verdict }: ChunkOutcome,
): void {
  if (!history || verdict !== 'consistent') return;
  const { firstVersion, lastVersion } = chunk;
  findings.add({
    code: 'NOT_ANCHORED',
    message: `no chain leads from the trust root to the signers of versions ${firstVersion} to ${lastVersion}`,
    file: chunk.proof,
    versions: [firstVersion, lastVersion],
    hint: 'Mend what breaks the chain of epoch endings, or trust a later waypoint.',
  });
}

/** The records of a batch that are in a range; undefined where none is. Arrays are shared. */
export function recordsIn(
  batch: ProvenTransactionBatch,
  { first, last }: VersionRange,
): ProvenTransactionBatch | undefined {
  const { firstVersion, count } = batch;
  const from = first > firstVersion ? Number(first - firstVersion) : 0;
  const to = Math.min(count, Number(last - firstVersion) + 1);
  if (from === 0 && to === count) return batch;
  if (from >= to) return undefined;
  return {
    ...batch,
    firstVersion: firstVersion + BigInt(from),
    starts: batch.starts.subarray(from, to),
    ends: batch.ends.subarray(from, to),
    count: to - from,
    infoHashes: batch.infoHashes.subarray(from * HASH_SIZE, to * HASH_SIZE),
    // Whoever takes the last records is the last to read the arrays.
    release: to === count ? batch.release : undefined,
  };
}
