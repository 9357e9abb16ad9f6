import type { DirectoryEntry, EntryStat, FileSystem, ReadableFile, WritableFile } from './file-system.js';
import type { CallKind } from './operation-log.js';
import { createSystemError } from './system-error.js';

/** The calls that can be made to fail: all that change or sync something. */
export type FaultableCall = Exclude<CallKind, 'acknowledge'>;

/** How a call goes wrong. */
export type FaultEffect =
  /** The call fails with this system code and does nothing; a failed sync also drops what it should save. */
  | { readonly type: 'error'; readonly code: string }
  /** The call takes effect and fails all the same, as when a file server's answer is lost. */
  | { readonly type: 'error-after-effect'; readonly code: string }
  /** A write takes only the first half of its bytes (at least one). Other calls are not affected. */
  | { readonly type: 'short-write' }
  /** A write takes nothing and does not fail. Other calls are not affected. */
  | { readonly type: 'zero-write' }
  /** This call and every later one, looking included, fail with `EIO` and do nothing: the process is dead. */
  | { readonly type: 'death' };

/** Which call goes wrong, and how. */
export interface Fault {
  /** Counts from 0, over all faultable calls, or over those of `call` if that is given. */
  readonly nth: number;
  readonly call?: FaultableCall;
  readonly effect: FaultEffect;
  /** Also from then on, as on a disk that stays full; default false. */
  readonly lasting?: boolean;
}

/**
 * Passes calls on to another file system, except for those that a plan makes fail.
 *
 * A file sync that fails drops every byte that was not synced before: the ranges read as zeros, and the
 * next sync of the same descriptor succeeds with the data gone. That is what a kernel may do that reports
 * a write-back error once and marks the pages clean, and why nobody may sync again and go on.
 */
export class FaultFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #faults: readonly Fault[];
  readonly #counts = new Map<FaultableCall, number>();
  #total = 0;
  #dead = false;
  #injected = 0;

  constructor(inner: FileSystem, faults: readonly Fault[]) {
    this.#inner = inner;
    this.#faults = faults;
  }

  /** How many faultable calls were made: the bound for a campaign that fails each of them in turn. */
  get callsSeen(): number {
    return this.#total;
  }

  /** How many calls were made to go wrong. */
  get faultsInjected(): number {
    return this.#injected;
  }

  mkdir(path: string): Promise<void> {
    return this.#run('mkdir', path, () => this.#inner.mkdir(path));
  }

  async createExclusive(path: string): Promise<WritableFile> {
    const inner = await this.#run('create', path, () => this.#inner.createExclusive(path), closeAgain);
    let unsynced: { position: number; length: number }[] = [];
    const dropUnsynced = async () => {
      for (const range of unsynced) await inner.write(new Uint8Array(range.length), range.position);
      unsynced = [];
    };
    return {
      write: async (bytes, position) => {
        const written = await this.#write(inner, path, bytes, position);
        unsynced.push({ position, length: written });
        return written;
      },
      sync: async () => {
        try {
          await this.#run('sync-file', path, () => inner.sync());
        } catch (error) {
          if (!this.#dead) await dropUnsynced();
          throw error;
        }
        unsynced = [];
      },
      // The descriptor is gone whatever close reports.
      close: () => this.#run('close', path, () => inner.close(), undefined, true),
    };
  }

  link(from: string, to: string): Promise<void> {
    return this.#run('link', to, () => this.#inner.link(from, to));
  }

  unlink(path: string): Promise<void> {
    return this.#run('unlink', path, () => this.#inner.unlink(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#run('rename', to, () => this.#inner.rename(from, to));
  }

  rmdir(path: string): Promise<void> {
    return this.#run('rmdir', path, () => this.#inner.rmdir(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#run('sync-directory', path, () => this.#inner.syncDirectory(path));
  }

  syncFile(path: string): Promise<void> {
    return this.#run('sync-path', path, () => this.#inner.syncFile(path));
  }

  openForRead(path: string): Promise<ReadableFile> {
    return this.#look('open', path, () => this.#inner.openForRead(path));
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.#look('open', path, () => this.#inner.readFile(path));
  }

  readdir(path: string): Promise<readonly DirectoryEntry[]> {
    return this.#look('readdir', path, () => this.#inner.readdir(path));
  }

  stat(path: string): Promise<EntryStat> {
    return this.#look('stat', path, () => this.#inner.stat(path));
  }

  async #look<Result>(call: string, path: string, run: () => Promise<Result>): Promise<Result> {
    if (this.#dead) throw createSystemError('EIO', call, path);
    return await run();
  }

  async #write(inner: WritableFile, path: string, bytes: Uint8Array, position: number): Promise<number> {
    const effect = this.#next('write');
    if (effect === undefined) return await inner.write(bytes, position);
    switch (effect.type) {
      case 'short-write':
        return await inner.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), position);
      case 'zero-write':
        return 0;
      case 'error-after-effect':
        await inner.write(bytes, position);
        throw createSystemError(effect.code, 'write', path);
      case 'error':
        throw createSystemError(effect.code, 'write', path);
      case 'death':
        throw createSystemError('EIO', 'write', path);
    }
  }

  async #run<Result>(
    call: FaultableCall,
    path: string,
    run: () => Promise<Result>,
    undo?: (result: Result) => Promise<void>,
    releases = false,
  ): Promise<Result> {
    const effect = this.#next(call);
    if (effect === undefined || effect.type === 'short-write' || effect.type === 'zero-write')
      return await run();
    if (releases || effect.type === 'error-after-effect') {
      const result = await run();
      await undo?.(result);
    }
    throw createSystemError(effect.type === 'death' ? 'EIO' : effect.code, call, path);
  }

  #next(call: FaultableCall): FaultEffect | undefined {
    const ofKind = this.#counts.get(call) ?? 0;
    const overall = this.#total;
    this.#counts.set(call, ofKind + 1);
    this.#total += 1;
    if (this.#dead) return { type: 'death' };
    const fault = this.#faults.find((candidate) => {
      if (candidate.call !== undefined && candidate.call !== call) return false;
      const index = candidate.call === undefined ? overall : ofKind;
      return candidate.lasting === true ? index >= candidate.nth : index === candidate.nth;
    });
    if (fault === undefined) return undefined;
    if (fault.effect.type === 'death') this.#dead = true;
    const onlyWrites = fault.effect.type === 'short-write' || fault.effect.type === 'zero-write';
    if (!onlyWrites || call === 'write') this.#injected += 1;
    return fault.effect;
  }
}

/** A create that took effect but failed leaves nobody who could close the descriptor. */
async function closeAgain(file: WritableFile): Promise<void> {
  await file.close();
}
