import type { FileSystem } from '../durable-fs/file-system.js';
import { joinPath } from '../durable-fs/relative-path.js';
import { makeDirectoryIfMissing } from '../durable-fs/staging-area.js';
import { systemErrorCode } from '../durable-fs/system-error.js';
import { RestoreError } from './restore-error.js';
import type { RestoreIdentity } from './restore-identity.js';
import { readJournal, readReceipt } from './restore-journal-json.js';

/** What a restore keeps in its target beside the database; the root of all paths here is the target. */
export const RESTORE_FOLDER = '.holdfast-restore';
/** Where the database is built: a folder that holds `ledger_db` and the others. */
export const BUILD_FOLDER = `${RESTORE_FOLDER}/db`;
const JOURNAL = 'journal.json';
const RECEIPT = 'done.json';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** How far a restore is; what it means is its writers' matter. Big integers as decimal text. */
export type RestoreProgress = { readonly [name: string]: JsonValue };

/** What was restored; stays in the target. */
export interface RestoreReceipt {
  readonly identity: RestoreIdentity;
  /** Decimal. */
  readonly version: string;
  readonly epoch?: string;
  /** Root of the state at that version, lower-case hex. */
  readonly rootHash?: string;
  /** ISO 8601. */
  readonly finishedAt: string;
  /** Counts and the like, for people. */
  readonly report: RestoreProgress;
}

/** What the journal of an unfinished restore says. */
export type RestoreJournalState =
  | { readonly phase: 'restoring'; readonly identity: RestoreIdentity; readonly progress: RestoreProgress }
  /** Everything is restored and checked: what is left is to give the database its place. */
  | { readonly phase: 'publishing'; readonly identity: RestoreIdentity; readonly receipt: RestoreReceipt };

/**
 * True where nothing that a restore has written counts yet: none of its steps has begun, or the first one
 * has and it is a snapshot, of which the journal would say how far it is. How far transactions are is said
 * by the markers of the database alone.
 */
export function countsNothing(state: RestoreJournalState): boolean {
  if (state.phase !== 'restoring') return false;
  const { step, ...more } = state.progress;
  if (Object.keys(more).length > 0) return false;
  const { base, tree } = state.identity.choice;
  const isStateFirst = base !== undefined && base.version === tree?.version;
  return step === undefined || step === 'values' || (step === 'state' && isStateFirst);
}

/**
 * The journal of one restore. It is replaced as a whole, by a rename of a synced file: at every instant,
 * and after any crash, it is the one before or the one after.
 */
export class RestoreJournal {
  readonly #fileSystem: FileSystem;
  #state: RestoreJournalState;
  #writing: Promise<void> = Promise.resolve();

  private constructor(fileSystem: FileSystem, state: RestoreJournalState) {
    this.#fileSystem = fileSystem;
    this.#state = state;
  }

  /** Begins a restore in an empty target: from here on the target says whose it is. */
  static async begin(fileSystem: FileSystem, identity: RestoreIdentity): Promise<RestoreJournal> {
    await makeDirectoryIfMissing(fileSystem, RESTORE_FOLDER);
    await fileSystem.syncDirectory('.');
    const journal = new RestoreJournal(fileSystem, { phase: 'restoring', identity, progress: {} });
    await journal.#write();
    return journal;
  }

  /** Goes on with what a target says of itself. */
  static resume(fileSystem: FileSystem, state: RestoreJournalState): RestoreJournal {
    return new RestoreJournal(fileSystem, state);
  }

  get state(): RestoreJournalState {
    return this.#state;
  }

  /** Empty at the beginning, and where everything is restored. */
  get progress(): RestoreProgress {
    return this.#state.phase === 'restoring' ? this.#state.progress : {};
  }

  /**
   * A commit point: resolves when the progress survives a power cut. What it speaks of must be durable
   * before the call. Rejects with the system's error; then the journal is the one before.
   */
  async save(progress: RestoreProgress): Promise<void> {
    const { identity } = this.#state;
    await this.#replace({ phase: 'restoring', identity, progress });
  }

  /** Says that everything is restored, checked, durable and closed. */
  async beginPublishing(receipt: RestoreReceipt): Promise<void> {
    await this.#replace({ phase: 'publishing', identity: this.#state.identity, receipt });
  }

  /** Leaves the receipt in the journal's place. */
  async finish(receipt: RestoreReceipt): Promise<void> {
    await writeReplacing(this.#fileSystem, RECEIPT, receipt);
    await ignoringMissing(this.#fileSystem.unlink(joinPath(RESTORE_FOLDER, JOURNAL)));
    await this.#fileSystem.syncDirectory(RESTORE_FOLDER);
  }

  async #replace(state: RestoreJournalState): Promise<void> {
    const write = this.#writing.then(async () => {
      await writeReplacing(this.#fileSystem, JOURNAL, state);
      this.#state = state;
    });
    this.#writing = write.catch(() => undefined);
    await write;
  }

  async #write(): Promise<void> {
    await this.#replace(this.#state);
  }
}

/** Undefined where there is none. @throws RestoreError RESTORE_JOURNAL_UNREADABLE */
export async function loadJournal(fileSystem: FileSystem): Promise<RestoreJournalState | undefined> {
  return await load(fileSystem, JOURNAL, readJournal);
}

/** Undefined where there is none. @throws RestoreError RESTORE_JOURNAL_UNREADABLE */
export async function loadReceipt(fileSystem: FileSystem): Promise<RestoreReceipt | undefined> {
  return await load(fileSystem, RECEIPT, readReceipt);
}

async function load<Content>(
  fileSystem: FileSystem,
  name: string,
  read: (json: unknown) => Content | undefined,
): Promise<Content | undefined> {
  const path = joinPath(RESTORE_FOLDER, name);
  let bytes: Uint8Array;
  try {
    bytes = await fileSystem.readFile(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw unreadable(path, (error as Error).message, error);
  }
  let content: Content | undefined;
  try {
    content = read(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (error) {
    throw unreadable(path, (error as Error).message, error);
  }
  if (content === undefined) throw unreadable(path, 'it lacks what this release keeps in it');
  return content;
}

function unreadable(path: string, why: string, cause?: unknown): RestoreError {
  return new RestoreError('RESTORE_JOURNAL_UNREADABLE', `${path} cannot be read: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'It is damaged, or of a newer release. Restore into another folder, or empty this one.',
    facts: { path },
  });
}

/** Rejects with the system's error; then the name holds what it held. */
async function writeReplacing(fileSystem: FileSystem, name: string, content: unknown): Promise<void> {
  const next = joinPath(RESTORE_FOLDER, `${name}.next`);
  // The rest of a run that was cut off; nobody reads it.
  await ignoringMissing(fileSystem.unlink(next));
  const file = await fileSystem.createExclusive(next);
  try {
    const bytes = Buffer.from(`${JSON.stringify(content, undefined, 1)}\n`);
    for (let done = 0; done < bytes.length; ) done += await file.write(bytes.subarray(done), done);
    await file.sync();
  } finally {
    await file.close();
  }
  await fileSystem.rename(next, joinPath(RESTORE_FOLDER, name));
  await fileSystem.syncDirectory(RESTORE_FOLDER);
}

async function ignoringMissing(removal: Promise<void>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
