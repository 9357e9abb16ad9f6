import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { FileHandle, StorageOperationOptions } from './backup-storage.js';
import { CommandAdapterStorage, type CommandAdapterOptions } from './command-adapter.js';
import type { CommandAdapterConfig } from './command-adapter-config.js';
import type { CommandRun } from './command-run.js';
import { type ReadOptions, readDecompressed } from './decompress.js';
import { metadataContent } from './metadata-content.js';
import { requireShellSafeName } from './shell-safe-name.js';
import { StorageError } from './storage-error.js';
import type {
  BackupFileWriter,
  BackupHandle,
  CreateForWriteOptions,
  SavedMetadata,
  SaveMetadataOptions,
  StorageCapabilities,
  WritableBackupStorage,
  WrittenFile,
} from './writable-backup-storage.js';

/** Far above any path or URL. */
const HANDLE_BYTES_MAX = 64 * 1024;

export interface CommandAdapterWriterOptions extends CommandAdapterOptions {
  /** Reads every file back, and compares its SHA-256, before anything may name it. */
  readonly verifyWrites?: boolean;
}

/**
 * An archive behind configured commands, for reading and writing (spec: backup-format.md, section 14). What
 * commands promise is not for this program to say: there is no lock, no staging and no place for files of
 * its own, and durability is that of the commands.
 */
export class CommandAdapterWriterStorage extends CommandAdapterStorage implements WritableBackupStorage {
  readonly capabilities: StorageCapabilities;
  readonly #verifyWrites: boolean;
  readonly #handles = new Map<BackupHandle, Set<FileHandle>>();

  constructor(config: CommandAdapterConfig, options: CommandAdapterWriterOptions = {}) {
    super(config, options);
    this.#verifyWrites = options.verifyWrites ?? false;
    this.capabilities = {
      lock: false,
      staging: false,
      attestationSideFiles: false,
      resume: false,
      moveMetadata: this.has('backup_metadata_file'),
    };
  }

  /** @throws StorageError FILE_NAME_ILLEGAL, COMMAND_FAILED, COMMAND_TIMEOUT, COMMAND_HANDLE_INVALID */
  async createBackup(name: string, { signal }: StorageOperationOptions = {}): Promise<BackupHandle> {
    requireShellSafeName(name);
    const run = this.run('create_backup', { BACKUP_NAME: name }, undefined, signal);
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of run) {
      pieces.push(piece);
      size += piece.length;
      if (size > HANDLE_BYTES_MAX) throw badHandle('create_backup', name, 'it printed more than a handle');
    }
    return handleIn(Buffer.concat(pieces), 'create_backup', name);
  }

  /** @throws StorageError FILE_NAME_ILLEGAL, COMMAND_FAILED, COMMAND_TIMEOUT, COMMAND_HANDLE_INVALID */
  async createForWrite(
    backup: BackupHandle,
    fileName: string,
    { signal }: CreateForWriteOptions = {},
  ): Promise<BackupFileWriter> {
    requireShellSafeName(fileName);
    const variables = { BACKUP_HANDLE: backup, FILE_NAME: fileName };
    const file = await this.#begin('create_for_write', variables, signal);
    const ofBackup = this.#handles.get(backup) ?? new Set();
    this.#handles.set(backup, ofBackup);
    if (ofBackup.has(file.handle)) {
      await file.discard();
      throw badHandle('create_for_write', fileName, `it printed ${file.handle} for another file before`);
    }
    ofBackup.add(file.handle);
    return file;
  }

  /** A file is written when its command has ended well; more cannot be asked of commands. */
  async syncBackup(_backup: BackupHandle, { signal }: StorageOperationOptions = {}): Promise<void> {
    signal?.throwIfAborted();
  }

  /** Commands may overwrite a file of the same name; there is no way to look first. */
  async saveMetadataLines(
    name: string,
    lines: readonly string[],
    { after, isReadable, signal }: SaveMetadataOptions,
  ): Promise<SavedMetadata> {
    requireShellSafeName(name);
    const content = metadataContent(lines);
    assert.ok(isReadable(content), 'metadata that is written must be readable');
    const file = await this.#begin('save_metadata_line', { FILE_NAME: name }, signal);
    await file.write(content);
    const { handle } = await file.commit();
    for (const backup of after ?? []) this.#handles.delete(backup);
    return { handle, outcome: 'written' };
  }

  /** @throws StorageError OPERATION_UNSUPPORTED, FILE_HANDLE_ILLEGAL, COMMAND_FAILED, COMMAND_TIMEOUT */
  async backupMetadataFile(handle: FileHandle, { signal }: StorageOperationOptions = {}): Promise<void> {
    if (!this.has('backup_metadata_file')) {
      throw new StorageError('OPERATION_UNSUPPORTED', 'the adapter has no command backup_metadata_file', {
        hint: 'Add commands.backup_metadata_file to the configuration of the adapter.',
        facts: { handle, operation: 'backup_metadata_file' },
      });
    }
    const name = handle.slice(handle.lastIndexOf('/') + 1);
    if (name === '') {
      throw new StorageError('FILE_HANDLE_ILLEGAL', `cannot extract a file name from ${handle}`, {
        facts: { handle },
      });
    }
    const run = this.run('backup_metadata_file', { FILE_NAME: name }, handle, signal);
    // What it prints means nothing; the loop ends well only if the command does.
    for await (const _ of run);
  }

  async #begin(
    operation: 'create_for_write' | 'save_metadata_line',
    variables: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<CommandFileWriter> {
    const name = variables['FILE_NAME'] ?? '';
    const run = this.run(operation, variables, name, signal);
    try {
      const output = await run.readOutput(HANDLE_BYTES_MAX);
      // A command that failed before it could print anything has a better reason than that.
      if (output.length === 0) await failureAtEnd(run);
      const handle = handleIn(output, operation, name);
      const verify = this.#verifyWrites
        ? (written: WrittenFile): Promise<void> => this.#readBack(written, signal)
        : undefined;
      return new CommandFileWriter(handle, run, verify);
    } catch (error) {
      await run.return();
      throw error;
    }
  }

  async #readBack(written: WrittenFile, signal: AbortSignal | undefined): Promise<void> {
    let failure: unknown;
    // A bare proof may look like gzip, so bytes as they are stored count as well.
    for (const compression of ['sniff', 'none'] as const) {
      try {
        if (await this.#holds(written, { signal, compression })) return;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof StorageError) || error.code !== 'GZIP_DAMAGED') throw error;
        failure = error;
      }
    }
    throw new StorageError('WRITE_NOT_VERIFIED', `${written.handle} does not hold what was written to it`, {
      cause: failure,
      hint: 'The commands lose or alter bytes, or open_for_read does not fit create_for_write.',
      facts: { handle: written.handle },
    });
  }

  async #holds({ handle, size, sha256 }: WrittenFile, options: ReadOptions): Promise<boolean> {
    const hash = createHash('sha256');
    let sizeRead = 0;
    for await (const piece of readDecompressed(this, handle, options)) {
      hash.update(piece);
      sizeRead += piece.length;
    }
    return sizeRead === size && Buffer.compare(hash.digest(), sha256) === 0;
  }
}

/** A file that is fed to a command. */
class CommandFileWriter implements BackupFileWriter {
  readonly handle: FileHandle;
  readonly #run: CommandRun;
  readonly #verify: ((written: WrittenFile) => Promise<void>) | undefined;
  readonly #hash = createHash('sha256');
  #size = 0;
  #ended = false;

  constructor(
    handle: FileHandle,
    run: CommandRun,
    verify: ((written: WrittenFile) => Promise<void>) | undefined,
  ) {
    this.handle = handle;
    this.#run = run;
    this.#verify = verify;
  }

  async write(bytes: Uint8Array): Promise<void> {
    assert.ok(!this.#ended, 'the file is already committed or discarded');
    this.#hash.update(bytes);
    this.#size += bytes.length;
    await this.#run.write(bytes);
  }

  async commit(): Promise<WrittenFile> {
    assert.ok(!this.#ended, 'the file is already committed or discarded');
    this.#ended = true;
    await this.#run.finish();
    const sha256 = new Uint8Array(this.#hash.digest());
    const written = { handle: this.handle, size: this.#size, sha256 };
    await this.#verify?.(written);
    return written;
  }

  /** Ends the command with all its children; what it wrote so far nothing names. */
  async discard(): Promise<void> {
    this.#ended = true;
    await this.#run.return();
  }
}

/** Lets the command end without input, and fails with it if it does; its good end means nothing. */
async function failureAtEnd(run: CommandRun): Promise<void> {
  try {
    await run.finish();
  } catch (error) {
    if (!(error instanceof StorageError) || error.facts.exitCode !== 0) throw error;
  }
}

/** @throws StorageError COMMAND_HANDLE_INVALID unless the output is one handle */
function handleIn(output: Uint8Array, operation: string, name: string): FileHandle {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(output).trimEnd();
  } catch {
    throw badHandle(operation, name, 'what it printed is not UTF-8');
  }
  if (text === '') throw badHandle(operation, name, 'it printed no handle');
  if (/[\n\r\0]/.test(text)) throw badHandle(operation, name, 'it printed more than one line');
  return text;
}

function badHandle(operation: string, name: string, why: string): StorageError {
  return new StorageError(
    'COMMAND_HANDLE_INVALID',
    `command ${operation} of ${name} gave no handle: ${why}`,
    {
      hint: 'The command must print exactly one handle, then close its standard output, then read its input.',
      facts: { operation, path: name },
    },
  );
}
