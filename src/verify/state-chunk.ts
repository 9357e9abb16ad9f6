import { readRecordBatches } from '../archive/record-file.js';
import type { StateSnapshotChunk } from '../archive/state-snapshot-manifest.js';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { MerkleError } from '../merkle/merkle-error.js';
import { sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { StateTreeSegment } from '../merkle/state-tree-segment.js';
import { StateRecordHasher } from '../records/state-records.js';
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
 * Reads one chunk and hashes it to a segment of the tree, without knowing the chunks before it. Chunks
 * may be hashed side by side; memory is that of one batch and some 512 hashes.
 */
export async function hashStateChunk(
  context: VerifyContext,
  chunk: StateSnapshotChunk,
  manifest: FileHandle,
): Promise<HashedStateChunk> {
  const proof = await readProof(context, SparseMerkleRangeProof, chunk.proof, manifest);
  const { segment, count } = await readSegment(context, chunk, manifest);
  return { chunk, segment, count, rightSiblings: proof?.right_siblings };
}

async function readSegment(
  context: VerifyContext,
  chunk: StateSnapshotChunk,
  manifest: FileHandle,
): Promise<{ readonly segment: StateTreeSegment | undefined; readonly count: number }> {
  const { storage, signal, findings, tally, hashers } = context;
  const file = chunk.blobs;
  const hasher = new StateRecordHasher(hashers);
  let segment: StateTreeSegment | undefined = StateTreeSegment.fromLeaves(
    sparseMerkleHashers(hashers),
    new Uint8Array(),
    new Uint8Array(),
    0,
  );
  const check = context.attestations.begin(file, manifest);
  let count = 0;
  try {
    for await (const batch of readRecordBatches(storage, file, { signal, onContent: check.onContent })) {
      let sound = true;
      const hashed = hasher.hash(batch, ({ error, record }) => {
        sound = false;
        findings.add(findingOf(error, { file, record, offset: batch.fileOffset }));
      });
      segment = sound && segment ? extend(context, chunk, segment, hashed, batch.firstRecord) : undefined;
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

/** The segment with a batch of leaves more, or undefined when their keys are out of order. */
function extend(
  context: VerifyContext,
  chunk: StateSnapshotChunk,
  segment: StateTreeSegment,
  { keyHashes, valueHashes, count }: { keyHashes: Uint8Array; valueHashes: Uint8Array; count: number },
  firstRecord: number,
): StateTreeSegment | undefined {
  try {
    const hashers = sparseMerkleHashers(context.hashers);
    return segment.merge(StateTreeSegment.fromLeaves(hashers, keyHashes, valueHashes, count));
  } catch (error) {
    if (!(error instanceof MerkleError)) throw error;
    // Where two batches meet, the error's index counts from the second one.
    const index = Number(error.facts['index'] ?? 0);
    context.findings.add({
      code: 'STATE_KEYS_NOT_INCREASING',
      message: error.message,
      file: chunk.blobs,
      record: firstRecord + Math.min(index, keyHashes.length / HASH_SIZE - 1),
    });
    return undefined;
  }
}
