import assert from 'node:assert/strict';
import { DurableFsError } from './durable-fs-error.js';
import type { FileSystem } from './file-system.js';
import { joinPath } from './relative-path.js';
import { systemErrorCode } from './system-error.js';

/** Everything that Holdfast keeps in an archive for itself; no reader lists it. */
export const HOLDFAST_DIRECTORY = '.holdfast';
/** Unfinished files stand here, in the archive's own file system, so that a link can publish them. */
export const STAGING_DIRECTORY = `${HOLDFAST_DIRECTORY}/staging`;
/** Claims on final names, used only where hard links are missing (see `NoClobberPublisher`). */
export const CLAIMS_DIRECTORY = `${HOLDFAST_DIRECTORY}/claims`;

const WRITER_ID = /^[A-Za-z0-9-]{1,64}$/;
const STAGED_NAME = /^([A-Za-z0-9-]{1,64})\.[0-9]+$/;

/**
 * The staging names of one writer: `<writer id>.<counter>`. The id tells clean-up whose file it is, so it
 * must be unique among all writers that ever use the archive (a UUID is).
 */
export class StagingArea {
  readonly #fileSystem: FileSystem;
  readonly #writerId: string;
  #next = 0;
  #ready: Promise<void> | undefined;

  constructor(writerId: string, fileSystem: FileSystem) {
    assert.match(writerId, WRITER_ID);
    this.#writerId = writerId;
    this.#fileSystem = fileSystem;
  }

  /** A path that nobody has used yet; makes the staging folder on first use. */
  async nextPath(): Promise<string> {
    this.#ready ??= this.#makeFolders();
    await this.#ready;
    return joinPath(STAGING_DIRECTORY, `${this.#writerId}.${this.#next++}`);
  }

  /** The folders are not made durable: what a power cut takes with them is garbage. */
  async #makeFolders(): Promise<void> {
    for (const directory of [HOLDFAST_DIRECTORY, STAGING_DIRECTORY]) {
      await makeDirectoryIfMissing(this.#fileSystem, directory);
    }
  }
}

/** What clean-up of the staging folder did. */
export interface StagingReclaim {
  /** Names of removed staging files. */
  readonly removed: readonly string[];
  /** Names that belong to a live writer. */
  readonly kept: readonly string[];
  /** Entries that no writer of ours makes; never touched. */
  readonly foreign: readonly string[];
}

/**
 * Removes staging files of writers that `isLive` does not vouch for. Safe beside a live writer, and safe to
 * repeat after a crash: a staging name is never the only name of a committed file. Rejects with the
 * system's error; an archive without a staging folder is fine.
 */
export async function reclaimStaging(
  fileSystem: FileSystem,
  isLive: (writerId: string) => boolean,
): Promise<StagingReclaim> {
  const removed: string[] = [];
  const kept: string[] = [];
  const foreign: string[] = [];
  for (const entry of await listIfPresent(fileSystem, STAGING_DIRECTORY)) {
    const writerId = STAGED_NAME.exec(entry.name)?.[1];
    if (writerId === undefined || entry.kind !== 'file') foreign.push(entry.name);
    else if (isLive(writerId)) kept.push(entry.name);
    else {
      await ignoringMissing(fileSystem.unlink(joinPath(STAGING_DIRECTORY, entry.name)));
      removed.push(entry.name);
    }
  }
  return { removed, kept, foreign };
}

/**
 * Removes the claims that dead writers left. Only for the holder of the writer lock, before its first
 * publish: a claim does not say whose it is, and only the lock proves that all owners are dead.
 * Resolves to the number removed.
 */
export async function reclaimClaims(fileSystem: FileSystem): Promise<number> {
  const claims = await listIfPresent(fileSystem, CLAIMS_DIRECTORY);
  for (const claim of claims) await ignoringMissing(fileSystem.rmdir(joinPath(CLAIMS_DIRECTORY, claim.name)));
  return claims.length;
}

/**
 * Makes a directory unless it is there; resolves to true if it was made. Rejects with `DIRECTORY_FAILED`
 * or `NO_SPACE`, also when something that is no directory has the name. Syncs nothing.
 */
export async function makeDirectoryIfMissing(fileSystem: FileSystem, path: string): Promise<boolean> {
  try {
    await fileSystem.mkdir(path);
    return true;
  } catch (cause) {
    if (systemErrorCode(cause) !== 'EEXIST') {
      throw DurableFsError.fromFailedCall('DIRECTORY_FAILED', path, 'cannot make the directory', cause);
    }
  }
  const stat = await fileSystem.stat(path).catch((cause: unknown) => {
    throw new DurableFsError('DIRECTORY_FAILED', path, 'cannot look at what has this name', cause);
  });
  if (stat.kind === 'directory') return false;
  throw new DurableFsError('DIRECTORY_FAILED', path, 'something that is no directory has this name');
}

async function listIfPresent(fileSystem: FileSystem, path: string) {
  try {
    return await fileSystem.readdir(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Another clean-up may have been faster. */
async function ignoringMissing(removal: Promise<void>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
