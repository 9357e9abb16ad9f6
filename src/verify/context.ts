import type { Codec } from '../bcs/codec.js';
import { decode } from '../bcs/codec.js';
import type { ProvingPool } from '../proving/proving-pool.js';
import type { BackupStorage, FileHandle } from '../storage/backup-storage.js';
import { readWholeFile } from '../storage/read-file.js';
import type { ProgressListener } from '../telemetry/progress.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import { type FindingPlace, type Findings, findingOf } from './findings.js';
import type { AttestationChecker } from './attestations.js';
import type { TransactionAnalysis } from './transaction-analysis.js';
import type { VerifyMetrics } from './verify-metrics.js';

/** A range proof holds at most 126 siblings and a ledger info with its validators: far below this. */
export const PROOF_BYTES_MAX = 64 * 1024 * 1024;

/** What was read, for the report. */
export interface Tally {
  manifests: number;
  files: number;
  bytes: number;
  epochEndings: number;
  transactions: number;
  stateItems: number;
  unattestedFiles: number;
}

/** What every part of a verification works with. */
export interface VerifyContext {
  readonly storage: BackupStorage;
  readonly hashers: LedgerHashers;
  /** Where records are checked and hashed. */
  readonly pool: ProvingPool;
  readonly findings: Findings;
  readonly tally: Tally;
  readonly attestations: AttestationChecker;
  readonly progress: ProgressListener;
  /** Files that are read ahead or side by side. */
  readonly concurrency: number;
  readonly signal: AbortSignal | undefined;
  /** Where sizes of transactions are written, if anybody asked for them. */
  readonly analysis: TransactionAnalysis | undefined;
  /** Told what was verified, if anybody looks. */
  readonly metrics: VerifyMetrics | undefined;
}

/** Reads a whole file, or makes a finding at `place` and gives undefined. */
export async function readFileOrFind(
  context: VerifyContext,
  place: FindingPlace,
  bytesMax: number,
  onContent?: (piece: Uint8Array) => void,
): Promise<Uint8Array | undefined> {
  const { storage, signal, tally } = context;
  try {
    const bytes = await readWholeFile(storage, place.file, { bytesMax, signal, onContent });
    tally.bytes += bytes.length;
    return bytes;
  } catch (error) {
    signal?.throwIfAborted();
    context.findings.add(findingOf(error, place));
    return undefined;
  }
}

/** Reads and decodes a proof file, or makes a finding and gives undefined. */
export async function readProof<T>(
  context: VerifyContext,
  codec: Codec<T>,
  file: FileHandle,
  manifest: FileHandle,
): Promise<T | undefined> {
  const place = { file, otherFiles: [manifest] };
  const check = context.attestations.begin(file, manifest);
  const bytes = await readFileOrFind(context, place, PROOF_BYTES_MAX, check.onContent);
  if (!bytes) return undefined;
  check.finish();
  try {
    return decode(codec, bytes, { dialect: context.hashers.family.dialect });
  } catch (error) {
    context.findings.add(findingOf(error, { file }, 'PROOF_INVALID'));
    return undefined;
  }
}
