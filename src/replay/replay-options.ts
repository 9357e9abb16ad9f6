import type { BackupStorage } from '../storage/backup-storage.js';
import type { ProgressListener } from '../telemetry/progress.js';
import type { LedgerFamily } from '../types/ledger-family.js';
import type { Waypoint } from '../types/waypoint.js';

/** What to replay and how; versions are inclusive. */
export interface ReplayVerifyOptions {
  readonly storage: BackupStorage;
  readonly family: LedgerFamily;
  /** The newest snapshot at or before this version is what the replay begins with. */
  readonly startVersion: bigint;
  readonly endVersion: bigint;
  /** Goes on behind a mismatch. */
  readonly lazyQuit?: boolean;
  /** Checkpoints at these versions are not compared. */
  readonly versionsToSkip?: ReadonlySet<bigint>;
  readonly trustedWaypoints?: readonly Waypoint[];
  /** Checks no signature. */
  readonly skipEpochEndings?: boolean;
  /** Asked for, never done: the report says so. */
  readonly validateModules?: boolean;
  /** How many keys may be touched before the replay is cut into windows, each from a tree of its own. */
  readonly touchedKeysMax?: number;
  /**
   * A folder below which a scratch database keeps the state instead of memory, until the replay ends. Where a
   * root differs and the replay is to go on, the rest is replayed in memory.
   */
  readonly scratchDirectory?: string | undefined;
  /** Files read side by side. */
  readonly concurrency?: number;
  /** Threads that check and hash records. Default 1: the calling thread alone. */
  readonly threads?: number;
  readonly metadataCacheDir?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ProgressListener;
}

/** Together with their writes and their part of the tree: up to about 1 GiB. */
export const TOUCHED_KEYS_MAX = 1_000_000;
