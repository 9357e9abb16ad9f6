import { type Command, InvalidArgumentError, Option } from 'commander';
import { stringify } from 'lossless-json';
import { type CleanupItem, type CleanupReport, cleanUp, GRACE_PERIOD_MS } from '../../maintenance/cleanup.js';
import { LocalFsStorage } from '../../storage/local-fs.js';
import { LocalMaintenance } from '../../storage/local-maintenance.js';
import { printLine } from '../console.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { requireExistingFolder, requireLocalFolder } from '../local-folder.js';
import type { Dispatch } from '../dispatch.js';
import { addStorageOptions, type StorageFlags } from '../storage-options.js';

interface CleanupFlags extends StorageFlags {
  readonly apply?: boolean;
  readonly gracePeriod: number;
  readonly json?: boolean;
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `30m`, `24h` or `7d`, in milliseconds. */
export function parseDuration(text: string): number {
  const [, number = '', unit = ''] = /^([0-9]{1,9})(s|m|h|d)$/.exec(text) ?? [];
  if (number === '') throw new InvalidArgumentError('It must be a number with s, m, h or d, such as 24h.');
  return Number(number) * (UNIT_MS[unit] ?? 0);
}

async function cleanup(flags: CleanupFlags, { console }: Dispatch): Promise<ExitCode> {
  const why = 'nothing behind commands can be listed or locked';
  const folder = requireLocalFolder(flags, 'backup-maintenance cleanup', why);
  requireExistingFolder(folder);
  const storage = new LocalFsStorage(folder);
  const maintenance = new LocalMaintenance(folder);
  let report: CleanupReport;
  try {
    report = await cleanUp({
      storage,
      maintenance,
      apply: flags.apply ?? false,
      owner: 'holdfast backup-maintenance cleanup',
      gracePeriodMs: flags.gracePeriod,
      signal: console.signal,
    });
  } finally {
    await maintenance.close();
    await storage.close();
  }
  const lines = flags.json ? [stringify(report, undefined, 2) ?? ''] : cleanupLines(report, flags);
  for (const line of lines) printLine(console.stdout, line);
  return report.blocked.length === 0 ? EXIT.ok : EXIT.findings;
}

const REASONS: Readonly<Record<NonNullable<CleanupItem['reason']>, string>> = {
  recent: 'younger than the grace period',
  'in-use': 'somebody works on it',
  'unlisted-backup': 'a whole manifest that no metadata names: a repair can list it',
  foreign: 'not made by a backup writer',
  changed: 'it changed meanwhile',
};

function cleanupLines({ items, blocked }: CleanupReport, flags: CleanupFlags): string[] {
  const lines = items.map(({ path, kind, bytes, action, reason }) => {
    const why = reason === undefined ? '' : `: ${REASONS[reason]}`;
    return `${action} ${path} (${kind}, ${bytes} bytes)${why}`;
  });
  for (const { file, message, code } of blocked) lines.push(`blocked by ${file}: ${message} (${code})`);
  if (blocked.length > 0) {
    lines.push('nothing is removed while these files cannot be read: nobody knows what they name');
  }
  const count = items.filter(({ action }) => action !== 'kept').length;
  if (items.length === 0) lines.push('nothing to clean up');
  else if (!flags.apply && count > 0) lines.push(`run again with --apply to remove ${count} of them`);
  return lines;
}

/** `backup-maintenance cleanup`: lists what interrupted writers left, and removes it on demand. */
export function addBackupMaintenanceCleanup(maintenance: Command, dispatch: Dispatch): void {
  const command = maintenance
    .command('cleanup')
    .description('list what interrupted backups left behind; with --apply, remove it')
    .option('--apply', 'remove what is listed')
    .addOption(
      new Option('--grace-period <DURATION>', 'leave alone what changed less than this ago')
        .argParser(parseDuration)
        .default(GRACE_PERIOD_MS, '24h'),
    )
    .option('--json', 'print the report as JSON');
  addStorageOptions(command).action((flags: CleanupFlags) => {
    dispatch.run(() => cleanup(flags, dispatch));
  });
}
