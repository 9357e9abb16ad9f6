import { constants } from 'node:fs';
import { copyFile, link, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { DatabaseError } from '../driver/database-error.js';
import { REQUIRED_INSTANCES } from '../driver/instances.js';
import { syncPath } from '../driver/sync-folder.js';

/** Never changed once they are written: both databases can have the same file. */
const TABLE_FILE = /\.sst$/;
/** What belongs to a process and not to the data. */
const LEFT_OUT = /^(LOCK|LOG(\.old.*)?)$/;
/** What file systems say where a file cannot have a second name. */
const NO_LINK = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK']);

/**
 * Copies a database as it stands, durably and mostly by hard links. The binding has no such function, so
 * the database is closed while its files are listed: nobody else may have it open for writing, which is
 * tested at the beginning.
 * @param target a folder that does not exist yet
 * @throws DatabaseError DB_MISSING, DB_OPEN_FAILED, DB_WRITE_FAILED
 */
export async function checkpointDatabase(root: string, target: string): Promise<void> {
  const database = await AptosDatabaseFiles.open(root, { mode: 'write' });
  try {
    await database.barrier();
  } finally {
    await database.close();
  }
  try {
    await mkdir(target);
    for (const { path: instance } of REQUIRED_INSTANCES) {
      await copyInstance(path.join(root, instance), path.join(target, instance));
    }
    for (const folder of ['ledger_db', 'state_kv_db', 'state_merkle_db']) {
      await syncPath(path.join(target, folder));
    }
    await syncPath(target);
    await syncPath(path.dirname(path.resolve(target)));
  } catch (cause) {
    throw new DatabaseError('DB_WRITE_FAILED', `cannot copy to ${target}: ${(cause as Error).message}`, {
      cause,
      facts: { directory: target },
      hint: 'What is there is not a whole database: remove it.',
    });
  }
}

async function copyInstance(source: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  for (const entry of await readdir(source, { withFileTypes: true })) {
    if (!entry.isFile() || LEFT_OUT.test(entry.name)) continue;
    const from = path.join(source, entry.name);
    const to = path.join(target, entry.name);
    if (TABLE_FILE.test(entry.name) && (await linked(from, to))) continue;
    await copyFile(from, to, constants.COPYFILE_EXCL);
    await syncPath(to);
  }
  await syncPath(target);
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (NO_LINK.has((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}
