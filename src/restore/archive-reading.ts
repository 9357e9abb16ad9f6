import type { ProvingPool } from '../proving/proving-pool.js';
import type { BackupStorage } from '../storage/backup-storage.js';
import { ignoreProgress } from '../telemetry/progress.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import { AttestationChecker } from '../verify/attestations.js';
import type { Tally, VerifyContext } from '../verify/context.js';
import type { FindingCode } from '../verify/finding.js';
import { Findings } from '../verify/findings.js';

/** Bytes of chunks that are held ahead of the one that is being written. */
export const BYTES_AHEAD_MAX = 128 * 1024 * 1024;
/**
 * Bytes of records that are held at all, those of the chunk that is being written included: beyond it, the
 * next chunk is begun when it is asked for.
 */
export const BYTES_HELD_MAX = 136 * 1024 * 1024;

/** What everything that reads an archive for a restore works with. */
export interface ArchiveReading {
  readonly storage: BackupStorage;
  readonly hashers: LedgerHashers;
  /** Where records are checked and hashed; the caller's to close. */
  readonly pool: ProvingPool;
  /** Chunks that are read side by side, as far as memory allows. */
  readonly concurrency: number;
  readonly signal?: AbortSignal | undefined;
  /** What was read so far. */
  readonly tally: Tally;
}

export function emptyTally(): Tally {
  return {
    manifests: 0,
    files: 0,
    bytes: 0,
    epochEndings: 0,
    transactions: 0,
    stateItems: 0,
    unattestedFiles: 0,
  };
}

/**
 * A context of the verifiers whose findings are judged before anything that it verified is used.
 * @param allow findings that do not end the restore
 */
export function verifyContextOf(
  reading: ArchiveReading,
  allow: ReadonlySet<FindingCode> = new Set(),
): VerifyContext {
  const { storage, hashers, pool, concurrency, signal, tally } = reading;
  const findings = new Findings({ allow });
  return {
    storage,
    hashers,
    pool,
    findings,
    tally,
    attestations: new AttestationChecker(findings, tally, undefined),
    progress: ignoreProgress,
    concurrency,
    signal,
    analysis: undefined,
    metrics: undefined,
  };
}

/** The same for one of several chunks that are verified side by side: its findings are its own. */
export function contextOfChunk(context: VerifyContext, signal: AbortSignal): VerifyContext {
  const findings = new Findings();
  return { ...context, findings, attestations: context.attestations.findingTo(findings), signal };
}
