import { createRoot, NodeFileSystem } from '../durable-fs/node-file-system.js';
import { publishDatabase } from './publish-database.js';
import { receiptReport } from './receipt-report.js';
import type { RestoreArguments } from './restore-identity.js';
import { RestoreJournal } from './restore-journal.js';
import type { RestoreReport } from './restore-report.js';
import { inspectTarget, requireSameArguments } from './target.js';

/**
 * Finishes a restore that was cut off when all was restored and only the database's place was left to be
 * given. The archive is not needed for it, nor is any plan.
 * @param directory the folder that is to hold `ledger_db`
 * @param wanted as the restore was asked for, see `argumentsOf`
 * @returns undefined where there is no such restore; then nothing was changed
 * @throws RestoreError of `inspectTarget` and `publishDatabase`, RESTORE_TARGET_OTHER_RESTORE
 */
export async function publishRestored(
  directory: string,
  wanted: RestoreArguments,
): Promise<RestoreReport | undefined> {
  const startedAt = performance.now();
  const state = await inspectTarget(new NodeFileSystem(directory));
  if (state.kind !== 'unfinished' || state.journal.phase !== 'publishing') return undefined;
  requireSameArguments(state.journal.identity, wanted);
  const fileSystem = await createRoot(directory);
  await publishDatabase(fileSystem, RestoreJournal.resume(fileSystem, state.journal));
  return receiptReport(state.journal.receipt, { outcome: 'restored', target: directory, startedAt });
}
