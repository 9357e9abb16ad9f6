import path from 'node:path';
import type { OpenStore } from '../aptosdb/driver/key-value-store.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { removeLeftDatabase } from './left-database.js';
import { BUILD_FOLDER, RESTORE_FOLDER } from './restore-journal.js';

/** What a removal that was cut off has left. */
const DOOMED_FOLDER = `${RESTORE_FOLDER}/removed`;

/** Where the database of a restore into this folder is built, in the system's notation. */
export function buildFolderIn(directory: string): string {
  return path.join(directory, ...BUILD_FOLDER.split('/'));
}

/**
 * Removes, durably, what a run left that ended before anything of it counted: no journal speaks of its rows,
 * and they may be those of another restore.
 * @param fileSystem its root is `directory`
 * @throws DatabaseError DB_OPEN_FAILED where another process is at work on it; the system's error
 */
export async function clearBuildFolder(
  fileSystem: FileSystem,
  directory: string,
  openStore: OpenStore | undefined,
): Promise<void> {
  const place = { parent: RESTORE_FOLDER, database: BUILD_FOLDER, removed: DOOMED_FOLDER };
  await removeLeftDatabase({ fileSystem, root: directory, ...place }, openStore);
}
