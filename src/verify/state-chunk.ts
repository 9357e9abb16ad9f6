import { type RecordBatch, readRecordBatches } from '../archive/record-file.js';
import type { StateSnapshotChunk } from '../archive/state-snapshot-manifest.js';
import type { HashValue } from '../hashing/hash-value.js';
import { MerkleError } from '../merkle/merkle-error.js';
import { sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { StateTreeSegment } from '../merkle/state-tree-segment.js';
import type { KeyDisorder, ProvenStateBatch } from '../proving/proving-pool.js';
import type { StateBatchHashes } from '../records/state-records.js';
import type { FileHandle } from '../storage/backup-storage.js';
import { SparseMerkleRangeProof } from '../types/proofs.js';
import { readProof, type VerifyContext } from './context.js';
import { findingOf } from './findings.js';

/** What a chunk of state items is by itself, before it is set beside the others. */
export interface HashedStateChunk {
  readonly chunk: StateSnapshotChunk;
  /** Undefined when the file cannot be read whole or holds what is no row of state items. */
  readonly segment: StateTreeSegment | undefined;
  /** Items that were read. */
  readonly count: number;
  /** Undefined when the proof file cannot be read; there is a finding. */
  readonly rightSiblings: readonly HashValue[] | undefined;
}

/**
 * Sees each batch of sound records with their hashes, both valid during the call only, and proven only once
 * the tree is.
 */
export type StateBatchListener = (batch: RecordBatch, hashes: StateBatchHashes) => void;

/**
 * Reads one chunk and hashes it to a segment of the tree, without knowing the chunks before it. Chunks
 * may be hashed side by side; memory is that of one batch and some 512 hashes.
 */
export async function hashStateChunk(
  context: VerifyContext,
  chunk: StateSnapshotChunk,
  manifest: FileHandle,
  onBatch?: StateBatchListener,
): Promise<HashedStateChunk> {
  const proof = await readProof(context, SparseMerkleRangeProof, chunk.proof, manifest);
  const { segment, count } = await readSegment(context, chunk, manifest, onBatch);
  return { chunk, segment, count, rightSiblings: proof?.right_siblings };
}

async function readSegment(
  context: VerifyContext,
  chunk: StateSnapshotChunk,
  manifest: FileHandle,
  onBatch: StateBatchListener | undefined,
): Promise<{ readonly segment: StateTreeSegment | undefined; readonly count: number }> {
  const { storage, signal, findings, tally, pool } = context;
  const file = chunk.blobs;
  let segment: StateTreeSegment | undefined = emptySegment(context);
  const check = context.attestations.begin(file, manifest);
  const { onContent } = check;
  let count = 0;
  try {
    const batches = pool.stateItems(
      (buffers, signal) => readRecordBatches(storage, file, { signal, onContent, buffers }),
      { signal },
    );
    for await (const batch of batches) {
      for (const { error, record } of batch.faults) {
        findings.add(findingOf(error, { file, record, offset: batch.fileOffset }));
      }
      segment = segment && extend(context, chunk, segment, batch);
      if (segment) onBatch?.(batch, batch);
      count += batch.count;
      tally.stateItems += batch.count;
      tally.bytes += batch.bytes.length;
    }
  } catch (error) {
    signal?.throwIfAborted();
    findings.add(findingOf(error, { file, otherFiles: [manifest] }));
    return { segment: undefined, count };
  }
  check.finish();
  return { segment, count };
}

function emptySegment({ hashers }: VerifyContext): StateTreeSegment {
  const none = new Uint8Array();
  return StateTreeSegment.fromLeaves(sparseMerkleHashers(hashers), none, none, 0);
}

/** The segment with a batch of leaves more; undefined when it has faults or its keys are out of order. */
function extend(
  context: VerifyContext,
  chunk: StateSnapshotChunk,
  segment: StateTreeSegment,
  batch: ProvenStateBatch,
): StateTreeSegment | undefined {
  if (batch.faults.length > 0) return undefined;
  try {
    if (batch.segment) {
      return segment.merge(new StateTreeSegment(sparseMerkleHashers(context.hashers), batch.segment));
    }
    addDisorder(context, chunk, batch.disorder ?? { record: batch.firstRecord, message: '' });
  } catch (error) {
    if (!(error instanceof MerkleError)) throw error;
    addDisorder(context, chunk, { record: batch.firstRecord, message: error.message });
  }
  return undefined;
}

function addDisorder({ findings }: VerifyContext, chunk: StateSnapshotChunk, disorder: KeyDisorder): void {
  findings.add({ code: 'STATE_KEYS_NOT_INCREASING', file: chunk.blobs, ...disorder });
}
