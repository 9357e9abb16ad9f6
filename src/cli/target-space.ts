import { readdir, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { TargetSpace } from '../restore/plan.js';
import { BUILD_FOLDER } from '../restore/restore-journal.js';

/** What the disk has room for, and what an unfinished restore has taken; undefined if it does not say. */
export async function targetSpace(directory: string): Promise<TargetSpace | undefined> {
  try {
    const { bavail, bsize } = await statfs(await nearestFolder(path.resolve(directory)), { bigint: true });
    return { free: bavail * bsize, used: await bytesBelow(path.join(directory, ...BUILD_FOLDER.split('/'))) };
  } catch {
    // No restore fails for want of a forecast: a disk that is full says so when it is written to.
    return undefined;
  }
}

async function nearestFolder(folder: string): Promise<string> {
  let nearest = folder;
  while (!(await isThere(nearest)) && path.dirname(nearest) !== nearest) nearest = path.dirname(nearest);
  return nearest;
}

async function isThere(folder: string): Promise<boolean> {
  return await stat(folder).then(
    () => true,
    () => false,
  );
}

async function bytesBelow(folder: string): Promise<bigint> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let bytes = 0n;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    // RocksDB may remove a file at any time.
    const found = await stat(path.join(entry.parentPath, entry.name), { bigint: true }).catch(
      () => undefined,
    );
    bytes += found?.size ?? 0n;
  }
  return bytes;
}
