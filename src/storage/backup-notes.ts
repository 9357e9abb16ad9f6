import type { FileSystem } from '../durable-fs/file-system.js';
import { joinPath } from '../durable-fs/relative-path.js';
import { HOLDFAST_DIRECTORY, makeDirectoryIfMissing } from '../durable-fs/staging-area.js';
import { systemErrorCode } from '../durable-fs/system-error.js';

/**
 * Who works on which backup folder: an empty file `<folder>~<owner id>` each. The name says it all, so there
 * is nothing to tear; and what a power cut takes along belonged to somebody who is dead then.
 */
export const NOTES_DIRECTORY = `${HOLDFAST_DIRECTORY}/active`;

const NOTE_NAME = /^([A-Za-z0-9._-]+)~([0-9a-f-]{36})$/;

/** A note that somebody works on a backup folder. */
export interface BackupNote {
  readonly folder: string;
  readonly ownerId: string;
}

/** Says that `ownerId` works on the folder from now on. Whoever needs it alone looks at the notes after this. */
export async function leaveNote(fileSystem: FileSystem, folder: string, ownerId: string): Promise<void> {
  await makeDirectoryIfMissing(fileSystem, HOLDFAST_DIRECTORY);
  await makeDirectoryIfMissing(fileSystem, NOTES_DIRECTORY);
  try {
    await (await fileSystem.createExclusive(notePath(folder, ownerId))).close();
  } catch (error) {
    // The same owner has said so before.
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
}

export async function removeNote(fileSystem: FileSystem, folder: string, ownerId: string): Promise<void> {
  try {
    await fileSystem.unlink(notePath(folder, ownerId));
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}

/** All notes, of dead owners too. */
export async function listNotes(fileSystem: FileSystem): Promise<BackupNote[]> {
  const entries = await fileSystem.readdir(NOTES_DIRECTORY).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  });
  return entries.flatMap(({ name }) => {
    const [, folder, ownerId] = NOTE_NAME.exec(name) ?? [];
    return folder === undefined || ownerId === undefined ? [] : [{ folder, ownerId }];
  });
}

function notePath(folder: string, ownerId: string): string {
  return joinPath(NOTES_DIRECTORY, `${folder}~${ownerId}`);
}
