import { DirectorySyncGroup } from './directory-sync-group.js';
import { DurableFile } from './durable-file.js';
import { DurableFsError } from './durable-fs-error.js';
import type { FileSystem } from './file-system.js';
import { NoClobberPublisher } from './publish.js';
import { assertRelativePath, joinPath, parentOf, ROOT } from './relative-path.js';
import { StagedFile } from './staged-file.js';
import { makeDirectoryIfMissing, StagingArea } from './staging-area.js';
import { systemErrorCode } from './system-error.js';

export interface DurableWriterOptions {
  /** Unique among all writers of the archive, ever: letters, digits and `-`, at most 64 (a UUID fits). */
  readonly writerId: string;
}

/**
 * Writes files that appear whole or not at all, and says when they are safe. One instance serves one backup
 * (or one other unit of work that succeeds or fails as a whole); after a failed barrier it is finished, and
 * a retry takes a new one. Several files may be under construction at a time.
 */
export class DurableWriter {
  readonly #fileSystem: FileSystem;
  readonly #staging: StagingArea;
  readonly #publisher: NoClobberPublisher;
  readonly #group: DirectorySyncGroup;
  readonly #directories = new Map<string, Promise<void>>();

  constructor(options: DurableWriterOptions, fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
    this.#staging = new StagingArea(options.writerId, fileSystem);
    this.#publisher = new NoClobberPublisher(fileSystem);
    this.#group = new DirectorySyncGroup(fileSystem);
  }

  /**
   * Makes a directory and its missing parents, unless they are there. Their names are durable after the
   * next barrier, those that were found included: a writer that was killed may have made them and not
   * synced them. Rejects with `DIRECTORY_FAILED` or `NO_SPACE`.
   */
  ensureDirectory(path: string): Promise<void> {
    assertRelativePath(path);
    if (path === ROOT) return Promise.resolve();
    let making = this.#directories.get(path);
    if (making === undefined) {
      making = this.#makeDirectory(path);
      this.#directories.set(path, making);
      // A directory that could not be made may be asked for again.
      making.catch(() => this.#directories.delete(path));
    }
    return making;
  }

  /**
   * Starts a file that will be called `directory/name`; makes the directory if it is missing. Rejects with
   * `NAME_EXISTS` if the name is taken, `OPEN_FAILED`, `DIRECTORY_FAILED` or `NO_SPACE`.
   */
  async openDurableFile(directory: string, name: string): Promise<DurableFile> {
    const finalPath = joinPath(directory, name);
    assertRelativePath(finalPath);
    await this.ensureDirectory(directory);
    await this.#refuseTakenName(finalPath);
    const staged = await StagedFile.create(this.#fileSystem, await this.#staging.nextPath(), finalPath);
    return new DurableFile(finalPath, staged, this.#publisher, this.#group);
  }

  /**
   * Starts a file that refers to others, a manifest or a metadata entry: everything that was published
   * before this call is durable before one byte of it is staged (D2). Also rejects with `SYNC_FAILED`.
   */
  async openDependentFile(directory: string, name: string): Promise<DurableFile> {
    await this.barrier();
    return await this.openDurableFile(directory, name);
  }

  /**
   * Resolves when everything that was published or made before this call survives a power cut; rejects with
   * `SYNC_FAILED`, after which this writer is of no more use.
   */
  barrier(): Promise<void> {
    return this.#group.barrier();
  }

  /**
   * Takes over a whole file that is there already, from a run that was interrupted or from another tool:
   * after the next barrier it is as durable as one of ours. The caller has checked its content (D7).
   * Rejects with `SYNC_FAILED`.
   */
  async adopt(path: string): Promise<void> {
    await this.ensureDirectory(parentOf(path));
    try {
      await this.#fileSystem.syncFile(path);
    } catch (cause) {
      throw DurableFsError.fromFailedCall('SYNC_FAILED', path, 'cannot sync its content', cause);
    }
    this.#group.add(parentOf(path));
  }

  async #makeDirectory(path: string): Promise<void> {
    await this.ensureDirectory(parentOf(path));
    const made = await makeDirectoryIfMissing(this.#fileSystem, path);
    // Only an empty directory can be removed, so withdrawing cannot take anybody's files along.
    const withdraw = () => this.#fileSystem.rmdir(path).catch(() => undefined);
    this.#group.add(parentOf(path), made ? withdraw : undefined);
  }

  /** Saves the work of writing a file whose name is taken; what counts is the check while publishing. */
  async #refuseTakenName(finalPath: string): Promise<void> {
    try {
      await this.#fileSystem.stat(finalPath);
    } catch (cause) {
      if (systemErrorCode(cause) === 'ENOENT') return;
      throw DurableFsError.fromFailedCall('OPEN_FAILED', finalPath, 'cannot look at its name', cause);
    }
    throw new DurableFsError('NAME_EXISTS', finalPath, 'the name is taken');
  }
}
