import type { ProgressListener } from '../telemetry/progress.js';
import type { ArchiveReading } from './archive-reading.js';
import type { RestoreMetrics } from './restore-metrics.js';

/** Between commit points while all goes well: what a kill or a power cut may cost. */
export const COMMIT_EVERY_MS = 10_000;

/** What every step of a restore works with. */
export interface RestoreRun extends ArchiveReading {
  readonly progress: ProgressListener;
  readonly commitEveryMs: number;
  /** Told after each: from here on it survives whatever happens. */
  readonly onCommitPoint?: ((point: CommitPoint) => void) | undefined;
  /** Told what was written or, in a dry run, proven. */
  readonly metrics?: RestoreMetrics | undefined;
}

/** How far a stage is, durably. */
export interface CommitPoint {
  readonly stage: string;
  /** Items of a snapshot, or the last version of transactions. */
  readonly done: bigint;
}
