import { statSync } from 'node:fs';
import { StorageError } from '../storage/storage-error.js';
import type { StorageFlags } from './storage-options.js';
import { UsageError } from './usage-error.js';

/**
 * The folder for a command that has no meaning behind an adapter, and says so.
 * @throws UsageError
 */
export function requireLocalFolder(flags: StorageFlags, command: string, why: string): string {
  if (flags.localFsDir !== undefined) return flags.localFsDir;
  if (flags.commandAdapterConfig === undefined) throw new UsageError('--local-fs-dir is required');
  throw new UsageError(
    `${command} does not work through a command adapter: ${why}`,
    'Run it where the archive is a local folder, with --local-fs-dir.',
  );
}

/**
 * For commands that work on an archive that is there, and must not make a folder by mistake.
 * @throws StorageError STORAGE_UNREACHABLE
 */
export function requireExistingFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new StorageError('STORAGE_UNREACHABLE', `${folder} is no folder`, {
    hint: 'Check the path, and that it is mounted.',
    facts: { path: folder },
  });
}
