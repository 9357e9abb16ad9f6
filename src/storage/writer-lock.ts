import { setTimeout as wait } from 'node:timers/promises';
import type { FileSystem } from '../durable-fs/file-system.js';
import {
  reclaimClaims,
  reclaimStaging,
  STAGING_DIRECTORY,
  type StagingReclaim,
} from '../durable-fs/staging-area.js';
import { systemErrorCode } from '../durable-fs/system-error.js';
import { listNotes, removeNote } from './backup-notes.js';
import { StorageError } from './storage-error.js';
import {
  ownerIdOf,
  type Registration,
  type RegistryOptions,
  removeRegistration,
  WriterRegistry,
} from './writer-registry.js';

/** Two that begin at the same moment both step back and try again; so often, and then the later one fails. */
const TRIES = 6;
/** A holder that registered less than this many ms ago may be one that is about to step back. */
const FRESH_MS = 2000;
/** Upper bound of the first pause between tries, in ms; it grows with each try. */
const PAUSE_MS = 60;

export interface WriterLockOptions extends Omit<RegistryOptions, 'role'> {
  /** Called when the lease could not be renewed; the next renewal may still save it. */
  readonly onRenewalFailed?: ((error: unknown) => void) | undefined;
}

/**
 * The lock that lets one writer at a time commit to an archive. Whoever wants it registers first and looks
 * afterwards: of two that overlap, at least one sees the other and steps back, and a holder never looks
 * again. So there is no moment at which a lock is taken over or removed under a name that somebody else may
 * use. Readers never need it, and maintenance registers beside it without excluding anybody.
 */
export class WriterLock {
  readonly #fileSystem: FileSystem;
  readonly #registry: WriterRegistry;
  readonly #renewal: NodeJS.Timeout;
  #released = false;

  private constructor(fileSystem: FileSystem, registry: WriterRegistry, options: WriterLockOptions) {
    this.#fileSystem = fileSystem;
    this.#registry = registry;
    this.#renewal = setInterval(() => {
      registry.renew().catch((error: unknown) => {
        if (!this.#released) options.onRenewalFailed?.(error);
      });
    }, registry.renewalMs);
    // The lock must not keep a process alive that has nothing else to do.
    this.#renewal.unref();
  }

  /**
   * Takes the lock, also from an owner that is dead, or fails at once.
   * @throws StorageError WRITER_LOCKED, WRITER_LOCK_UNREADABLE; DurableFsError
   */
  static async acquire(fileSystem: FileSystem, options: WriterLockOptions): Promise<WriterLock> {
    for (let attempt = 1; ; attempt++) {
      const registry = await WriterRegistry.register(fileSystem, { ...options, role: 'writer' });
      const holder = await releasingOnError(registry, async () => {
        const { live } = await registry.others();
        return live.find(({ role }) => role === 'writer');
      });
      if (holder === undefined) return new WriterLock(fileSystem, registry, options);
      await registry.release();
      const now = (options.now ?? Date.now)();
      if (attempt === TRIES || now - holder.startedAt > FRESH_MS) throw locked(holder, now);
      await wait(Math.random() * PAUSE_MS * attempt);
    }
  }

  /**
   * Registers for work beside a live writer, so that what it stages is not taken for garbage.
   * @throws StorageError WRITER_LOCK_UNREADABLE; DurableFsError
   */
  static async join(fileSystem: FileSystem, options: WriterLockOptions): Promise<WriterLock> {
    const registry = await WriterRegistry.register(fileSystem, { ...options, role: 'maintenance' });
    await releasingOnError(registry, () => registry.others());
    return new WriterLock(fileSystem, registry, options);
  }

  /** What names of this owner's own begin with: staging files and notes. */
  get id(): string {
    return this.#registry.id;
  }

  /**
   * Called before each commit.
   * @throws StorageError WRITER_LOCK_LOST
   */
  async assertHeld(): Promise<void> {
    if (!this.#released && (await this.#registry.isHeld())) return;
    throw new StorageError(
      'WRITER_LOCK_LOST',
      'the writer lock is no longer held: nothing more is committed',
      {
        hint: 'The process stood still for longer than its lease, or its entry was removed. Start it again.',
        facts: { path: this.id },
      },
    );
  }

  /** Everybody else who is registered and alive. */
  async othersAlive(): Promise<readonly Registration[]> {
    return (await this.#registry.others()).live;
  }

  /** Removes what dead owners left: staging files, claims, notes, and at last their entries. */
  async reclaimDead(): Promise<StagingReclaim> {
    // What is listed before the owners are looked at cannot belong to one that came later.
    const staged = await this.#stagingOwners();
    const notes = await listNotes(this.#fileSystem);
    const { live, dead } = await this.#registry.others();
    const alive = new Set([this.id, ...live.map(({ id }) => id)]);
    const reclaim = await reclaimStaging(this.#fileSystem, (writerId) => {
      const owner = ownerIdOf(writerId);
      return alive.has(owner) || !staged.has(owner);
    });
    if (this.#registry.registration.role === 'writer') {
      // A claim does not say whose it is: only when nobody else is there all owners are dead.
      if (live.length === 0) await reclaimClaims(this.#fileSystem);
      for (const { folder, ownerId } of notes) {
        if (!alive.has(ownerId)) await removeNote(this.#fileSystem, folder, ownerId);
      }
      for (const id of dead) await removeRegistration(this.#fileSystem, id);
    }
    return reclaim;
  }

  /** Gives the lock back; may be called more than once. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    clearInterval(this.#renewal);
    await this.#registry.release();
  }

  async #stagingOwners(): Promise<ReadonlySet<string>> {
    const entries = await this.#fileSystem.readdir(STAGING_DIRECTORY).catch((error: unknown) => {
      if (systemErrorCode(error) === 'ENOENT') return [];
      throw error;
    });
    return new Set(entries.map(({ name }) => ownerIdOf(name)));
  }
}

async function releasingOnError<Result>(
  registry: WriterRegistry,
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    await registry.abandon();
    throw error;
  }
}

/** Who holds the lock, for people. */
export function describeRegistration({ owner, process, startedAt }: Registration): string {
  const { user, host, pid } = process;
  return `${owner} (process ${pid} of ${user} on ${host}, since ${new Date(startedAt).toISOString()})`;
}

function locked(holder: Registration, now: number): StorageError {
  const leaseMs = holder.leaseUntil - now;
  return new StorageError('WRITER_LOCKED', `another writer is at work: ${describeRegistration(holder)}`, {
    retryable: true,
    hint: 'Only one process may write to an archive at a time: wait for it to end, or stop it.',
    facts: {
      holder: describeRegistration(holder),
      host: holder.process.host,
      pid: holder.process.pid,
      bootId: holder.process.bootId,
      leaseMs,
    },
  });
}
