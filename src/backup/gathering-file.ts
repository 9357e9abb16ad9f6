import type { BackupFileWriter, WrittenFile } from '../storage/writable-backup-storage.js';

/**
 * A file that takes small pieces: they are copied together and written in large ones, one of which is under
 * way while the next one is gathered.
 */
export class GatheringFile {
  readonly #file: BackupFileWriter;
  #current: Uint8Array;
  #other: Uint8Array | undefined;
  #filled = 0;
  #writing: Promise<void> = Promise.resolve();

  /** Memory is at most twice `bufferBytes`. */
  constructor(file: BackupFileWriter, bufferBytes: number) {
    this.#file = file;
    this.#current = new Uint8Array(bufferBytes);
  }

  /** Copies the bytes; waits only when both buffers are full. */
  async append(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      const taken = rest.subarray(0, this.#current.length - this.#filled);
      this.#current.set(taken, this.#filled);
      this.#filled += taken.length;
      rest = rest.subarray(taken.length);
      if (this.#filled === this.#current.length) await this.#flush();
    }
  }

  async commit(): Promise<WrittenFile> {
    await this.#flush();
    await this.#writing;
    return await this.#file.commit();
  }

  /** Gives the file up; never rejects. */
  async discard(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#file.discard();
  }

  async #flush(): Promise<void> {
    if (this.#filled === 0) return;
    const full = this.#current;
    await this.#writing;
    this.#writing = this.#file.write(full.subarray(0, this.#filled));
    // Whoever waits for it next hears of a failure; until then it must not end the process.
    this.#writing.catch(() => undefined);
    this.#current = this.#other ?? new Uint8Array(full.length);
    this.#other = full;
    this.#filled = 0;
  }
}
