import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { stringify } from 'lossless-json';
import { loadMetadata } from '../../archive/load-metadata.js';
import {
  backupStorageState,
  buildMetadataView,
  formatBackupStorageState,
} from '../../archive/metadata-view.js';
import { archiveGaps, gapLines } from '../../backup/archive-gaps.js';
import { parseConcurrency } from '../argument-parsers.js';
import { printLine } from '../console.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Dispatch } from '../dispatch.js';
import { addStorageOptions, openStorage, type StorageFlags } from '../storage-options.js';

interface QueryFlags extends StorageFlags {
  readonly metadataCacheDir?: string;
  readonly concurrentDownloads: number;
  readonly json?: boolean;
}

/** A metadata file that cannot be read makes the answer wrong, so it is told and is a failure. */
async function queryStorageState(flags: QueryFlags, { console }: Dispatch): Promise<ExitCode> {
  const storage = await openStorage(flags);
  try {
    const { entries, problems } = await loadMetadata(storage, {
      cacheDir: flags.metadataCacheDir,
      concurrency: flags.concurrentDownloads,
      signal: console.signal,
    });
    const view = buildMetadataView(entries);
    const state = backupStorageState(view);
    const gaps = archiveGaps(view);
    const unreadable = problems.map(({ code, facts }) => ({ code, file: facts['handle'] }));
    printLine(
      console.stdout,
      flags.json ? (stringify({ ...state, unreadable, gaps }) ?? '') : formatBackupStorageState(state),
    );
    for (const { message, code } of problems) printLine(console.stderr, `warning: ${message} (${code})`);
    // Not in JSON's way, and no failure: the answer itself is right.
    for (const line of gapLines(gaps)) printLine(console.stderr, `note: ${line}`);
    return problems.length === 0 ? EXIT.ok : EXIT.findings;
  } finally {
    await storage.close();
  }
}

/** `backup query backup-storage-state`: how far an archive goes, in the reference's line. */
export function addBackupQuery(backup: Command, dispatch: Dispatch): void {
  const query = backup.command('query').description('ask how far a node or an archive is');
  const command = query
    .command('backup-storage-state')
    .description('print the last epoch, snapshot and version that the metadata names')
    .option('--metadata-cache-dir <DIR>', 'keep metadata files here between runs')
    .option('--concurrent-downloads <N>', 'files read side by side', parseConcurrency, availableParallelism())
    .option('--json', 'print it as JSON');
  addStorageOptions(command).action((flags: QueryFlags) => {
    dispatch.run(() => queryStorageState(flags, dispatch));
  });
}
