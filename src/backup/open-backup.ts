import type { LoadMetadataOptions } from '../archive/load-metadata.js';
import type { BackupServiceClient } from '../service/backup-service-client.js';
import { ServiceError } from '../service/service-error.js';
import type { WritableBackupStorage } from '../storage/writable-backup-storage.js';
import type { ProgressListener } from '../telemetry/progress.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import type { Waypoint } from '../types/waypoint.js';
import { type BackupContext, type BackupWarningListener, CHUNK_BYTES_MAX } from './backup-context.js';
import { BackupMetrics } from './backup-metrics.js';
import { CommittedBackups } from './committed-backups.js';
import { RateLimit } from './rate-limit.js';
import { RequestGate } from './request-gate.js';
import { TrustChain } from './trust-chain.js';

/** Where from and where to, and how. */
export interface OpenBackupOptions {
  /** Both are closed by the caller. */
  readonly storage: WritableBackupStorage;
  readonly client: BackupServiceClient;
  readonly hashers: LedgerHashers;
  /** Without any, the root is the archive's beginning, or the service's where the archive has none. */
  readonly trustedWaypoints?: readonly Waypoint[];
  /** Bytes of a chunk file; a single larger record still makes a chunk. Default: the reference's 128 MiB. */
  readonly chunkBytesMax?: number;
  /** Requests for state items that are made side by side. Default 8. */
  readonly concurrentRequests?: number;
  /** Bytes of records that the service is asked for, on average. Default: no limit. */
  readonly bytesPerSecond?: number | undefined;
  /** False starts over instead of going on with the rest of an interrupted backup. Default true. */
  readonly resume?: boolean;
  readonly metadata?: Pick<LoadMetadataOptions, 'cacheDir' | 'concurrency'>;
  readonly metrics?: BackupMetrics;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ProgressListener | undefined;
  readonly onWarning?: BackupWarningListener | undefined;
}

const U64_MAX = 2n ** 64n - 1n;

/**
 * Services that cannot count state items are those that send no auxiliary info (spec: backup-service.md,
 * section 3). They are asked once.
 */
function recordFormatOf(client: BackupServiceClient): () => Promise<TransactionRecordFormat> {
  let known: TransactionRecordFormat | undefined;
  return async () => {
    if (known) return known;
    try {
      await client.stateItemCount(U64_MAX);
      known = 'V1';
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (error.code === 'SERVICE_ENDPOINT_UNKNOWN') known = 'V0';
      // No state is there, as expected; the endpoint is.
      else if (error.code === 'SERVICE_REFUSED') known = 'V1';
      else throw error;
    }
    return known;
  };
}

/**
 * Reads what the archive holds, and makes ready for backups into it.
 * @throws StorageError when the metadata files cannot be listed; TrustError WAYPOINT_DUPLICATED
 */
export async function openBackup(options: OpenBackupOptions): Promise<BackupContext> {
  const { storage, client, hashers, signal, onWarning, metrics = new BackupMetrics() } = options;
  const committed = await CommittedBackups.load(storage, { ...options.metadata, signal });
  metrics.metadataFiles(committed.fileCount, committed.downloads);
  client.onAnswer = (endpoint, milliseconds) => metrics.answered(endpoint, milliseconds);
  for (const { code, message } of committed.problems) onWarning?.(code, message);
  const { resume = true } = options;
  if (!storage.capabilities.resume) {
    const message = `an interrupted backup cannot be gone on with in ${storage.description}: it starts over`;
    onWarning?.('RESUME_UNAVAILABLE', message);
  }
  const waypoints = options.trustedWaypoints ?? [];
  return {
    storage,
    committed,
    chain: new TrustChain({ storage, committed, client, hashers, waypoints, metrics }),
    hashers,
    metrics,
    gate: new RequestGate(options.concurrentRequests ?? 8),
    rate: new RateLimit(options.bytesPerSecond),
    chunkBytesMax: options.chunkBytesMax ?? CHUNK_BYTES_MAX,
    recordFormat: recordFormatOf(client),
    resume,
    signal,
    progress: options.progress,
    onWarning,
  };
}
