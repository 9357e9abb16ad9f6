import { ignoreProgress, type ProgressListener } from '../telemetry/progress.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import type { WritableBackupStorage } from '../storage/writable-backup-storage.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import type { BackupMetrics } from './backup-metrics.js';
import type { CommittedBackups } from './committed-backups.js';
import type { RateLimit } from './rate-limit.js';
import type { RequestGate } from './request-gate.js';
import type { TrustChain } from './trust-chain.js';

/** The reference's default size of a chunk. */
export const CHUNK_BYTES_MAX = 134_217_728;

/** Something that the operator should hear of although the backup goes on. */
export type BackupWarningListener = (code: string, message: string) => void;

/** What all kinds of backups work with. */
export interface BackupContext {
  readonly storage: WritableBackupStorage;
  readonly committed: CommittedBackups;
  readonly chain: TrustChain;
  readonly hashers: LedgerHashers;
  readonly metrics: BackupMetrics;
  readonly gate: RequestGate;
  readonly rate: RateLimit;
  readonly chunkBytesMax: number;
  /** What the service sends as transaction records. */
  readonly recordFormat: () => Promise<TransactionRecordFormat>;
  /** Whether the rest of an interrupted backup is gone on with. */
  readonly resume: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ProgressListener | undefined;
  readonly onWarning?: BackupWarningListener | undefined;
}

export function progressOf({ progress }: BackupContext): ProgressListener {
  return progress ?? ignoreProgress;
}
