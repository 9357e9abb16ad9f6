import path from 'node:path';
import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import type { OpenStore } from '../aptosdb/driver/key-value-store.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { removeFolder } from '../durable-fs/remove-folder.js';
import { systemErrorCode } from '../durable-fs/system-error.js';
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
  await removeFolder(fileSystem, DOOMED_FOLDER);
  if (await isThere(fileSystem, BUILD_FOLDER)) {
    // RocksDB lets one process in at a time: whoever is let in disturbs no other.
    const rest = await AptosDatabaseFiles.open(buildFolderIn(directory), { mode: 'create', openStore });
    await rest.close();
    // A database of which only a part is left could not be opened the next time.
    await fileSystem.rename(BUILD_FOLDER, DOOMED_FOLDER);
    await fileSystem.syncDirectory(RESTORE_FOLDER);
    await removeFolder(fileSystem, DOOMED_FOLDER);
  }
}

async function isThere(fileSystem: FileSystem, name: string): Promise<boolean> {
  try {
    await fileSystem.stat(name);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
