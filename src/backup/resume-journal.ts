import { readWholeFile } from '../storage/read-file.js';
import { StorageError } from '../storage/storage-error.js';
import type { BackupHandle, WritableBackupStorage } from '../storage/writable-backup-storage.js';
import { type CommittedChunk, formatChunkNote, parseChunkNote } from './chunk-note.js';

/** Below the storage's side folder: files `<backup folder>.<number>`, the first of which is the header. */
export const JOURNAL_FOLDER = 'resume';
const JOURNAL_BYTES_MAX = 256 * 1024 * 1024;

/** Chunks are noted together: a note costs a sync, and a chunk that is not noted is fetched again. */
const NOTE_BYTES = 16n * 1024n * 1024n;
const NOTE_MS = 100;

/** What an interrupted backup left behind about itself. */
export interface FoundJournal {
  readonly folder: string;
  /** What is backed up, in the words of `BackupSubject`. */
  readonly subject: string;
  /** In no order; nothing of it is checked. */
  readonly chunks: readonly CommittedChunk[];
  /** How many files the journal has. */
  readonly files: number;
}

/**
 * The notes of one backup about its committed files, from which a later run goes on. Each note is a file of
 * its own, whole or not there; it may outlive the files that it speaks of, so everything is checked.
 */
export class ResumeJournal {
  readonly #storage: WritableBackupStorage;
  readonly #folder: string;
  readonly #backup: BackupHandle;
  #files: number;
  #waiting: CommittedChunk[] = [];
  #waitingBytes = 0n;
  #notedAt = performance.now();
  #writing: Promise<void> = Promise.resolve();

  private constructor(storage: WritableBackupStorage, folder: string, backup: BackupHandle, files: number) {
    this.#storage = storage;
    this.#folder = folder;
    this.#backup = backup;
    this.#files = files;
  }

  /** Begins the journal of a new backup. */
  static async begin(
    storage: WritableBackupStorage,
    folder: string,
    backup: BackupHandle,
    subject: string,
  ): Promise<ResumeJournal> {
    const journal = new ResumeJournal(storage, folder, backup, 0);
    await journal.#write(`${JSON.stringify({ subject })}\n`);
    return journal;
  }

  /** Goes on with a journal that was found. */
  static resume(
    storage: WritableBackupStorage,
    backup: BackupHandle,
    { folder, files }: FoundJournal,
  ): ResumeJournal {
    return new ResumeJournal(storage, folder, backup, files);
  }

  /** The journal of a backup folder, or undefined where there is none that this version can read. */
  static async find(storage: WritableBackupStorage, folder: string): Promise<FoundJournal | undefined> {
    const header = await readNote(storage, folder, 0);
    const subject = header === undefined ? undefined : subjectOf(header);
    if (subject === undefined) return undefined;
    const chunks: CommittedChunk[] = [];
    let files = 1;
    for (; ; files++) {
      const note = await readNote(storage, folder, files);
      if (note === undefined) break;
      chunks.push(...note.split('\n').flatMap((line) => parseChunkNote(line) ?? []));
    }
    return { folder, subject, chunks, files };
  }

  /** Whether a name of this journal is taken already. */
  static async exists(storage: WritableBackupStorage, folder: string): Promise<boolean> {
    return (await readNote(storage, folder, 0)) !== undefined;
  }

  /** Notes a chunk whose files are committed, now or a little later. */
  async add(chunk: CommittedChunk): Promise<void> {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.records.size;
    if (this.#waitingBytes < NOTE_BYTES && performance.now() - this.#notedAt < NOTE_MS) return;
    await this.flush();
  }

  /** Writes down what is still waiting. */
  async flush(): Promise<void> {
    const chunks = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0n;
    this.#notedAt = performance.now();
    if (chunks.length > 0) await this.#write(chunks.map((chunk) => `${formatChunkNote(chunk)}\n`).join(''));
  }

  /** Removes all notes: the backup is committed, or given up. A note that stays does no harm. */
  async remove(): Promise<void> {
    this.#waiting = [];
    await this.#writing.catch(() => undefined);
    // The header last: without it the rest would never be found again.
    for (let number = this.#files - 1; number >= 0; number--) {
      await this.#storage.removeSideFile?.(JOURNAL_FOLDER, noteName(this.#folder, number));
    }
  }

  #write(text: string): Promise<void> {
    const name = noteName(this.#folder, this.#files++);
    const write = async (): Promise<void> => {
      await this.#storage.saveSideFile?.(JOURNAL_FOLDER, name, Buffer.from(text), this.#backup);
    };
    // One after the other, so that a note is never there without those before it.
    this.#writing = this.#writing.then(write);
    return this.#writing;
  }
}

function noteName(folder: string, number: number): string {
  return `${folder}.${String(number).padStart(6, '0')}`;
}

async function readNote(
  storage: WritableBackupStorage,
  folder: string,
  number: number,
): Promise<string | undefined> {
  if (storage.sideFolder === undefined) return undefined;
  const handle = `${storage.sideFolder}/${JOURNAL_FOLDER}/${noteName(folder, number)}`;
  try {
    return Buffer.from(await readWholeFile(storage, handle, { bytesMax: JOURNAL_BYTES_MAX })).toString(
      'utf8',
    );
  } catch (error) {
    if (error instanceof StorageError && error.code === 'FILE_MISSING') return undefined;
    throw error;
  }
}

function subjectOf(header: string): string | undefined {
  try {
    const value: unknown = JSON.parse(header);
    if (typeof value !== 'object' || value === null || !('subject' in value)) return undefined;
    return typeof value.subject === 'string' ? value.subject : undefined;
  } catch {
    return undefined;
  }
}
