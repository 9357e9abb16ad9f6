import type { EntryStat, FileSystem } from '../durable-fs/file-system.js';
import { joinPath, ROOT } from '../durable-fs/relative-path.js';
import { systemErrorCode } from '../durable-fs/system-error.js';
import { RestoreError } from './restore-error.js';
import { BUILD_FOLDER, type RestoreJournal } from './restore-journal.js';

/** The folders of a ledger database (spec: aptosdb-schema.md, section 2). */
export const DATABASE_FOLDERS = ['ledger_db', 'state_kv_db', 'state_merkle_db'] as const;

/**
 * Gives the finished database its place: renames its folders out of the build folder into the target, then
 * leaves the receipt. Every step may be the last before a crash; called again it does what is left. The
 * journal must say `publishing`, and the database must be closed and durable.
 * @throws RestoreError RESTORE_PUBLISH_FAILED
 */
export async function publishDatabase(fileSystem: FileSystem, journal: RestoreJournal): Promise<void> {
  const { state } = journal;
  if (state.phase !== 'publishing') throw new TypeError('the journal does not say that all is restored');
  try {
    for (const folder of DATABASE_FOLDERS) await moveIntoPlace(fileSystem, folder);
    await fileSystem.syncDirectory(ROOT);
    await removeBuildFolder(fileSystem);
    await journal.finish(state.receipt);
  } catch (error) {
    if (error instanceof RestoreError) throw error;
    throw failed(`cannot give the database its place: ${(error as Error).message}`, error);
  }
}

async function moveIntoPlace(fileSystem: FileSystem, folder: string): Promise<void> {
  const built = joinPath(BUILD_FOLDER, folder);
  const isBuilt = await statIfThere(fileSystem, built);
  const inPlace = await statIfThere(fileSystem, folder);
  if (isBuilt === undefined) {
    if (inPlace?.kind === 'directory') return;
    throw failed(`neither ${built} nor ${folder} is there: what was restored is gone`);
  }
  // A rename would replace an empty folder without a word, and no run of ours leaves both.
  if (inPlace !== undefined)
    throw failed(`${folder} is there already, and was not put there by this restore`);
  try {
    await fileSystem.rename(built, folder);
  } catch (error) {
    // Another run of the same restore may have been faster.
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}

async function removeBuildFolder(fileSystem: FileSystem): Promise<void> {
  try {
    // Where it has come loose from its folders; the parent is synced with the receipt.
    await fileSystem.syncDirectory(BUILD_FOLDER);
    await fileSystem.rmdir(BUILD_FOLDER);
  } catch (error) {
    // ENOTEMPTY: something that is no part of a database stands in it, and harms nobody.
    const code = systemErrorCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}

async function statIfThere(fileSystem: FileSystem, path: string): Promise<EntryStat | undefined> {
  try {
    return await fileSystem.stat(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function failed(message: string, cause?: unknown): RestoreError {
  return new RestoreError('RESTORE_PUBLISH_FAILED', message, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'Everything is restored; free the name, then run the same restore again to finish.',
  });
}
