import type { FileAttestation } from '../archive/attestation.js';
import { type HashValue, hashFromHex, toHex } from '../hashing/hash-value.js';
import type { FileHandle } from '../storage/backup-storage.js';

/** A file of a backup, with what its manifest attests of it. */
export interface BackupFile extends FileAttestation {
  readonly handle: FileHandle;
}

/** A chunk whose files are committed. */
export interface CommittedChunk {
  /** First and last epoch, item index or version. */
  readonly first: bigint;
  readonly last: bigint;
  readonly records: BackupFile;
  readonly proof?: BackupFile | undefined;
  /** Hashes of the first and the last state key of a state chunk. */
  readonly keys?: { readonly first: HashValue; readonly last: HashValue } | undefined;
}

/** One line of a journal. */
export function formatChunkNote({ first, last, records, proof, keys }: CommittedChunk): string {
  return JSON.stringify({
    first: `${first}`,
    last: `${last}`,
    records: fileToJson(records),
    ...(proof && { proof: fileToJson(proof) }),
    ...(keys && { keys: { first: toHex(keys.first), last: toHex(keys.last) } }),
  });
}

/** The chunk that a line speaks of, or undefined for anything else. */
export function parseChunkNote(line: string): CommittedChunk | undefined {
  try {
    const { first, last, records, proof, keys } = fieldsOf(JSON.parse(line));
    return {
      first: u64Of(first),
      last: u64Of(last),
      records: fileOf(records),
      ...(proof === undefined ? {} : { proof: fileOf(proof) }),
      ...(keys === undefined ? {} : { keys: keysOf(keys) }),
    };
  } catch {
    // Not written by this version: whatever it speaks of is fetched again.
    return undefined;
  }
}

function fileToJson({ handle, size, sha256 }: BackupFile): object {
  return { handle, size: `${size}`, sha256: toHex(sha256) };
}

function fileOf(value: unknown): BackupFile {
  const { handle, size, sha256 } = fieldsOf(value);
  return { handle: textOf(handle), size: u64Of(size), sha256: hashFromHex(textOf(sha256)) };
}

function keysOf(value: unknown): { first: HashValue; last: HashValue } {
  const { first, last } = fieldsOf(value);
  return { first: hashFromHex(textOf(first)), last: hashFromHex(textOf(last)) };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new TypeError('no object');
  return value as Record<string, unknown>;
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('no text');
  return value;
}

function u64Of(value: unknown): bigint {
  const text = textOf(value);
  if (!/^[0-9]{1,20}$/.test(text)) throw new TypeError('no number');
  return BigInt(text);
}
