import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  type BackupStorage,
  type FileHandle,
  type StorageOperationOptions,
  sortedHandles,
} from './backup-storage.js';
import {
  type AdapterCommands,
  type CommandAdapterConfig,
  loadCommandAdapterConfig,
} from './command-adapter-config.js';
import { CommandRun } from './command-run.js';
import { messageOf, StorageError } from './storage-error.js';

/** Ten minutes without a byte: longer than any cloud tool's own retries, shorter than a night. */
const IDLE_TIMEOUT_MS = 10 * 60 * 1000;
/** A million handles of 256 bytes. */
const LISTING_BYTES_MAX = 256 * 1024 * 1024;

export interface CommandAdapterOptions {
  /** What the place is called in messages; default: the commands' own beginning. */
  readonly description?: string;
  /** Milliseconds without a byte, while one is waited for, after which a command is given up. */
  readonly idleTimeoutMs?: number;
  /** The environment below the configured variables; default: the tool's own. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** An archive that is reached through configured bash commands (spec: backup-format.md, section 14). */
export class CommandAdapterStorage implements BackupStorage {
  readonly kind = 'command-adapter';
  readonly description: string;
  readonly identity: string;
  #config: CommandAdapterConfig;
  #environment: NodeJS.ProcessEnv;
  #idleTimeoutMs: number;
  #closed = false;
  #running = new Set<CommandRun>();

  constructor(config: CommandAdapterConfig, options: CommandAdapterOptions = {}) {
    this.#config = config;
    this.#environment = { ...(options.environment ?? process.env) };
    for (const { key, value } of config.envVars) this.#environment[key] = value;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
    this.description =
      options.description ?? `command adapter (${config.commands.list_metadata_files.trim()})`;
    this.identity = identityOf(config, this.#environment);
  }

  /**
   * Reads the configuration file, YAML or TOML by its name.
   * @throws StorageError ADAPTER_CONFIG_INVALID
   */
  static async fromFile(
    filePath: string,
    options: CommandAdapterOptions = {},
  ): Promise<CommandAdapterStorage> {
    const config = await loadCommandAdapterConfig(filePath);
    return new CommandAdapterStorage(config, { description: `command adapter ${filePath}`, ...options });
  }

  async openForRead(
    handle: FileHandle,
    { signal }: StorageOperationOptions = {},
  ): Promise<AsyncIterable<Uint8Array>> {
    if (handle.includes('\0')) {
      throw new StorageError('FILE_HANDLE_ILLEGAL', `${JSON.stringify(handle)} holds a zero byte`, {
        hint: 'Whatever names this file is damaged or was tampered with: do not trust the rest of it.',
        facts: { handle },
      });
    }
    return this.run('open_for_read', { FILE_HANDLE: handle }, handle, signal);
  }

  async listMetadataFiles({ signal }: StorageOperationOptions = {}): Promise<FileHandle[]> {
    try {
      const pieces: Uint8Array[] = [];
      let size = 0;
      for await (const piece of this.run('list_metadata_files', {}, undefined, signal)) {
        size += piece.length;
        if (size > LISTING_BYTES_MAX) throw new Error(`it lists more than ${LISTING_BYTES_MAX} bytes`);
        pieces.push(piece);
      }
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(pieces));
      return sortedHandles(linesOf(text));
    } catch (error) {
      signal?.throwIfAborted();
      throw new StorageError(
        'STORAGE_UNREACHABLE',
        `cannot list the archive behind ${this.description}: ${messageOf(error)}`,
        {
          cause: error,
          retryable: error instanceof StorageError && error.retryable,
          hint: 'Check the adapter configuration, its variables, the network and the credentials.',
          facts: error instanceof StorageError ? error.facts : {},
        },
      );
    }
  }

  /** Ends all commands that still run. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#running].map((run) => run.stop(this.#closedError())));
  }

  #closedError(): StorageError {
    return new StorageError('STORAGE_UNREACHABLE', `${this.description} was closed while it was in use`);
  }

  /** Whether the configuration has a command for the operation. */
  protected has(operation: keyof AdapterCommands): boolean {
    return this.#config.commands[operation] !== undefined;
  }

  /** Starts a command that `close` ends; `handle` is what errors call the file, if there is one. */
  protected run(
    operation: keyof AdapterCommands,
    variables: Readonly<Record<string, string>>,
    handle: FileHandle | undefined,
    signal: AbortSignal | undefined,
  ): CommandRun {
    if (this.#closed) throw this.#closedError();
    const command = this.#config.commands[operation];
    assert(command !== undefined, `no command for ${operation}`);
    const run = new CommandRun({
      command,
      operation,
      environment: { ...this.#environment, ...variables },
      idleTimeoutMs: this.#idleTimeoutMs,
      signal,
      ...(handle === undefined ? {} : { handle }),
      onReleased: (ended) => this.#running.delete(ended),
    });
    this.#running.add(run);
    return run;
  }
}

/** One handle a line, as it is but for the line's own ending (spec: backup-format.md, section 14). */
function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
}

/**
 * What decides which archive the commands reach: their text, the configured variables, and of the
 * environment every variable that the reading commands mention, since one configuration often serves
 * several archives by a variable; the working directory too, for relative paths. A digest, because the
 * values may be secrets.
 */
function identityOf(config: CommandAdapterConfig, environment: NodeJS.ProcessEnv): string {
  const { open_for_read, list_metadata_files } = config.commands;
  const mentioned = new Set(
    [...`${open_for_read}\n${list_metadata_files}`.matchAll(/\$\{?([A-Za-z_][A-Za-z0-9_]*)/g)].map(
      ([, name]) => name ?? '',
    ),
  );
  const values = [...mentioned].sort().map((name) => [name, environment[name] ?? null]);
  const facts = JSON.stringify([open_for_read, list_metadata_files, config.envVars, values, process.cwd()]);
  return `command-adapter:${createHash('sha256').update(facts).digest('hex')}`;
}
