import { type HashValue, toHex } from '../hashing/hash-value.js';
import type { FileHandle } from '../storage/backup-storage.js';
import { ArchiveError } from './archive-error.js';
import { JsonError } from './json-error.js';
import { type JsonExtras, type JsonReader, readJson } from './json-reader.js';
import { type JsonField, jsonStruct, jsonText } from './json-writer.js';

/** What one line of a metadata file says (spec: backup-format.md, section 5); ranges are inclusive. */
export type MetadataEntry =
  | EpochEndingEntry
  | StateSnapshotEntry
  | TransactionEntry
  | IdentityEntry
  | CompactionTimestampsEntry;

export interface EpochEndingEntry {
  readonly kind: 'EpochEndingBackup';
  readonly firstEpoch: bigint;
  readonly lastEpoch: bigint;
  /** Versions at which the first and the last epoch end. */
  readonly firstVersion: bigint;
  readonly lastVersion: bigint;
  readonly manifest: FileHandle;
  readonly extras?: JsonExtras;
}

export interface StateSnapshotEntry {
  readonly kind: 'StateSnapshotBackup';
  readonly epoch: bigint;
  readonly version: bigint;
  readonly manifest: FileHandle;
  readonly extras?: JsonExtras;
}

export interface TransactionEntry {
  readonly kind: 'TransactionBackup';
  readonly firstVersion: bigint;
  readonly lastVersion: bigint;
  readonly manifest: FileHandle;
  readonly extras?: JsonExtras;
}

/** A random number that marks an archive as begun; nothing compares it. */
export interface IdentityEntry {
  readonly kind: 'Identity';
  readonly id: HashValue;
  readonly extras?: JsonExtras;
}

/** When compaction first found metadata files replaced. */
export interface CompactionTimestampsEntry {
  readonly kind: 'CompactionTimestamps';
  /** Seconds since 1970. */
  readonly fileCompactedAt: bigint;
  /** Seconds since 1970, or undefined for a file that is known and not replaced yet. */
  readonly compactionTimestamps: ReadonlyMap<FileHandle, bigint | undefined>;
  readonly extras?: JsonExtras;
}

/** An entry and where it stands. */
export interface LocatedEntry<Entry extends MetadataEntry = MetadataEntry> {
  readonly entry: Entry;
  readonly handle: FileHandle;
  /** 1-based. */
  readonly line: number;
}

const u64 = (reader: JsonReader): bigint => reader.u64();
const text = (reader: JsonReader): string => reader.text();
const seconds = (reader: JsonReader): bigint | undefined => reader.nullable(u64);

const READERS: Readonly<Record<MetadataEntry['kind'], (reader: JsonReader) => MetadataEntry>> = {
  EpochEndingBackup: (reader) => {
    const { fields, extras } = reader.struct({
      first_epoch: u64,
      last_epoch: u64,
      first_version: u64,
      last_version: u64,
      manifest: text,
    });
    return {
      kind: 'EpochEndingBackup',
      firstEpoch: fields.first_epoch,
      lastEpoch: fields.last_epoch,
      firstVersion: fields.first_version,
      lastVersion: fields.last_version,
      manifest: fields.manifest,
      ...(extras && { extras }),
    };
  },
  StateSnapshotBackup: (reader) => {
    const { fields, extras } = reader.struct({ epoch: u64, version: u64, manifest: text });
    return { kind: 'StateSnapshotBackup', ...fields, ...(extras && { extras }) };
  },
  TransactionBackup: (reader) => {
    const { fields, extras } = reader.struct({ first_version: u64, last_version: u64, manifest: text });
    return {
      kind: 'TransactionBackup',
      firstVersion: fields.first_version,
      lastVersion: fields.last_version,
      manifest: fields.manifest,
      ...(extras && { extras }),
    };
  },
  Identity: (reader) => {
    const { fields, extras } = reader.struct({ id: (field) => field.hash() });
    return { kind: 'Identity', ...fields, ...(extras && { extras }) };
  },
  CompactionTimestamps: (reader) => {
    const { fields, extras } = reader.struct({
      file_compacted_at: u64,
      compaction_timestamps: (field) => field.map(seconds),
    });
    return {
      kind: 'CompactionTimestamps',
      fileCompactedAt: fields.file_compacted_at,
      compactionTimestamps: fields.compaction_timestamps,
      ...(extras && { extras }),
    };
  },
};

/**
 * Reads one line, without its line ending, that fills `bytes[start, end)`.
 * @throws JsonError
 */
export function parseMetadataLine(bytes: Uint8Array, start = 0, end = bytes.length): MetadataEntry {
  return readJson(bytes, (reader) => reader.variant(READERS), start, end);
}

/** The line as the reference writes it, without a line feed. */
export function serializeMetadataEntry(entry: MetadataEntry): string {
  return `{${jsonText(entry.kind)}:${jsonStruct(fieldsOf(entry), entry.extras)}}`;
}

function fieldsOf(entry: MetadataEntry): JsonField[] {
  switch (entry.kind) {
    case 'EpochEndingBackup':
      return [
        ['first_epoch', `${entry.firstEpoch}`],
        ['last_epoch', `${entry.lastEpoch}`],
        ['first_version', `${entry.firstVersion}`],
        ['last_version', `${entry.lastVersion}`],
        ['manifest', jsonText(entry.manifest)],
      ];
    case 'StateSnapshotBackup':
      return [
        ['epoch', `${entry.epoch}`],
        ['version', `${entry.version}`],
        ['manifest', jsonText(entry.manifest)],
      ];
    case 'TransactionBackup':
      return [
        ['first_version', `${entry.firstVersion}`],
        ['last_version', `${entry.lastVersion}`],
        ['manifest', jsonText(entry.manifest)],
      ];
    case 'Identity':
      return [['id', jsonText(toHex(entry.id))]];
    case 'CompactionTimestamps': {
      const times = [...entry.compactionTimestamps].map(
        ([handle, time]): JsonField => [handle, time === undefined ? 'null' : `${time}`],
      );
      return [
        ['file_compacted_at', `${entry.fileCompactedAt}`],
        ['compaction_timestamps', jsonStruct(times)],
      ];
    }
  }
}

/** What a metadata file holds, and what is wrong with it. */
export interface ParsedMetadataFile {
  readonly entries: readonly LocatedEntry[];
  /** METADATA_EMPTY or METADATA_UNREADABLE; at most one for a file, about its first bad line. */
  readonly problem: ArchiveError | undefined;
}

/**
 * Reads a metadata file of one entry a line. A bad line does not hide the good ones beside it.
 * @param bytes unpacked content
 */
export function parseMetadataFile(bytes: Uint8Array, handle: FileHandle): ParsedMetadataFile {
  if (bytes.length === 0) return { entries: [], problem: emptyFile(handle) };
  const entries: LocatedEntry[] = [];
  let badLines = 0;
  let firstBad: { readonly line: number; readonly error: JsonError } | undefined;
  let line = 0;
  for (let start = 0; start < bytes.length; ) {
    const feed = bytes.indexOf(0x0a, start);
    const next = feed === -1 ? bytes.length : feed + 1;
    const end = feed === -1 ? bytes.length : feed;
    line++;
    try {
      const entry = parseMetadataLine(bytes, start, end > start && bytes[end - 1] === 0x0d ? end - 1 : end);
      entries.push({ entry, handle, line });
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      badLines++;
      firstBad ??= { line, error };
    }
    start = next;
  }
  const problem = firstBad && badFile(bytes, handle, firstBad.line, firstBad.error, badLines);
  return { entries, problem };
}

const HINT = 'The backup that it should name may be whole: a new entry can be made from its manifest.';

function emptyFile(handle: FileHandle): ArchiveError {
  return new ArchiveError('METADATA_EMPTY', `metadata file ${handle} is empty: its backup is forgotten`, {
    hint: HINT,
    facts: { handle, byteOffset: 0 },
  });
}

function badFile(
  bytes: Uint8Array,
  handle: FileHandle,
  line: number,
  error: JsonError,
  badLines: number,
): ArchiveError {
  const isZero = bytes.every((byte) => byte === 0);
  const what = isZero ? `${bytes.length} zero bytes` : `line ${line}: ${error.message}`;
  const more = badLines > 1 ? `, and ${badLines - 1} more bad lines` : '';
  return new ArchiveError(
    'METADATA_UNREADABLE',
    `metadata file ${handle} is damaged or foreign: ${what}${more}`,
    {
      cause: error,
      hint: HINT,
      facts: { handle, line, byteOffset: error.offset, path: error.path, badLines },
    },
  );
}
