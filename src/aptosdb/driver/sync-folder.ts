import { open } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseError } from './database-error.js';

/** Makes durable what a file or folder holds; of a folder, these are its names. */
export async function syncPath(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes the names of folders durable: of each one itself and of all above it up to `top`, whose own name is
 * synced as well. RocksDB syncs what stands inside of an instance's folder, and nothing outside.
 * @throws DatabaseError DB_WRITE_FAILED
 */
export async function syncFolderNames(folders: readonly string[], top: string): Promise<void> {
  const holders = new Set<string>();
  const end = path.dirname(path.resolve(top));
  for (const folder of folders) {
    let holder = path.dirname(path.resolve(folder));
    while (holder !== end && !holders.has(holder)) {
      holders.add(holder);
      holder = path.dirname(holder);
    }
  }
  for (const holder of [...holders, end]) await syncNamesIn(holder);
}

async function syncNamesIn(directory: string): Promise<void> {
  try {
    await syncPath(directory);
  } catch (cause) {
    const message = `cannot sync ${directory}: ${(cause as Error).message}`;
    throw new DatabaseError('DB_WRITE_FAILED', message, { cause, facts: { directory } });
  }
}
