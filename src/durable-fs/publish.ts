import { createHash } from 'node:crypto';
import { DurableFsError } from './durable-fs-error.js';
import type { FileSystem } from './file-system.js';
import { joinPath } from './relative-path.js';
import { CLAIMS_DIRECTORY, makeDirectoryIfMissing } from './staging-area.js';
import { systemErrorCode } from './system-error.js';

/** How a name was given. */
export type PublishMethod = 'link' | 'claim-and-rename';

/** What file systems without hard links answer to `link`. */
const NO_HARD_LINKS: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
]);

/** True for the errors of `link` that mean: this file system has no hard links. */
export function meansNoHardLinks(error: unknown): boolean {
  return NO_HARD_LINKS.has(systemErrorCode(error));
}

/**
 * Gives sealed staging files their final names, never touching what has such a name already (D3).
 *
 * Normally by a hard link, which fails atomically if the name is taken, by whomever.
 *
 * Where hard links are missing: a directory named after the final name is made under `.holdfast/claims`,
 * which fails if another writer of ours is publishing that name; then the name must be free; then the
 * staging file is renamed, which shows the whole file at once (D1). What is lost: a program that takes no
 * claims (the reference) and creates the very name between the check and the rename is overwritten. Between
 * writers of ours D3 holds in full. An empty placeholder under the final name would close that gap and is
 * refused, because readers would see an empty file (D1).
 */
export class NoClobberPublisher {
  readonly #fileSystem: FileSystem;
  #hardLinks = true;

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  /**
   * Names the file at `stagedPath` `finalPath`. After `link` the staging name still stands and is the
   * caller's to remove. Rejects with `NAME_EXISTS`, `PUBLISH_FAILED`, `NO_SPACE` or `DIRECTORY_FAILED`;
   * then the final name is as it was before.
   */
  async publish(stagedPath: string, finalPath: string): Promise<PublishMethod> {
    const identity = await this.#identityOf(stagedPath, finalPath);
    if (this.#hardLinks) {
      if (await this.#link(stagedPath, finalPath, identity)) return 'link';
      this.#hardLinks = false;
    }
    await this.#claimAndRename(stagedPath, finalPath, identity);
    return 'claim-and-rename';
  }

  /** Resolves to false if the file system has no hard links. */
  async #link(stagedPath: string, finalPath: string, identity: string): Promise<boolean> {
    try {
      await this.#fileSystem.link(stagedPath, finalPath);
      return true;
    } catch (cause) {
      const isOurs = await this.#names(finalPath, identity);
      // A file server that did the work but lost its answer reports the repeated call as EEXIST.
      if (systemErrorCode(cause) === 'EEXIST' && isOurs) return true;
      if (isOurs) await this.withdraw(finalPath);
      else if (meansNoHardLinks(cause)) return false;
      throw publishError(finalPath, cause);
    }
  }

  async #claimAndRename(stagedPath: string, finalPath: string, identity: string): Promise<void> {
    const claim = await this.#claim(finalPath);
    try {
      await this.#assertFree(finalPath);
      await this.#fileSystem.rename(stagedPath, finalPath).catch(async (cause: unknown) => {
        if (await this.#names(finalPath, identity)) await this.withdraw(finalPath);
        throw publishError(finalPath, cause);
      });
    } finally {
      // A claim that stays blocks only this name, until the next holder of the writer lock removes it.
      await this.#fileSystem.rmdir(claim).catch(() => undefined);
    }
  }

  /** Takes a name back that nobody was told of; resolves to false if that did not work. */
  async withdraw(finalPath: string): Promise<boolean> {
    return await this.#fileSystem.unlink(finalPath).then(
      () => true,
      () => false,
    );
  }

  async #claim(finalPath: string): Promise<string> {
    await makeDirectoryIfMissing(this.#fileSystem, CLAIMS_DIRECTORY);
    // The digest, because a folder and a file name together may be longer than a name can be.
    const claim = joinPath(CLAIMS_DIRECTORY, createHash('sha256').update(finalPath).digest('hex'));
    try {
      await this.#fileSystem.mkdir(claim);
    } catch (cause) {
      if (systemErrorCode(cause) !== 'EEXIST') throw publishError(finalPath, cause);
      throw new DurableFsError('NAME_EXISTS', finalPath, 'another writer is publishing this name', cause);
    }
    return claim;
  }

  async #assertFree(finalPath: string): Promise<void> {
    try {
      await this.#fileSystem.stat(finalPath);
    } catch (cause) {
      if (systemErrorCode(cause) === 'ENOENT') return;
      throw publishError(finalPath, cause);
    }
    throw new DurableFsError('NAME_EXISTS', finalPath, 'the name is taken');
  }

  async #identityOf(stagedPath: string, finalPath: string): Promise<string> {
    try {
      return (await this.#fileSystem.stat(stagedPath)).identity;
    } catch (cause) {
      throw publishError(finalPath, cause);
    }
  }

  async #names(path: string, identity: string): Promise<boolean> {
    return await this.#fileSystem.stat(path).then(
      (stat) => stat.identity === identity,
      () => false,
    );
  }
}

function publishError(finalPath: string, cause: unknown): DurableFsError {
  if (systemErrorCode(cause) === 'EEXIST') {
    return new DurableFsError('NAME_EXISTS', finalPath, 'the name is taken', cause);
  }
  return DurableFsError.fromFailedCall('PUBLISH_FAILED', finalPath, 'cannot give it its name', cause);
}
