import { randomUUID } from 'node:crypto';
import { DurableFsError } from '../durable-fs/durable-fs-error.js';
import { DurableWriter } from '../durable-fs/durable-writer.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { joinPath } from '../durable-fs/relative-path.js';
import { HOLDFAST_DIRECTORY } from '../durable-fs/staging-area.js';
import { systemErrorCode } from '../durable-fs/system-error.js';
import { livenessOf, ownProcessIdentity, type ProcessIdentity } from './process-identity.js';
import { StorageError } from './storage-error.js';

/** Where everybody who stages files is registered: one file `<id>.<renewal>` each. */
export const WRITERS_DIRECTORY = `${HOLDFAST_DIRECTORY}/writers`;

/** Of an owner that cannot be looked at, so many ms pass without a renewal until it counts as dead. */
const LEASE_MS = 5 * 60 * 1000;
/** A staging file of a registration may be reclaimed before it gets its name; then it is made again. */
const TRIES = 5;

/**
 * Ids of this process whose entries could not be removed from a failing disk. Nobody stands behind them any
 * more, though the process that they name is alive.
 */
const abandoned = new Set<string>();

const FILE_NAME = /^([0-9a-f-]{36})\.([0-9]{1,15})$/;

/** `writer`: backs up; only one at a time. `maintenance`: works beside a live writer. */
export type WriterRole = 'writer' | 'maintenance';

/** Somebody who stages files in the archive. */
export interface Registration {
  /** Unique for ever; staging names begin with it. */
  readonly id: string;
  readonly role: WriterRole;
  /** What it does, in words: the command. */
  readonly owner: string;
  readonly process: ProcessIdentity;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly leaseUntil: number;
}

export interface RegistryOptions {
  readonly role: WriterRole;
  readonly owner: string;
  readonly leaseMs?: number | undefined;
  /** The clock, in milliseconds since 1970; for tests. */
  readonly now?: (() => number) | undefined;
  readonly process?: ProcessIdentity | undefined;
}

/**
 * One entry in the registry, made by `WriterRegistry.register`. A name is never used again, so removing the
 * entry of a dead owner can never hit a live one.
 */
export class WriterRegistry {
  readonly registration: Registration;
  readonly #fileSystem: FileSystem;
  readonly #leaseMs: number;
  readonly #now: () => number;
  #leaseUntil: number;
  #renewals = 0;

  private constructor(fileSystem: FileSystem, options: RegistryOptions) {
    this.#fileSystem = fileSystem;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
    this.#now = options.now ?? Date.now;
    const startedAt = this.#now();
    this.#leaseUntil = startedAt + this.#leaseMs;
    this.registration = {
      id: randomUUID(),
      role: options.role,
      owner: options.owner,
      process: options.process ?? ownProcessIdentity(),
      startedAt,
      leaseUntil: this.#leaseUntil,
    };
  }

  /**
   * Publishes a new entry. It is whole when it has its name, and it need not survive a power cut, since its
   * owner does not.
   * @throws DurableFsError
   */
  static async register(fileSystem: FileSystem, options: RegistryOptions): Promise<WriterRegistry> {
    for (let attempt = 1; ; attempt++) {
      const registry = new WriterRegistry(fileSystem, options);
      try {
        await registry.#publish();
        return registry;
      } catch (error) {
        // It may have its name all the same, as when only what comes behind that failed.
        await registry.abandon();
        if (attempt === TRIES || !isLostStaging(error)) throw error;
      }
    }
  }

  get id(): string {
    return this.registration.id;
  }

  /** How often the lease should be renewed, in ms. */
  get renewalMs(): number {
    return Math.floor(this.#leaseMs / 4);
  }

  /** Gives the lease its full length again; the new entry has its name before the old one loses its. */
  async renew(): Promise<void> {
    const before = this.#path();
    const leaseUntil = this.#now() + this.#leaseMs;
    this.#renewals++;
    await this.#publish(leaseUntil);
    this.#leaseUntil = leaseUntil;
    await unlinkIfThere(this.#fileSystem, before);
  }

  /** True while nobody can have taken this owner for dead. */
  async isHeld(): Promise<boolean> {
    if (this.#now() >= this.#leaseUntil) return false;
    return (await namesOf(this.#fileSystem)).some(({ id }) => id === this.id);
  }

  /** Takes the entry out of the registry; repeatable. */
  async release(): Promise<void> {
    abandoned.add(this.id);
    await removeRegistration(this.#fileSystem, this.id);
    abandoned.delete(this.id);
  }

  /** As `release`; an entry that cannot be removed keeps nobody out. Never rejects. */
  async abandon(): Promise<void> {
    await this.release().catch(() => undefined);
  }

  /** Everybody else who is alive, as of now, and the ids of entries whose owners are dead. */
  async others(): Promise<{ readonly live: readonly Registration[]; readonly dead: readonly string[] }> {
    const now = this.#now();
    const live: Registration[] = [];
    const dead: string[] = [];
    for (const registration of await listRegistrations(this.#fileSystem)) {
      if (registration.id === this.id) continue;
      if (isAlive(registration, this.registration.process, now)) live.push(registration);
      else dead.push(registration.id);
    }
    return { live, dead };
  }

  #path(): string {
    return joinPath(WRITERS_DIRECTORY, `${this.id}.${this.#renewals}`);
  }

  async #publish(leaseUntil: number = this.#leaseUntil): Promise<void> {
    // A name of its own for each file: a renewal must not meet the staging file of an earlier one.
    const writer = new DurableWriter({ writerId: `${this.id}-r${this.#renewals}` }, this.#fileSystem);
    const file = await writer.openDurableFile(WRITERS_DIRECTORY, `${this.id}.${this.#renewals}`);
    await file.write(Buffer.from(`${JSON.stringify({ ...this.registration, leaseUntil }, undefined, 2)}\n`));
    await file.publish();
  }
}

/** A look at a live process decides; where that is not possible, the lease. */
export function isAlive(registration: Registration, own: ProcessIdentity, now: number): boolean {
  if (abandoned.has(registration.id)) return false;
  const liveness = livenessOf(registration.process, own);
  return liveness === 'unknown' ? now < registration.leaseUntil : liveness === 'alive';
}

/** The owner of a staging name or of a note, by the id that the name begins with. */
export function ownerIdOf(writerId: string): string {
  return writerId.slice(0, 36);
}

/**
 * All entries, dead owners' included, each with its newest renewal.
 * @throws StorageError WRITER_LOCK_UNREADABLE for a file that is none of ours: nobody can tell who it is
 */
export async function listRegistrations(fileSystem: FileSystem): Promise<Registration[]> {
  const foreign = (await entriesOf(fileSystem)).find((name) => !FILE_NAME.test(name));
  if (foreign !== undefined) throw unreadable(joinPath(WRITERS_DIRECTORY, foreign));
  const newest = new Map<string, number>();
  for (const { id, renewal } of await namesOf(fileSystem)) {
    newest.set(id, Math.max(newest.get(id) ?? 0, renewal));
  }
  const registrations: Registration[] = [];
  for (const [id, renewal] of newest) {
    const registration = await readRegistration(fileSystem, id, renewal);
    if (registration !== undefined) registrations.push(registration);
  }
  return registrations;
}

/** Removes all files of an entry, the newest last, so that it never looks older than it is. */
export async function removeRegistration(fileSystem: FileSystem, id: string): Promise<void> {
  const names = (await namesOf(fileSystem)).filter((name) => name.id === id);
  for (const { renewal } of names.sort((left, right) => left.renewal - right.renewal)) {
    await unlinkIfThere(fileSystem, joinPath(WRITERS_DIRECTORY, `${id}.${renewal}`));
  }
}

async function namesOf(fileSystem: FileSystem): Promise<{ id: string; renewal: number }[]> {
  return (await entriesOf(fileSystem)).flatMap((name) => {
    const [, id, renewal] = FILE_NAME.exec(name) ?? [];
    return id === undefined ? [] : [{ id, renewal: Number(renewal) }];
  });
}

async function entriesOf(fileSystem: FileSystem): Promise<string[]> {
  try {
    return (await fileSystem.readdir(WRITERS_DIRECTORY)).map(({ name }) => name);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Undefined when the owner has just left, or renewed its lease more than once meanwhile. */
async function readRegistration(
  fileSystem: FileSystem,
  id: string,
  renewal: number,
): Promise<Registration | undefined> {
  const path = joinPath(WRITERS_DIRECTORY, `${id}.${renewal}`);
  let text: string;
  try {
    text = Buffer.from(await fileSystem.readFile(path)).toString('utf8');
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    const newer = (await namesOf(fileSystem)).find((name) => name.id === id && name.renewal > renewal);
    return newer === undefined ? undefined : await readRegistration(fileSystem, id, newer.renewal);
  }
  const registration = parseRegistration(text);
  if (registration?.id !== id) throw unreadable(path);
  return registration;
}

function parseRegistration(text: string): Registration | undefined {
  let value: Partial<Record<keyof Registration, unknown>> | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, role, owner, startedAt, leaseUntil, process } = value;
  if (typeof id !== 'string' || typeof owner !== 'string') return undefined;
  if (role !== 'writer' && role !== 'maintenance') return undefined;
  if (typeof startedAt !== 'number' || typeof leaseUntil !== 'number') return undefined;
  const identity = parseProcess(process);
  return identity && { id, role, owner, startedAt, leaseUntil, process: identity };
}

function parseProcess(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Partial<Record<keyof ProcessIdentity, unknown>>;
  const { host, machineId, bootId, pidNamespace, pid, startTicks, user } = fields;
  if (typeof host !== 'string' || typeof machineId !== 'string' || typeof bootId !== 'string')
    return undefined;
  if (typeof pidNamespace !== 'string' || typeof startTicks !== 'string') return undefined;
  if (typeof user !== 'string' || typeof pid !== 'number' || !Number.isSafeInteger(pid)) return undefined;
  // 0 and negative numbers would mean groups of processes.
  return pid < 1 ? undefined : { host, machineId, bootId, pidNamespace, pid, startTicks, user };
}

function unreadable(path: string): StorageError {
  return new StorageError('WRITER_LOCK_UNREADABLE', `${path} is no entry of the writer registry`, {
    hint: 'Make sure that nothing writes to the archive, then remove this file.',
    facts: { path },
  });
}

function isLostStaging(error: unknown): boolean {
  return (
    error instanceof DurableFsError &&
    (error.code === 'PUBLISH_FAILED' || error.code === 'LENGTH_MISMATCH') &&
    systemErrorCode(error.cause) === 'ENOENT'
  );
}

async function unlinkIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.unlink(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
