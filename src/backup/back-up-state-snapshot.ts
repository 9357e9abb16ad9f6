import { attestationExtras } from '../archive/attestation.js';
import { STATE_PROOF_NAME, STATE_SNAPSHOT_MANIFEST_NAME, stateSnapshotBackupName } from '../archive/names.js';
import { serializeStateSnapshotManifest } from '../archive/state-snapshot-manifest.js';
import { HASH_SIZE, type HashValue, toHex } from '../hashing/hash-value.js';
import type { StateTreeSegment } from '../merkle/state-tree-segment.js';
import { ITEM_COUNT_UNKNOWN, type SnapshotProver, type SnapshotSource } from '../service/snapshot-source.js';
import { hashStateBatch, type StateBatch } from '../service/state-batch.js';
import { type BackupContext, progressOf } from './backup-context.js';
import { BackupError } from './backup-error.js';
import { attestationOf, BackupFolder } from './backup-folder.js';
import type { BackupReport } from './backup-report.js';
import { requireProofFile } from './back-up-transactions.js';
import type { BackupFile, CommittedChunk } from './chunk-note.js';
import { alreadyThere, committedReport, orFromTheStart } from './finish-backup.js';
import { keepChunks } from './keep-chunks.js';
import { skippedEpochsExtras } from './skipped-epochs.js';
import { stateItems } from './state-items.js';
import { type ChunkProver, type EndedChunk, writeChunks } from './write-chunks.js';

/**
 * Backs up the state at the end of an epoch. Its root is proven first; each chunk is held against the root
 * before it is committed, and all of them together must be the whole state.
 * @param skippedEpochs of which a snapshot was due before and is not taken; noted in the metadata
 * @throws BackupError, ServiceError, StorageError, DurableFsError
 */
export async function backUpStateSnapshot(
  context: BackupContext,
  epoch: bigint,
  skippedEpochs: readonly bigint[] = [],
): Promise<BackupReport> {
  const held = context.committed.snapshotOf(epoch);
  if (held) return alreadyThere([held]);
  const { chain, signal } = context;
  await chain.requireSameChain({ signal });
  await chain.reachEpoch(epoch + 1n, { signal });
  const version = chain.ending(epoch)?.value.ledger_info.commit_info.version;
  if (version === undefined) throw new RangeError(`the chain has not reached epoch ${epoch}`);
  const snapshot = await chain.source.snapshot(version, { signal });
  if (snapshot.itemCount === 0n) throw emptyState(version);
  return await orFromTheStart(context, (each) => backUp(each, epoch, snapshot, skippedEpochs));
}

async function backUp(
  context: BackupContext,
  epoch: bigint,
  snapshot: SnapshotSource,
  skippedEpochs: readonly bigint[],
): Promise<BackupReport> {
  const startedAt = performance.now();
  const { version, rootHash, rootProof } = snapshot;
  const folder = await BackupFolder.begin(context, {
    baseName: stateSnapshotBackupName(epoch, version),
    subject: `state ${toHex(rootHash)} of version ${version}, chunks of ${context.chunkBytesMax}`,
  });
  const prover = snapshot.prover();
  const kept = await keepItems(context, folder, snapshot, prover);
  const next = BigInt(prover.itemCount);
  const written = await writeChunks(
    context,
    folder,
    next,
    (signal) => stateItems(context, snapshot, next, signal),
    new StateProver(context, snapshot, prover),
  );
  if (prover.itemCount === 0) throw emptyState(version);
  prover.finish();
  const chunks = [...kept, ...written];
  const proof = await folder.writeFile(STATE_PROOF_NAME, rootProof.bytes);
  const saved = await folder.commit(
    STATE_SNAPSHOT_MANIFEST_NAME,
    manifestText(snapshot, epoch, chunks, proof),
    { kind: 'stateSnapshot', version },
    (manifest) => ({
      kind: 'StateSnapshotBackup',
      epoch,
      version,
      manifest,
      extras: skippedEpochsExtras(skippedEpochs),
    }),
  );
  return committedReport(context, startedAt, saved, kept, chunks);
}

function emptyState(version: bigint): BackupError {
  return new BackupError('STATE_EMPTY', `the state of version ${version} is empty`, { facts: { version } });
}

/** What an interrupted run left is hashed again, so that the proofs of all that follows build on it. */
async function keepItems(
  context: BackupContext,
  folder: BackupFolder,
  snapshot: SnapshotSource,
  prover: SnapshotProver,
): Promise<CommittedChunk[]> {
  let segment: StateTreeSegment | undefined;
  return await keepChunks(context, folder, 0n, {
    read: (batch, index) => {
      const next = snapshot.segment(hashStateBatch(context.hashers, batch, index));
      segment = segment ? segment.merge(next) : next;
    },
    accept: () => {
      if (segment) prover.add(segment);
      segment = undefined;
    },
  });
}

/** Builds the state tree from left to right, and proves it where chunks end. */
class StateProver implements ChunkProver<StateBatch> {
  readonly timers = { fill: 'state_snapshot_next_full_chunk', write: 'state_snapshot_write_chunk' } as const;
  readonly #context: BackupContext;
  readonly #prover: SnapshotProver;
  readonly #total: { readonly total?: number };
  #firstKey: HashValue | undefined;
  #lastKey: HashValue | undefined;

  constructor(context: BackupContext, { itemCount }: SnapshotSource, prover: SnapshotProver) {
    this.#context = context;
    this.#prover = prover;
    this.#total = itemCount === ITEM_COUNT_UNKNOWN ? {} : { total: Number(itemCount) };
  }

  take({ keyHashes, valueHashes }: StateBatch, from: number, to: number): void {
    const [start, end] = [from * HASH_SIZE, to * HASH_SIZE];
    const startedAt = performance.now();
    this.#context.metrics.proving(() =>
      this.#prover.add({
        keyHashes: keyHashes.subarray(start, end),
        valueHashes: valueHashes.subarray(start, end),
        count: to - from,
      }),
    );
    this.#context.metrics.timed('state_snapshot_process_records', performance.now() - startedAt);
    this.#firstKey ??= keyHashes.slice(start, start + HASH_SIZE);
    this.#lastKey = keyHashes.slice(end - HASH_SIZE, end);
    const done = this.#prover.itemCount;
    progressOf(this.#context)({ stage: 'state items', done, ...this.#total, unit: 'items' });
  }

  endChunk(first: bigint, _last: bigint, signal: AbortSignal): EndedChunk {
    const [firstKey, lastKey] = [this.#firstKey, this.#lastKey];
    if (!firstKey || !lastKey) throw new RangeError(`the chunk from ${first} on is empty`);
    this.#firstKey = undefined;
    const proof = this.#prover.proveChunk({ signal }).then(({ bytes }) => {
      this.#context.metrics.received('state_range_proof', bytes.length);
      return bytes;
    });
    return { proof, keys: { first: firstKey, last: lastKey } };
  }
}

function manifestText(
  { version, rootHash }: SnapshotSource,
  epoch: bigint,
  chunks: readonly CommittedChunk[],
  proof: BackupFile,
): string {
  return serializeStateSnapshotManifest({
    version,
    epoch,
    rootHash,
    chunks: chunks.map(({ first, last, records, proof: proofOf, keys }) => {
      const proofFile = requireProofFile(proofOf, first);
      if (!keys) throw new RangeError(`the chunk from ${first} on has no keys`);
      return {
        firstIdx: first,
        lastIdx: last,
        firstKey: keys.first,
        lastKey: keys.last,
        blobs: records.handle,
        proof: proofFile.handle,
        extras: attestationExtras({ blobs: attestationOf(records), proof: attestationOf(proofFile) }),
      };
    }),
    proof: proof.handle,
    extras: attestationExtras({ proof: attestationOf(proof) }),
  });
}
