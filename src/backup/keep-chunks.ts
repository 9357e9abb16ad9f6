import { ArchiveError } from '../archive/archive-error.js';
import { AttestationHasher, attestationText, sameAttestation } from '../archive/attestation.js';
import { type RecordBatch, readRecordBatches } from '../archive/record-file.js';
import { ServiceError } from '../service/service-error.js';
import { readDecompressed } from '../storage/decompress.js';
import { StorageError } from '../storage/storage-error.js';
import type { BackupContext } from './backup-context.js';
import type { BackupFolder } from './backup-folder.js';
import type { BackupFile, CommittedChunk } from './chunk-note.js';
import { spoiled } from './matching-file.js';

/** What the backup takes from a chunk that it keeps. */
export interface KeptChunkReader {
  /** Sees the records of a chunk; nothing of it is certain before `accept`. */
  read?(batch: RecordBatch, index: bigint): void;
  /** The chunk was checked, and is kept. */
  accept?(chunk: CommittedChunk): void;
}

/**
 * Checks, in order, what an interrupted run committed: each file must have the size and the digest that were
 * noted. Ends at the first chunk that is not there.
 * @param first of the backup
 * @throws BackupError UNFINISHED_BACKUP_SPOILED for a file with another content
 */
export async function keepChunks(
  context: BackupContext,
  folder: BackupFolder,
  first: bigint,
  reader: KeptChunkReader = {},
): Promise<CommittedChunk[]> {
  const kept: CommittedChunk[] = [];
  let next = first;
  for (const chunk of folder.found) {
    if (chunk.first !== next) break;
    try {
      await checkRecords(context, chunk, reader);
      if (chunk.proof) await checkFile(context, chunk.proof);
    } catch (error) {
      if (error instanceof StorageError && error.code === 'FILE_MISSING') break;
      throw error;
    }
    await folder.adopt(chunk.proof ? [chunk.records, chunk.proof] : [chunk.records]);
    reader.accept?.(chunk);
    kept.push(chunk);
    next = chunk.last + 1n;
  }
  return kept;
}

async function checkRecords(
  { storage, signal }: BackupContext,
  { first, last, records }: CommittedChunk,
  reader: KeptChunkReader,
): Promise<void> {
  const hasher = new AttestationHasher();
  let index = first;
  try {
    const onContent = (piece: Uint8Array): void => hasher.update(piece);
    for await (const batch of readRecordBatches(storage, records.handle, { signal, onContent })) {
      reader.read?.(batch, index);
      index += BigInt(batch.count);
    }
  } catch (error) {
    // What reads records blames whoever sent them; here it is the file.
    if (!(error instanceof ArchiveError || error instanceof ServiceError)) throw error;
    throw spoiled(records.handle, attestationText(records), error.message);
  }
  requireSame(records, hasher);
  if (index !== last + 1n) throw spoiled(records.handle, `${last - first + 1n} records`, `${index - first}`);
}

async function checkFile({ storage, signal }: BackupContext, file: BackupFile): Promise<void> {
  const hasher = new AttestationHasher();
  for await (const piece of readDecompressed(storage, file.handle, { signal, compression: 'none' })) {
    hasher.update(piece);
  }
  requireSame(file, hasher);
}

function requireSame(file: BackupFile, hasher: AttestationHasher): void {
  const actual = hasher.finish();
  if (sameAttestation(file, actual)) return;
  throw spoiled(file.handle, attestationText(file), attestationText(actual));
}
