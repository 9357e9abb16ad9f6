import { HoldfastError } from '../errors/holdfast-error.js';

/** Why an archive's file or contents are not what the format says. */
export type ArchiveErrorCode =
  /** A name for a backup or a file in it has other characters or another length than names may have. */
  | 'NAME_ILLEGAL'
  /** A record file ends inside of a record or of its length. */
  | 'RECORD_TRUNCATED'
  /** A record claims more bytes than any record may have. */
  | 'RECORD_TOO_LARGE'
  /** A manifest is no JSON, or lacks a field, or has one of another type. */
  | 'MANIFEST_UNREADABLE'
  /** A metadata file holds nothing: it never became durable, and the backup that it named is forgotten. */
  | 'METADATA_EMPTY'
  /** A metadata file has a line that is no metadata entry: torn, overwritten, or not of this archive. */
  | 'METADATA_UNREADABLE'
  /** The backups of a kind do not follow on one another from the beginning. */
  | 'METADATA_GAP'
  /** No state snapshot of the wanted version is in the archive. */
  | 'SNAPSHOT_MISSING'
  /** A recorded size and digest is not in the format, or a side file holds what is none. */
  | 'ATTESTATION_UNREADABLE';

/** Facts that the errors of this room carry, where they apply. */
export interface ArchiveErrorFacts {
  readonly handle?: string;
  /** 0-based position of the record in its file. */
  readonly recordIndex?: number;
  /** Where in the file, after unpacking, the refused bytes begin. */
  readonly byteOffset?: number;
  /** 1-based line of a metadata file. */
  readonly line?: number;
  /** How many lines of the metadata file are no entries. */
  readonly badLines?: number;
  /** The field of the JSON that is concerned, such as `chunks[3].first_idx`. */
  readonly path?: string;
  readonly expected?: unknown;
  readonly actual?: unknown;
}

/** A part of an archive that breaks the format. */
export class ArchiveError extends HoldfastError<ArchiveErrorCode> {
  declare readonly facts: ArchiveErrorFacts & Readonly<Record<string, unknown>>;
}
