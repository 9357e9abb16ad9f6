import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { attestationExtras, type FileAttestation } from '../archive/attestation.js';
import {
  ATTESTATION_FOLDER,
  attestationFileName,
  serializeAttestationFile,
} from '../archive/attestation-side-file.js';
import { saveMetadata } from '../archive/commit-backup.js';
import {
  backupFolderName,
  METADATA_FOLDER,
  type MetadataFileName,
  metadataFileName,
} from '../archive/names.js';
import { DurableFsError } from '../durable-fs/durable-fs-error.js';
import { StorageError } from '../storage/storage-error.js';
import type {
  BackupFileWriter,
  BackupHandle,
  CreateForWriteOptions,
  WritableBackupStorage,
  WrittenFile,
} from '../storage/writable-backup-storage.js';
import type { BackupContext } from './backup-context.js';
import type { BackupFile, CommittedChunk } from './chunk-note.js';
import type { BackupEntry } from './committed-backups.js';
import { MatchingFile } from './matching-file.js';
import { asResumable, type ResumableStorage } from './resumable-storage.js';
import { type FoundJournal, ResumeJournal } from './resume-journal.js';

/** What one backup is, before its first file is written. */
export interface BackupPlan {
  /** Of its folder, before the random part. */
  readonly baseName: string;
  /** Everything that its files follow from: only a backup with the very same text is gone on with. */
  readonly subject: string;
}

/** The folder of a backup that is being written, new or left by an interrupted run. */
export class BackupFolder {
  readonly name: string;
  /** What an earlier run noted, in order and without gaps from the first chunk on; not checked yet. */
  readonly found: readonly CommittedChunk[];
  readonly #context: BackupContext;
  readonly #backup: BackupHandle;
  readonly #journal: ResumeJournal | undefined;
  /** Set where files of an earlier run may stand in the way. */
  readonly #resumed: ResumableStorage | undefined;

  private constructor(
    context: BackupContext,
    name: string,
    backup: BackupHandle,
    journal: ResumeJournal | undefined,
    resumed: { readonly storage: ResumableStorage; readonly found: readonly CommittedChunk[] } | undefined,
  ) {
    this.#context = context;
    this.name = name;
    this.#backup = backup;
    this.#journal = journal;
    this.#resumed = resumed?.storage;
    this.found = resumed?.found ?? [];
  }

  /** Finds the rest of an interrupted backup of the same plan, or makes a new folder. */
  static async begin(context: BackupContext, plan: BackupPlan): Promise<BackupFolder> {
    const { storage, signal } = context;
    const resumable = asResumable(storage);
    if (resumable && context.resume) {
      const journal = await findUnfinished(context, plan);
      const resumed = journal && (await BackupFolder.#goOn(context, resumable, journal));
      if (resumed) return resumed;
    }
    const name = await freeName(context, plan.baseName);
    const backup = await storage.createBackup(name, { signal });
    const journal = resumable && (await ResumeJournal.begin(storage, name, backup, plan.subject));
    return new BackupFolder(context, name, backup, journal, undefined);
  }

  static async #goOn(
    context: BackupContext,
    storage: ResumableStorage,
    found: FoundJournal,
  ): Promise<BackupFolder | undefined> {
    try {
      const backup = await storage.createBackup(found.folder, { signal: context.signal });
      const journal = ResumeJournal.resume(storage, backup, found);
      const chunks = contiguous(found.chunks);
      return new BackupFolder(context, found.folder, backup, journal, { storage, found: chunks });
    } catch (error) {
      // A clean-up looks at it this very moment: better begin anew than wait for it.
      if (error instanceof StorageError && error.code === 'BACKUP_BUSY') return undefined;
      throw error;
    }
  }

  /** Starts a file; one that an earlier run committed is compared with instead. */
  async createFile(name: string, options: CreateForWriteOptions = {}): Promise<BackupFileWriter> {
    const { storage, signal } = this.#context;
    try {
      return await storage.createForWrite(this.#backup, name, { ...options, signal });
    } catch (error) {
      const isTaken = error instanceof DurableFsError && error.code === 'NAME_EXISTS';
      if (!isTaken || !this.#resumed) throw error;
      return new MatchingFile(this.#resumed, this.#backup, `${this.name}/${name}`);
    }
  }

  async writeFile(
    name: string,
    content: Uint8Array,
    options: CreateForWriteOptions = {},
  ): Promise<BackupFile> {
    const file = await this.createFile(name, options);
    try {
      await file.write(content);
      return backupFile(await file.commit());
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  /** Takes over files of an earlier run whose content was checked. */
  async adopt(files: readonly BackupFile[]): Promise<void> {
    for (const { handle } of files) await this.#resumed?.adopt(this.#backup, handle);
  }

  /** Notes a committed chunk, so that a later run need not fetch it again. */
  async note(chunk: CommittedChunk): Promise<void> {
    await this.#journal?.add(chunk);
  }

  /** After a failure: notes all that is committed. Never rejects. */
  async leave(): Promise<void> {
    await this.#journal?.flush().catch(() => undefined);
  }

  /**
   * Commits the backup: its manifest, then the side file that attests the manifest, then its metadata.
   * @param entryOf gets the manifest's handle
   */
  async commit(
    manifestName: string,
    manifestText: string,
    metadata: MetadataFileName,
    entryOf: (manifest: string) => BackupEntry,
  ): Promise<{ readonly entry: BackupEntry; readonly metadata: string; readonly manifest: string }> {
    const { storage, signal, committed } = this.#context;
    const content = Buffer.from(manifestText);
    const manifest = await this.writeFile(manifestName, content, { dependent: true });
    const name = metadataFileName(metadata);
    await this.#saveSideFile(manifest, `${METADATA_FOLDER}/${name}`);
    const bare = entryOf(manifest.handle);
    const attestation = attestationExtras({ manifest: attestationOf(manifest) });
    const entry = { ...bare, extras: new Map([...attestation, ...(bare.extras ?? [])]) };
    const saved = await saveMetadata(storage, metadata, [entry], { after: [this.#backup], signal });
    committed.add({ entry, handle: saved.handle, line: 1 });
    // The backup is made; a journal that stays costs a few bytes.
    await this.#journal?.remove().catch(() => undefined);
    return { entry, metadata: saved.handle, manifest: manifest.handle };
  }

  async #saveSideFile(manifest: BackupFile, entry: string): Promise<void> {
    const { storage } = this.#context;
    if (!storage.capabilities.attestationSideFiles) return;
    const { handle } = manifest;
    const content = serializeAttestationFile({
      manifest: handle,
      attestation: attestationOf(manifest),
      entry,
      files: new Map(),
    });
    await storage.saveSideFile?.(ATTESTATION_FOLDER, attestationFileName(handle), content, this.#backup);
  }
}

export function attestationOf({ size, sha256 }: BackupFile): FileAttestation {
  return { size, sha256 };
}

export function backupFile({ handle, size, sha256 }: WrittenFile): BackupFile {
  return { handle, size: BigInt(size), sha256 };
}

/** Chunks in order, up to the first gap. */
function contiguous(chunks: readonly CommittedChunk[]): CommittedChunk[] {
  const sorted = [...chunks].sort((left, right) => (left.first < right.first ? -1 : 1));
  const kept: CommittedChunk[] = [];
  for (const chunk of sorted) {
    const before = kept.at(-1);
    if (before && chunk.first === before.first) continue;
    if (before && chunk.first !== before.last + 1n) break;
    kept.push(chunk);
  }
  return kept;
}

/** The interrupted backup of the plan of which most is noted. */
async function findUnfinished(context: BackupContext, plan: BackupPlan): Promise<FoundJournal | undefined> {
  const { storage, committed, signal } = context;
  let best: FoundJournal | undefined;
  for (const { name } of (await storage.listBackups?.({ signal })) ?? []) {
    const salt = name.startsWith(`${plan.baseName}.`) ? name.slice(plan.baseName.length + 1) : '';
    if (!/^[0-9a-f]{4}$/.test(salt) || committed.isCommitted(name)) continue;
    const found = await ResumeJournal.find(storage, name);
    if (found?.subject === plan.subject && found.chunks.length >= (best?.chunks.length ?? 0)) best = found;
  }
  return best;
}

/** A folder name that nothing was ever written under, as far as can be seen. */
async function freeName({ storage, signal }: BackupContext, baseName: string): Promise<string> {
  const taken = new Set(((await storage.listBackups?.({ signal })) ?? []).map(({ name }) => name));
  for (let tries = 0; tries < 1000; tries++) {
    const name = backupFolderName(baseName, randomInt(0x10000));
    if (!taken.has(name) && !(await hasJournal(storage, name))) return name;
  }
  return assert.fail(`no free folder name for ${baseName}`);
}

async function hasJournal(storage: WritableBackupStorage, name: string): Promise<boolean> {
  return asResumable(storage) !== undefined && (await ResumeJournal.exists(storage, name));
}
