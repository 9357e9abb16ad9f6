import type { FileSystem } from './file-system.js';
import { joinPath } from './relative-path.js';
import { systemErrorCode } from './system-error.js';

/**
 * Removes a folder with all that is in it, which nobody may use meanwhile; nothing where there is none. Cut
 * off, it leaves a part. The removal survives a power cut once the caller has synced the parent.
 * Rejects with the system's error.
 */
export async function removeFolder(fileSystem: FileSystem, path: string): Promise<void> {
  let entries: Awaited<ReturnType<FileSystem['readdir']>>;
  try {
    entries = await fileSystem.readdir(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  for (const { name, kind } of entries) {
    const entry = joinPath(path, name);
    if (kind === 'directory') await removeFolder(fileSystem, entry);
    else await fileSystem.unlink(entry);
  }
  await fileSystem.rmdir(path);
}
