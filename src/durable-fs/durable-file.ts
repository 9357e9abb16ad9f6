import assert from 'node:assert/strict';
import type { DirectorySyncGroup } from './directory-sync-group.js';
import type { NoClobberPublisher, PublishMethod } from './publish.js';
import { parentOf } from './relative-path.js';
import type { FileDigest, StagedFile } from './staged-file.js';

/** A file that has its final name. */
export interface PublishedFile extends FileDigest {
  /** The final name, relative to the root. */
  readonly path: string;
  readonly method: PublishMethod;
}

/**
 * A file on its way to its final name; made by `DurableWriter`. It ends with exactly one of `commit`,
 * `publish` or `discard`. Any failure discards it (D8) and names the final path and the cause.
 */
export class DurableFile {
  /** The name that it will have, relative to the root. */
  readonly path: string;
  readonly #staged: StagedFile;
  readonly #publisher: NoClobberPublisher;
  readonly #group: DirectorySyncGroup;
  #publishing: Promise<PublishedFile> | undefined;
  #discarded = false;

  constructor(path: string, staged: StagedFile, publisher: NoClobberPublisher, group: DirectorySyncGroup) {
    this.path = path;
    this.#staged = staged;
    this.#publisher = publisher;
    this.#group = group;
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#staged.size;
  }

  /**
   * Appends all of `bytes`, which the caller leaves alone until this settles; one call at a time.
   * Rejects with `WRITE_FAILED` or `NO_SPACE`.
   */
  write(bytes: Uint8Array): Promise<void> {
    return this.#staged.write(bytes);
  }

  /**
   * Makes the content durable and gives the file its name. The name is durable only after the writer's next
   * barrier, so that many files cost one directory sync: report nothing as done before that. Calling again
   * gives the same result. Rejects with `SYNC_FAILED`, `CLOSE_FAILED`, `LENGTH_MISMATCH`, `NO_SPACE`,
   * `NAME_EXISTS` or `PUBLISH_FAILED`.
   */
  publish(): Promise<PublishedFile> {
    assert.ok(!this.#discarded, 'the file is already discarded');
    this.#publishing ??= this.#sealAndPublish();
    return this.#publishing;
  }

  /** `publish` and a barrier: the file and its name survive a power cut. Also rejects with `SYNC_FAILED`. */
  async commit(): Promise<PublishedFile> {
    const published = await this.publish();
    await this.#group.barrier();
    return published;
  }

  /** Gives an unpublished file up; does nothing to a published one. Never rejects. */
  async discard(): Promise<void> {
    if (this.#publishing !== undefined) {
      await this.#publishing.catch(() => undefined);
      return;
    }
    this.#discarded = true;
    await this.#staged.discard();
  }

  /** `await using` discards whatever was not committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard();
  }

  async #sealAndPublish(): Promise<PublishedFile> {
    const digest = await this.#staged.seal();
    let method: PublishMethod;
    try {
      method = await this.#publisher.publish(this.#staged.path, this.path);
    } catch (error) {
      await this.#staged.discard();
      throw error;
    }
    this.#group.add(parentOf(this.path), () => this.#publisher.withdraw(this.path));
    // If the second name cannot be removed it is garbage in the staging folder, and the file is whole.
    if (method === 'link') await this.#staged.removeStagingName();
    return { path: this.path, size: digest.size, sha256: digest.sha256, method };
  }
}
