import { DirectorySyncGroup } from './directory-sync-group.js';
import { DurableFsError } from './durable-fs-error.js';
import type { FileSystem } from './file-system.js';
import { NoClobberPublisher } from './publish.js';
import { parentOf } from './relative-path.js';
import { systemErrorCode } from './system-error.js';

/**
 * Moves a committed file to another directory that exists, never replacing anything. After a crash at any
 * moment the file has its old name, or its new one, or both: the new name is durable before the old one is
 * removed, and the move is durable when this resolves. Calling again finishes a move that was interrupted
 * anywhere: where both names are left, and where the old one is gone but perhaps not durably.
 * Rejects with `NAME_EXISTS`, `PUBLISH_FAILED` or `SYNC_FAILED`.
 *
 * Where hard links are missing it is one rename, whose two halves only a journal keeps together.
 */
export async function moveFile(fileSystem: FileSystem, from: string, to: string): Promise<void> {
  const group = new DirectorySyncGroup(fileSystem);
  if (await wasMoved(fileSystem, from, to)) group.add(parentOf(to));
  else await publishAndUnlink(fileSystem, group, from, to);
  group.add(parentOf(from));
  await group.barrier();
}

/** Makes the new name durable, then removes the old one. */
async function publishAndUnlink(
  fileSystem: FileSystem,
  group: DirectorySyncGroup,
  from: string,
  to: string,
): Promise<void> {
  const publisher = new NoClobberPublisher(fileSystem);
  const method = await publisher.publish(from, to);
  group.add(parentOf(to), method === 'link' ? () => publisher.withdraw(to) : undefined);
  if (method !== 'link') return;
  await group.barrier();
  try {
    await fileSystem.unlink(from);
  } catch (cause) {
    throw new DurableFsError(
      'PUBLISH_FAILED',
      from,
      `cannot remove the old name after moving to ${to}`,
      cause,
    );
  }
}

/** True if the old name is gone and the new one is there. */
async function wasMoved(fileSystem: FileSystem, from: string, to: string): Promise<boolean> {
  return !(await isThere(fileSystem, from)) && (await isThere(fileSystem, to));
}

async function isThere(fileSystem: FileSystem, path: string): Promise<boolean> {
  try {
    await fileSystem.stat(path);
    return true;
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return false;
    throw new DurableFsError('PUBLISH_FAILED', path, 'cannot look at its name', cause);
  }
}
