import { HoldfastError } from '../errors/holdfast-error.js';
import { systemErrorCode } from './system-error.js';

/** Why something was not committed. None of them leaves anything incomplete under a visible name. */
export type DurableFsErrorCode =
  /** The name is taken; what it holds was not touched. */
  | 'NAME_EXISTS'
  /** A directory could not be made, or something that is no directory has its name. */
  | 'DIRECTORY_FAILED'
  /** The staging file could not be created. */
  | 'OPEN_FAILED'
  /** A write failed, or made no progress. */
  | 'WRITE_FAILED'
  /** The file is not as long as what was written to it. */
  | 'LENGTH_MISMATCH'
  /** The disk or the quota is full, whichever call said so. */
  | 'NO_SPACE'
  /** An fsync of a file or of a directory failed: what it should have saved must be taken as lost. */
  | 'SYNC_FAILED'
  /** Closing failed, which on some file systems is the first word of a failed write. */
  | 'CLOSE_FAILED'
  /** The final name could not be given. */
  | 'PUBLISH_FAILED';

const NO_SPACE_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/**
 * A failure of committed writing. The file it speaks of is gone for good (D8): start again with a new file,
 * never with the same descriptor.
 */
export class DurableFsError extends HoldfastError<DurableFsErrorCode> {
  /** The final name concerned (or the directory), relative to the root. */
  readonly path: string;

  constructor(code: DurableFsErrorCode, path: string, reason: string, cause?: unknown) {
    const systemCode = systemErrorCode(cause);
    super(code, `${path}: ${reason}${systemCode === undefined ? '' : ` (${systemCode})`}`, {
      ...(cause === undefined ? {} : { cause }),
      ...hintFor(code),
      facts: { path, ...(systemCode === undefined ? {} : { systemCode }) },
    });
    this.path = path;
  }

  /** Like the constructor, but a full disk gets its own code whichever call met it. */
  static fromFailedCall(
    code: DurableFsErrorCode,
    path: string,
    reason: string,
    cause: unknown,
  ): DurableFsError {
    const systemCode = systemErrorCode(cause);
    const full = systemCode !== undefined && NO_SPACE_CODES.has(systemCode);
    return new DurableFsError(full ? 'NO_SPACE' : code, path, reason, cause);
  }
}

function hintFor(code: DurableFsErrorCode): { hint?: string } {
  switch (code) {
    case 'NO_SPACE':
      return { hint: 'Free space or raise the quota, then run the command again.' };
    case 'SYNC_FAILED':
    case 'CLOSE_FAILED':
    case 'LENGTH_MISMATCH':
      return { hint: 'Check the disk and the system log before writing there again.' };
    default:
      return {};
  }
}
