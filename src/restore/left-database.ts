import path from 'node:path';
import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import type { OpenStore } from '../aptosdb/driver/key-value-store.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { removeFolder } from '../durable-fs/remove-folder.js';
import { systemErrorCode } from '../durable-fs/system-error.js';

/** A folder that holds nothing but a database of ours; the file system's root is `root`. */
export interface DatabasePlace {
  readonly fileSystem: FileSystem;
  /** In the system's notation. */
  readonly root: string;
  /** Relative to the root, and so below. */
  readonly parent: string;
  readonly database: string;
  /** Where a database is moved to before it is removed: a part of one could not be opened the next time. */
  readonly removed: string;
}

/** Where the database is, in the system's notation. */
export function databaseFolder({ root, database }: DatabasePlace): string {
  return path.join(root, ...database.split('/'));
}

/**
 * Removes, durably, what a run that was cut off has left, also while it removed it.
 * @throws DatabaseError DB_OPEN_FAILED where another process is at work on it; the system's error
 */
export async function removeLeftDatabase(place: DatabasePlace, openStore?: OpenStore): Promise<void> {
  const { fileSystem, database, removed } = place;
  await removeFolder(fileSystem, removed);
  if (!(await isThere(fileSystem, database))) return;
  // RocksDB lets one process in at a time: whoever is let in disturbs no other.
  const rest = await AptosDatabaseFiles.open(databaseFolder(place), { mode: 'create', openStore });
  await rest.close();
  await removeClosedDatabase(place);
}

/** Removes, durably, a database that nobody has open. Rejects with the system's error. */
export async function removeClosedDatabase(place: DatabasePlace): Promise<void> {
  const { fileSystem, parent, database, removed } = place;
  await fileSystem.rename(database, removed);
  await fileSystem.syncDirectory(parent);
  await removeFolder(fileSystem, removed);
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
