import type { BackupEntry } from './committed-backups.js';
import type { TrustRoot } from './trust-chain.js';

/** What a backup did. */
export type BackupReport =
  | {
      /** Nothing was left to do. */
      readonly outcome: 'already-there';
      /** The metadata files whose entries hold it. */
      readonly metadata: readonly string[];
      readonly entries: readonly BackupEntry[];
    }
  | {
      readonly outcome: 'committed';
      readonly metadata: readonly string[];
      readonly entries: readonly BackupEntry[];
      readonly manifest: string;
      readonly trustRoot: TrustRoot;
      readonly chunks: number;
      /** Bytes of the chunk files. */
      readonly bytes: bigint;
      /** What an interrupted run had committed before. */
      readonly kept: { readonly chunks: number; readonly bytes: bigint };
      readonly elapsedMs: number;
    };
