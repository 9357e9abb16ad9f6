import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { DurableFsError, type DurableFsErrorCode } from './durable-fs-error.js';
import type { FileSystem, WritableFile } from './file-system.js';

/** What was written, as the attestation needs it (D5). */
export interface FileDigest {
  /** Length in bytes. */
  readonly size: number;
  /** SHA-256 of the content as written, 32 bytes. */
  readonly sha256: Uint8Array;
}

/**
 * A file under a staging name: written, hashed, synced, closed and checked for its length, or discarded.
 * The first failure discards it (D8): the descriptor is closed, the staging name removed as far as that
 * works, and every later call rejects with the same error.
 */
export class StagedFile {
  /** The staging name. */
  readonly path: string;
  readonly #finalPath: string;
  readonly #fileSystem: FileSystem;
  readonly #file: WritableFile;
  readonly #hash = createHash('sha256');
  #size = 0;
  #descriptorOpen = true;
  #busy = false;
  #ended: 'sealed' | 'discarded' | DurableFsError | undefined;

  private constructor(path: string, finalPath: string, fileSystem: FileSystem, file: WritableFile) {
    this.path = path;
    this.#finalPath = finalPath;
    this.#fileSystem = fileSystem;
    this.#file = file;
  }

  /** Creates the staging file. Errors name `finalPath`, which is what the operator knows. */
  static async create(fileSystem: FileSystem, path: string, finalPath: string): Promise<StagedFile> {
    let file: WritableFile;
    try {
      file = await fileSystem.createExclusive(path);
    } catch (cause) {
      throw DurableFsError.fromFailedCall('OPEN_FAILED', finalPath, 'cannot create its staging file', cause);
    }
    return new StagedFile(path, finalPath, fileSystem, file);
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#size;
  }

  /** Appends all of `bytes`, which the caller leaves alone until this settles. One call at a time. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#exclusively(async () => {
      let rest = bytes;
      while (rest.length > 0) {
        const taken = await this.#attempt('WRITE_FAILED', 'cannot write', () =>
          this.#file.write(rest, this.#size),
        );
        if (taken === 0) return await this.#fail('WRITE_FAILED', 'a write took no bytes');
        assert.ok(taken <= rest.length);
        this.#hash.update(rest.subarray(0, taken));
        this.#size += taken;
        rest = rest.subarray(taken);
      }
    });
  }

  /** Syncs, closes, checks the length: then the content survives a power cut, still without a name. */
  seal(): Promise<FileDigest> {
    return this.#exclusively(async () => {
      await this.#attempt('SYNC_FAILED', 'cannot sync its content', () => this.#file.sync());
      this.#descriptorOpen = false;
      await this.#attempt('CLOSE_FAILED', 'cannot close it', () => this.#file.close());
      const stat = await this.#attempt('LENGTH_MISMATCH', 'cannot check its length', () =>
        this.#fileSystem.stat(this.path),
      );
      if (stat.size !== this.#size) {
        const reason = `${this.#size} bytes were written, but the file holds ${stat.size}`;
        return await this.#fail('LENGTH_MISMATCH', reason);
      }
      this.#ended = 'sealed';
      return { size: this.#size, sha256: new Uint8Array(this.#hash.digest()) };
    });
  }

  /**
   * Gives the file up and removes the staging name, as far as that works: what stays is garbage that
   * `reclaimStaging` finds. Never rejects; may be called at any time and more than once.
   */
  async discard(): Promise<void> {
    this.#ended ??= 'discarded';
    if (this.#descriptorOpen) {
      this.#descriptorOpen = false;
      // The file is given up: what close reports about its data no longer matters.
      await this.#file.close().catch(() => undefined);
    }
    await this.removeStagingName();
  }

  /** Removes the staging name; resolves to false if it stays behind for clean-up. */
  async removeStagingName(): Promise<boolean> {
    return await this.#fileSystem.unlink(this.path).then(
      () => true,
      () => false,
    );
  }

  async #exclusively<Result>(run: () => Promise<Result>): Promise<Result> {
    if (this.#ended instanceof DurableFsError) throw this.#ended;
    assert.equal(this.#ended, undefined, 'the file is already sealed or discarded');
    assert.ok(!this.#busy, 'one call at a time');
    this.#busy = true;
    try {
      return await run();
    } finally {
      this.#busy = false;
    }
  }

  async #attempt<Result>(
    code: DurableFsErrorCode,
    reason: string,
    run: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await run();
    } catch (cause) {
      return await this.#fail(code, reason, cause);
    }
  }

  async #fail(code: DurableFsErrorCode, reason: string, cause?: unknown): Promise<never> {
    const error = DurableFsError.fromFailedCall(code, this.#finalPath, reason, cause);
    this.#ended = error;
    await this.discard();
    throw error;
  }
}
