import type { FileSystem } from '../durable-fs/file-system.js';
import { systemErrorCode } from '../durable-fs/system-error.js';
import { DATABASE_FOLDERS } from './publish-database.js';
import { RestoreError } from './restore-error.js';
import type { ArchiveIdentity, RestoreArguments, RestoreIdentity } from './restore-identity.js';
import {
  countsNothing,
  loadJournal,
  loadReceipt,
  RESTORE_FOLDER,
  type RestoreJournalState,
  type RestoreReceipt,
} from './restore-journal.js';

/** What stands at the place that a database is to be restored to. */
export type TargetState =
  | { readonly kind: 'missing' }
  /** Nothing that counts: at most the rest of a restore that ended before its first commit point. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'unfinished'; readonly journal: RestoreJournalState }
  | { readonly kind: 'done'; readonly receipt: RestoreReceipt };

/** File systems put it into the topmost folder of a fresh disk. */
const IGNORED: ReadonlySet<string> = new Set(['lost+found']);

/**
 * Looks at a target and changes nothing.
 * @param fileSystem its root is the target
 * @throws RestoreError RESTORE_TARGET_NOT_EMPTY, RESTORE_TARGET_HAS_DATABASE, RESTORE_TARGET_UNREADABLE,
 *   RESTORE_JOURNAL_UNREADABLE
 */
export async function inspectTarget(fileSystem: FileSystem): Promise<TargetState> {
  const names = await namesIn(fileSystem);
  if (names === undefined) return { kind: 'missing' };
  const journal = await loadJournal(fileSystem);
  if (journal?.phase === 'publishing') return { kind: 'unfinished', journal };
  const receipt = await loadReceipt(fileSystem);
  const databaseFolders = DATABASE_FOLDERS.filter((folder) => names.includes(folder));
  if (receipt !== undefined && databaseFolders.length === DATABASE_FOLDERS.length) {
    return { kind: 'done', receipt };
  }
  if (databaseFolders.length > 0) throw hasDatabase(databaseFolders);
  const others = names.filter((name) => name !== RESTORE_FOLDER && !IGNORED.has(name));
  if (others.length > 0) throw notEmpty(others);
  if (receipt !== undefined) throw databaseGone(receipt);
  if (journal === undefined || countsNothing(journal)) return { kind: 'empty' };
  return { kind: 'unfinished', journal };
}

/**
 * An unfinished or finished restore is gone on with, or left alone, only by one that asks for the same.
 * @throws RestoreError RESTORE_TARGET_OTHER_CHAIN, RESTORE_TARGET_OTHER_RESTORE
 */
export function requireSameRestore(
  found: RestoreIdentity,
  wanted: Pick<RestoreIdentity, 'arguments' | 'archive'>,
): void {
  requireSameArguments(found, wanted.arguments);
  requireSameArchive(found, wanted.archive);
}

/**
 * A copy of the archive, mended or grown, is the same.
 * @throws RestoreError RESTORE_TARGET_OTHER_CHAIN, RESTORE_TARGET_OTHER_RESTORE
 */
export function requireSameArchive({ archive: found }: RestoreIdentity, wanted: ArchiveIdentity): void {
  const theirs = found.genesisWaypoint;
  const ours = wanted.genesisWaypoint;
  if (theirs !== undefined && ours !== undefined && theirs !== ours) {
    throw new RestoreError(
      'RESTORE_TARGET_OTHER_CHAIN',
      `the target is of another chain: its epoch 0 ends with ${theirs}, the archive's with ${ours}`,
      { hint: ANOTHER_FOLDER, facts: { expected: theirs, actual: ours } },
    );
  }
  const shared = found.ids.some((id) => wanted.ids.includes(id));
  if (!shared && found.ids.length > 0 && wanted.ids.length > 0) {
    throw otherRestore(`from another archive (${found.place}), whose identity is another`);
  }
}

/**
 * What can be told before the archive is looked at.
 * @throws RestoreError RESTORE_TARGET_OTHER_RESTORE
 */
export function requireSameArguments(found: RestoreIdentity, wanted: RestoreArguments): void {
  const differences = argumentDifferences(found.arguments, wanted);
  if (differences.length > 0) throw otherRestore(`with other arguments: ${differences.join(', ')}`);
}

const ANOTHER_FOLDER = 'Choose another folder, or remove this one to start over.';

/** How the command line says each argument. */
const FLAGS = {
  targetVersion: '--target-version',
  historyStartVersion: '--ledger-history-start-version',
  replayAll: '--replay-all',
  skipEpochEndings: '--skip-epoch-endings',
  trustWaypoints: '--trust-waypoint',
  ledgerFamily: '--ledger-family',
} as const;

function argumentDifferences(found: RestoreArguments, wanted: RestoreArguments): string[] {
  const say = (value: string | boolean | readonly string[] | undefined): string => {
    if (value === undefined || value === false || String(value) === '') return 'not given';
    return value === true ? 'given' : String(value);
  };
  return (Object.keys(FLAGS) as (keyof typeof FLAGS)[]).flatMap((name) => {
    const [before, now] = [String(found[name]), String(wanted[name])];
    if (before === now) return [];
    return [`${FLAGS[name]} was ${say(found[name])}, is ${say(wanted[name])}`];
  });
}

function otherRestore(difference: string): RestoreError {
  return new RestoreError('RESTORE_TARGET_OTHER_RESTORE', `the target was begun ${difference}`, {
    hint: `Ask for the same to go on with it. ${ANOTHER_FOLDER}`,
  });
}

/** Undefined where there is no folder. */
async function namesIn(fileSystem: FileSystem): Promise<readonly string[] | undefined> {
  try {
    return (await fileSystem.readdir('.')).map(({ name }) => name);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new RestoreError(
      'RESTORE_TARGET_UNREADABLE',
      `cannot look into the target: ${(error as Error).message}`,
      { cause: error, hint: 'Name a folder that may be read and written.' },
    );
  }
}

function hasDatabase(folders: readonly string[]): RestoreError {
  return new RestoreError(
    'RESTORE_TARGET_HAS_DATABASE',
    `the target holds a database that no restore of ours put there (${folders.join(', ')})`,
    { hint: 'Nothing of it was touched. Choose an empty folder.', facts: { found: folders } },
  );
}

const NAMES_SHOWN = 5;

function notEmpty(others: readonly string[]): RestoreError {
  const more = others.length > NAMES_SHOWN ? ` and ${others.length - NAMES_SHOWN} more` : '';
  const shown = others.slice(0, NAMES_SHOWN).join(', ');
  return new RestoreError('RESTORE_TARGET_NOT_EMPTY', `the target is not empty: it holds ${shown}${more}`, {
    hint: 'Nothing of it was touched. Choose an empty folder.',
    facts: { found: others },
  });
}

function databaseGone({ version }: RestoreReceipt): RestoreError {
  return new RestoreError(
    'RESTORE_TARGET_NOT_EMPTY',
    `a ledger up to version ${version} was restored here, and its database is gone since`,
    { hint: `Remove ${RESTORE_FOLDER} from the target to restore it anew.` },
  );
}
