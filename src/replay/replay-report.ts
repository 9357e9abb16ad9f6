import type { Finding } from '../verify/finding.js';
import type { VersionSpan } from './replay-jobs.js';

/** A checkpoint at which the replayed state has another root than the transaction info says. */
export interface ReplayMismatch {
  readonly version: bigint;
  /** Lower-case hex: what the ledger signed. */
  readonly expected: string;
  readonly actual: string;
}

/** A state that a replay started from. */
export interface ReplayBase {
  /** Undefined for the empty state before version 0. */
  readonly version?: bigint;
  readonly items: bigint;
}

/** What a replay did and found. The JSON form has these names; integers are exact. */
export interface ReplayReport {
  readonly archive: string;
  readonly ledgerFamily: string;
  /**
   * `equal`: every checkpoint that was compared has the signed root. `mismatch`: one has not. `findings`:
   * the archive is damaged where it was read, so that the replay did not reach its end.
   */
  readonly outcome: 'equal' | 'mismatch' | 'findings';
  readonly trustRootInWords: string;
  /** Where the state was kept, in the order of time; a database that met a mismatch is not gone on with. */
  readonly heldIn: readonly ('database' | 'memory')[];
  /** From the first to the last; the first is the snapshot at or before the start version. */
  readonly bases: readonly ReplayBase[];
  /** Versions whose write sets were applied. */
  readonly replayed?: VersionSpan;
  readonly checkpoints: {
    readonly compared: number;
    readonly equal: number;
    /** Left out by request. */
    readonly skipped: number;
    readonly last?: bigint;
  };
  readonly transactions: number;
  readonly writes: number;
  /** The first of them; all are counted. */
  readonly mismatches: readonly ReplayMismatch[];
  readonly mismatchCount: number;
  readonly findings: readonly Finding[];
  /** What was asked for but is not done, and why. */
  readonly notDone: readonly string[];
  readonly elapsedMs: number;
}
