import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { CHUNK_BYTES_MAX } from '../backup/backup-context.js';
import type { OpenBackupOptions } from '../backup/open-backup.js';
import { BackupServiceClient } from '../service/backup-service-client.js';
import { LocalFsWriterStorage } from '../storage/local-fs-writer.js';
import type { WritableBackupStorage } from '../storage/writable-backup-storage.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import type { Waypoint } from '../types/waypoint.js';
import { collectWaypoints, parseConcurrency, parseU64 } from './argument-parsers.js';
import { type Console, warn } from './console.js';
import { addLedgerFamilyOption, type LedgerFamilyFlag } from './ledger-family-option.js';
import type { StorageFlags } from './storage-options.js';
import { UsageError } from './usage-error.js';

/** How a backup service is reached. */
export interface ClientFlags {
  readonly backupServiceAddress: string;
  readonly bearerTokenFile?: string;
  readonly tlsCaFile?: string;
}

/** What all backups take. */
export interface BackupFlags extends ClientFlags, LedgerFamilyFlag {
  readonly maxChunkSize: number;
  readonly concurrentDataRequests: number;
  readonly maxBytesPerSecond?: number;
  readonly trustWaypoint: readonly Waypoint[];
  readonly resume: boolean;
  readonly verifyWrites?: boolean;
  readonly json?: boolean;
}

/** A number of bytes from 1 to 2^53 - 1. */
function parseBytes(text: string): number {
  const value = parseU64(text);
  if (value < 1n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new InvalidArgumentError('It must be at least 1 byte and below 2^53.');
  }
  return Number(value);
}

export function addClientOptions(command: Command): Command {
  return command
    .option('--backup-service-address <URL>', 'the backup service of the node', 'http://localhost:6186')
    .option('--bearer-token-file <FILE>', 'a file with the token that the service asks for')
    .option(
      '--tls-ca-file <FILE>',
      'authorities (PEM) that vouch for the service, instead of the well-known',
    );
}

export function addBackupOptions(command: Command): Command {
  const withClient = addClientOptions(command)
    .option('--max-chunk-size <BYTES>', 'bytes of a chunk file', parseBytes, CHUNK_BYTES_MAX)
    .option(
      '--concurrent-data-requests <N>',
      'requests for state items that are made side by side',
      parseConcurrency,
      8,
    )
    .option('--max-bytes-per-second <N>', 'ask the node for no more than this, on average', parseBytes)
    .option(
      '--trust-waypoint <VERSION:HASH>',
      "a waypoint that you vouch for (repeatable); without one the archive's beginning vouches for the rest",
      collectWaypoints,
      [],
    )
    .option('--no-resume', 'start over instead of going on with the rest of an interrupted backup')
    .option('--verify-writes', 'read every file back before it is named (command adapters)')
    .option('--json', 'print JSON, one line a backup');
  return addLedgerFamilyOption(withClient);
}

/** @throws UsageError for a file that cannot be read; ServiceError for an address that is no URL */
export async function openClient(flags: ClientFlags): Promise<BackupServiceClient> {
  const { backupServiceAddress: address, bearerTokenFile, tlsCaFile } = flags;
  const bearerToken = bearerTokenFile && (await readTextFile('bearer token', bearerTokenFile)).trim();
  const tlsCa = tlsCaFile && (await readTextFile('authorities', tlsCaFile));
  return new BackupServiceClient({ address, bearerToken, tlsCa });
}

async function readTextFile(what: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read the ${what} in ${file}: ${(error as Error).message}`);
  }
}

/**
 * Opens the archive that the flags name for writing; the caller closes it.
 * @throws UsageError without one; StorageError WRITER_LOCKED and others
 */
export async function openWritableStorage(
  flags: StorageFlags & { readonly verifyWrites?: boolean },
  owner: string,
  console: Console,
): Promise<WritableBackupStorage> {
  if (flags.localFsDir !== undefined) {
    return await LocalFsWriterStorage.open(flags.localFsDir, {
      owner,
      onWarning: ({ code, message }) => warn(console, code, message),
    });
  }
  if (flags.commandAdapterConfig !== undefined) {
    // Loaded only here, as parsers of configurations are slow to load.
    const { loadCommandAdapterConfig } = await import('../storage/command-adapter-config.js');
    const { CommandAdapterWriterStorage } = await import('../storage/command-adapter-writer.js');
    const config = await loadCommandAdapterConfig(flags.commandAdapterConfig);
    return new CommandAdapterWriterStorage(config, { verifyWrites: flags.verifyWrites ?? false });
  }
  throw new UsageError('one of --local-fs-dir and --command-adapter-config is required');
}

/** What the flags say of a backup. */
export function backupOptions(
  flags: BackupFlags,
  console: Console,
): Pick<
  OpenBackupOptions,
  | 'hashers'
  | 'trustedWaypoints'
  | 'chunkBytesMax'
  | 'concurrentRequests'
  | 'bytesPerSecond'
  | 'resume'
  | 'onWarning'
  | 'signal'
> {
  return {
    hashers: ledgerHashers(LEDGER_FAMILIES[flags.ledgerFamily]),
    trustedWaypoints: flags.trustWaypoint,
    chunkBytesMax: flags.maxChunkSize,
    concurrentRequests: flags.concurrentDataRequests,
    bytesPerSecond: flags.maxBytesPerSecond,
    resume: flags.resume,
    onWarning: (code, message) => warn(console, code, message),
    signal: console.signal,
  };
}
