import { type Command, Option } from 'commander';
import type { BackupStorage } from '../storage/backup-storage.js';
import { LocalFsStorage } from '../storage/local-fs.js';
import { UsageError } from './usage-error.js';

export interface StorageFlags {
  readonly localFsDir?: string;
  readonly commandAdapterConfig?: string;
}

/** The reference's two ways to name an archive, of which exactly one must be given. */
export function addStorageOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--local-fs-dir <DIR>', 'the archive is this folder').conflicts('commandAdapterConfig'),
    )
    .addOption(
      new Option(
        '--command-adapter-config <FILE>',
        'the archive is reached through the commands of this YAML (or .toml) file',
      ),
    );
}

/**
 * Opens the archive that the flags name; the caller closes it.
 * @throws UsageError without one, StorageError when the adapter's configuration is wrong
 */
export async function openStorage(flags: StorageFlags): Promise<BackupStorage> {
  if (flags.localFsDir !== undefined) return new LocalFsStorage(flags.localFsDir);
  if (flags.commandAdapterConfig !== undefined) {
    // Loaded only here: parsers of configurations take a tenth of the start of a command.
    const { loadCommandAdapterConfig } = await import('../storage/command-adapter-config.js');
    const { CommandAdapterStorage } = await import('../storage/command-adapter.js');
    return new CommandAdapterStorage(await loadCommandAdapterConfig(flags.commandAdapterConfig));
  }
  throw new UsageError('one of --local-fs-dir and --command-adapter-config is required');
}
