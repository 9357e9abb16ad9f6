import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import { createRoot } from '../durable-fs/node-file-system.js';
import { removeFolder } from '../durable-fs/remove-folder.js';
import { systemErrorCode } from '../durable-fs/system-error.js';
import {
  type DatabasePlace,
  databaseFolder,
  removeClosedDatabase,
  removeLeftDatabase,
} from '../restore/left-database.js';

/** The only name in the folder that is touched. */
export const SCRATCH_FOLDER = '.holdfast-replay';

/**
 * Lends an empty database in a folder of its own below `directory`, which is removed however the work ends;
 * what a killed run has left there goes first. The directory is made where it is missing, and stays.
 * @throws what the work throws; DatabaseError DB_OPEN_FAILED, also while another run uses the same directory;
 *   the system's error where the folder cannot be made or removed
 */
export async function withScratchDatabase<Result>(
  directory: string,
  work: (database: AptosDatabaseFiles) => Promise<Result>,
): Promise<Result> {
  const place: DatabasePlace = {
    fileSystem: await createRoot(directory),
    root: directory,
    parent: SCRATCH_FOLDER,
    database: `${SCRATCH_FOLDER}/db`,
    removed: `${SCRATCH_FOLDER}/removed`,
  };
  await removeLeftDatabase(place);
  await makeFolder(place);
  const database = await AptosDatabaseFiles.open(databaseFolder(place), { mode: 'create' });
  let result: Result;
  try {
    result = await work(database);
  } catch (error) {
    // What ended the work is the story; the next run removes what this one cannot.
    await discard(place, database).catch(() => undefined);
    throw error;
  }
  await discard(place, database);
  return result;
}

async function makeFolder({ fileSystem, parent }: DatabasePlace): Promise<void> {
  try {
    await fileSystem.mkdir(parent);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
}

async function discard(place: DatabasePlace, database: AptosDatabaseFiles): Promise<void> {
  // What a full disk does not take any more is not wanted any more.
  await database.close().catch(() => undefined);
  await removeClosedDatabase(place);
  await removeFolder(place.fileSystem, place.parent);
  await place.fileSystem.syncDirectory('.');
}
