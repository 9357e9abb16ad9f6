import type { FileHandle } from '../storage/backup-storage.js';

/**
 * What a verification can find. Codes are stable; `docs/errors.md` lists them with what to do. Codes of
 * storage, archive and trust errors pass through under their own names.
 */
export const FINDING_TEXTS = {
  ARCHIVE_EMPTY: 'No metadata entry names any backup.',
  METADATA_EMPTY:
    'A metadata file has no content: a power cut leaves such files, and its backup is forgotten.',
  METADATA_UNREADABLE: 'A metadata file is torn, foreign or not in the format.',
  METADATA_NAME_DISAGREES: 'A metadata file holds another range than its name says.',
  METADATA_MANIFEST_DISAGREE: 'A metadata entry and the manifest that it names tell different ranges.',
  MANIFEST_UNREADABLE: 'A manifest is not in the format.',
  MANIFEST_INVALID: 'A manifest contradicts itself.',
  EPOCH_GAP: 'No epoch ending of these epochs is in the archive.',
  TRANSACTION_GAP: 'No transaction of these versions is in the archive.',
  RANGE_OVERLAP:
    'Two backups hold the same epochs or versions; readers that want one unbroken row refuse both.',
  UNLISTED_BACKUP: 'A whole manifest stands in the archive that no metadata entry names.',
  FILE_MISSING: 'A file that is referred to does not exist.',
  FILE_UNREADABLE: 'A file exists but cannot be read.',
  FILE_TOO_LARGE: 'A file is larger than anything of its kind can be.',
  FILE_HANDLE_ILLEGAL: 'A file handle points outside of the archive.',
  ATTESTATION_MISMATCH: 'A file has another size or digest than was recorded when it was written.',
  ATTESTATION_MISSING: 'A metadata entry has lost the size and digest of its manifest.',
  ATTESTATION_UNREADABLE: 'Recorded sizes and digests are not in the format.',
  GZIP_DAMAGED: 'A compressed file does not decompress to its end.',
  COMMAND_FAILED: 'The storage command for a file failed.',
  COMMAND_TIMEOUT: 'The storage command for a file gave no byte in time.',
  RECORD_TRUNCATED: 'A record file ends inside a record.',
  RECORD_TOO_LARGE: 'A record claims more bytes than any record can have.',
  RECORD_INVALID: 'The bytes of a record are no value of its type.',
  RECORD_FORMAT_MISMATCH: 'The records are of the other format than the manifest says.',
  RECORD_COUNT_MISMATCH: 'A chunk holds another number of records than its manifest says.',
  PROOF_INVALID: 'The bytes of a proof file are no proof.',
  EPOCH_UNEXPECTED: 'An epoch ending is not of the epoch that its place says.',
  EPOCH_NOT_ENDED: 'A ledger info that should end its epoch names no next validators.',
  MANIFEST_WAYPOINT_MISMATCH: 'A ledger info and the waypoint in its manifest disagree.',
  TRANSACTION_HASH_MISMATCH: 'A transaction is not the one that its transaction info names.',
  EVENT_ROOT_MISMATCH: 'The events of a transaction are not those that its transaction info names.',
  STATE_CHANGE_HASH_MISMATCH: 'A write set is not the one that its transaction info names.',
  AUXILIARY_INFO_HASH_MISMATCH: 'An auxiliary info is not the one that its transaction info names.',
  RANGE_PROOF_MISMATCH: 'The transaction infos of a chunk and its range proof do not give the signed root.',
  RANGE_PROOF_SHAPE: 'A range proof has another number of siblings than its range needs.',
  NEIGHBOURS_DISAGREE: 'Two adjacent chunks contradict each other about the ledger before or after them.',
  STATE_KEYS_NOT_INCREASING: 'State keys are out of order or doubled.',
  STATE_ROOT_MISMATCH: 'The state items up to the end of a chunk and its range proof do not give the root.',
  STATE_INCOMPLETE: 'All chunks of a snapshot together do not give its root: items are missing or altered.',
  STATE_KEY_RANGE_MISMATCH: 'The first or last key of a chunk is not the one that its manifest says.',
  STATE_ROOT_PROOF_MISMATCH: 'The transaction info of a snapshot is not in the signed ledger at its version.',
  STATE_ROOT_HASH_MISMATCH: 'The root in a state manifest is not the one that the ledger signed.',
  STATE_CHECKPOINT_MISSING: 'The transaction at the version of a snapshot carries no state root.',
  STATE_EPOCH_MISMATCH: 'A state manifest names another epoch than the signed ledger info.',
  NOT_PROVEN: 'These items could be read but nothing proves them, because of a finding before them.',
  NOT_ANCHORED: 'These ledger infos are consistent, but no chain leads to them from the trust root.',
  ENDS_EARLY: 'The archive does not prove as much as was demanded.',
  LEDGER_INFO_EPOCH_UNEXPECTED:
    'A ledger info is of another epoch than the validators that should have signed it.',
  SIGNER_BITMASK_INVALID: 'The bit mask of signers does not fit the number of validators.',
  VOTING_POWER_TOO_LOW: 'The signers hold less voting power than a quorum.',
  SIGNATURE_MISSING: 'A ledger info carries no signature.',
  PUBLIC_KEY_INVALID: 'A signer has a public key that is no point of the curve.',
  SIGNATURE_INVALID: 'A signature is not the validators\u2019 over this ledger info.',
  WAYPOINT_MISMATCH: 'A trusted waypoint contradicts the archive.',
  GENESIS_LEDGER_INFO_MISMATCH: 'A ledger info of epoch 0 is another one than the chain begins with.',
  GENESIS_LEDGER_INFO_SIGNED: 'A ledger info of version 0 carries what genesis cannot have.',
  VALIDATORS_UNKNOWN: 'Nothing in the archive says who may sign in this epoch.',
} as const;

/** The code of a finding: a key of `FINDING_TEXTS`. */
export type FindingCode = keyof typeof FINDING_TEXTS;

/** One damage or contradiction, and where it is. */
export interface Finding {
  readonly code: FindingCode;
  /** One sentence about this case. */
  readonly message: string;
  /** The file that is wrong, or the likeliest of those that disagree. */
  readonly file?: FileHandle;
  /** The others, where files disagree and nothing tells which one lies. */
  readonly otherFiles?: readonly FileHandle[];
  /** 0-based index of the record in `file`. */
  readonly record?: number;
  /** Byte offset in the content of `file`, after decompression. */
  readonly offset?: number;
  readonly expected?: string;
  readonly actual?: string;
  /** The versions or epochs concerned, inclusive. */
  readonly versions?: readonly [first: bigint, last: bigint];
  readonly epochs?: readonly [first: bigint, last: bigint];
  /** What the operator does next. */
  readonly hint?: string;
}

export function isFindingCode(text: string): text is FindingCode {
  return Object.hasOwn(FINDING_TEXTS, text);
}
