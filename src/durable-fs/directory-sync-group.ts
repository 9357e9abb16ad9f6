import { DurableFsError } from './durable-fs-error.js';
import type { FileSystem } from './file-system.js';

/** Takes an entry back whose directory could not be synced; must not reject. */
export type Withdraw = () => Promise<unknown>;

/**
 * Group commit: collects which directories got new names, and syncs each of them once, however many names
 * it got, when somebody is about to depend on them.
 *
 * A failed sync ends the group for good. All names that are not durable by then were never reported as safe
 * and are withdrawn: the failed fsync may have dropped the directory's changes, a second one could report
 * success without writing them, and only new changes by a new group give a sync that means something.
 */
export class DirectorySyncGroup {
  readonly #fileSystem: FileSystem;
  #unsynced = new Map<string, Withdraw[]>();
  #lastFlush: Promise<void> = Promise.resolve();
  #failure: DurableFsError | undefined;

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  /** Notes that `directory` holds a name that is not durable yet. */
  add(directory: string, withdraw?: Withdraw): void {
    const entries = this.#unsynced.get(directory) ?? [];
    if (withdraw !== undefined) entries.push(withdraw);
    this.#unsynced.set(directory, entries);
  }

  /**
   * Resolves when every name that was added before this call survives a power cut; rejects with
   * `SYNC_FAILED` if one does not, now and on every later call.
   */
  barrier(): Promise<void> {
    // One after the other: a barrier that finds nothing left to sync still waits for, and fails with, the
    // one before it that took the names along.
    const flush = this.#lastFlush.then(() => this.#flush());
    this.#lastFlush = flush;
    // Whoever called barrier sees the rejection; the chain itself must not count as unhandled.
    flush.catch(() => undefined);
    return flush;
  }

  async #flush(): Promise<void> {
    const batch = [...this.#unsynced];
    this.#unsynced = new Map();
    while (this.#failure === undefined) {
      const next = batch[0];
      if (next === undefined) return;
      await this.#sync(next[0]);
      if (this.#failure === undefined) batch.shift();
    }
    // Newest first, so that a directory is empty by the time its own turn comes.
    for (const [, withdrawals] of batch.reverse()) {
      for (const withdraw of withdrawals.reverse()) await withdraw();
    }
    throw this.#failure;
  }

  async #sync(directory: string): Promise<void> {
    try {
      await this.#fileSystem.syncDirectory(directory);
    } catch (cause) {
      const reason = 'cannot make the names in this directory durable';
      this.#failure = DurableFsError.fromFailedCall('SYNC_FAILED', directory, reason, cause);
    }
  }
}
