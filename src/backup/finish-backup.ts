import type { LocatedEntry } from '../archive/metadata-entry.js';
import type { BackupContext } from './backup-context.js';
import { BackupError } from './backup-error.js';
import type { BackupReport } from './backup-report.js';
import type { CommittedChunk } from './chunk-note.js';
import type { BackupEntry } from './committed-backups.js';

/** Nothing is left to do: these entries hold it. */
export function alreadyThere(entries: readonly LocatedEntry<BackupEntry>[]): BackupReport {
  return {
    outcome: 'already-there',
    metadata: [...new Set(entries.map(({ handle }) => handle))],
    entries: entries.map(({ entry }) => entry),
  };
}

export function committedReport(
  { chain }: BackupContext,
  startedAt: number,
  saved: { readonly entry: BackupEntry; readonly metadata: string; readonly manifest: string },
  kept: readonly CommittedChunk[],
  chunks: readonly CommittedChunk[],
): BackupReport {
  return {
    outcome: 'committed',
    metadata: [saved.metadata],
    entries: [saved.entry],
    manifest: saved.manifest,
    trustRoot: chain.root,
    chunks: chunks.length,
    bytes: bytesOf(chunks),
    kept: { chunks: kept.length, bytes: bytesOf(kept) },
    elapsedMs: Math.round(performance.now() - startedAt),
  };
}

function bytesOf(chunks: readonly CommittedChunk[]): bigint {
  return chunks.reduce((sum, { records }) => sum + records.size, 0n);
}

/**
 * Runs a backup; where the rest of an interrupted one turns out to be unusable, says so and begins anew.
 */
export async function orFromTheStart(
  context: BackupContext,
  backUp: (context: BackupContext) => Promise<BackupReport>,
): Promise<BackupReport> {
  try {
    return await backUp(context);
  } catch (error) {
    const isSpoiled = error instanceof BackupError && error.code === 'UNFINISHED_BACKUP_SPOILED';
    if (!isSpoiled || !context.resume) throw error;
    context.onWarning?.(error.code, `${error.message}: the backup starts over`);
    return await backUp({ ...context, resume: false });
  }
}
