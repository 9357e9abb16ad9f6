import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { METADATA_FOLDER } from '../../archive/names.js';
import { STAGING_DIRECTORY } from '../../durable-fs/staging-area.js';
import { systemErrorCode } from '../../durable-fs/system-error.js';
import { verifyFolder } from '../verify-folder.js';
import { loadPlan, type PlannedBackup } from './planned-backups.js';
import type { Inspection, WorkloadPlace } from './workload.js';

/** What is wrong with one archive; paths are relative to it. */
export interface ArchiveDamage {
  readonly torn: string[];
  readonly incomplete: string[];
  readonly foreign: string[];
  /** Metadata files whose backup is there whole. */
  readonly whole: Set<string>;
  /** Folders of those backups. */
  readonly wholeFolders: Set<string>;
  /** Backup folders that no metadata file names. */
  readonly unlistedFolders: Set<string>;
}

const ARCHIVE = /^archive-([0-9]+)$/;

/** The archives in a folder, `archive-0` and so on. */
export async function archivesIn(folder: string): Promise<string[]> {
  return (await namesIn(folder)).filter((name) => ARCHIVE.test(name));
}

/** The number of the newest archive in a folder, 0 if there is none. */
export async function newestRound(folder: string): Promise<number> {
  const rounds = (await archivesIn(folder)).map((name) => Number(ARCHIVE.exec(name)?.[1]));
  return Math.max(0, ...rounds);
}

/** Compares all archives in a folder with the plan. Acknowledged labels are `<archive>/<metadata file>`. */
export async function inspectArchives(
  { folder, inputFolder }: WorkloadPlace,
  acknowledged: readonly string[],
  onArchive: (archive: string, damage: ArchiveDamage) => void = () => undefined,
): Promise<Inspection> {
  const plan = await loadPlan(inputFolder);
  const whole = new Set<string>();
  const found = { torn: [] as string[], incomplete: [] as string[], foreign: [] as string[] };
  for (const archive of await archivesIn(folder)) {
    const damage = await inspectArchive(path.join(folder, archive), plan);
    onArchive(archive, damage);
    for (const name of damage.whole) whole.add(`${archive}/${name}`);
    for (const sort of ['torn', 'incomplete', 'foreign'] as const) {
      found[sort].push(...damage[sort].map((file) => `${archive}/${file}`));
    }
  }
  return { ...found, lost: acknowledged.filter((label) => !whole.has(label)), whole: whole.size };
}

/**
 * What is wrong with archives after the next writer has opened them: a reader must prove all that is there.
 * @param open opens and closes an archive as a writer; without it nothing is to be reclaimed
 */
export async function proveArchives(
  { folder }: WorkloadPlace,
  open: ((root: string) => Promise<void>) | undefined,
): Promise<string[]> {
  const faults: string[] = [];
  for (const archive of await archivesIn(folder)) {
    const root = path.join(folder, archive);
    if (open !== undefined) {
      await open(root);
      const staged = await namesIn(path.join(root, STAGING_DIRECTORY));
      faults.push(...staged.map((name) => `${archive}: staging file ${name} was not reclaimed`));
    }
    // Cut off before its first backup was committed: there is nothing to prove.
    if ((await namesIn(path.join(root, METADATA_FOLDER))).length === 0) continue;
    const { findings, checked } = await verifyFolder(root, undefined);
    const { unattestedFiles } = checked;
    if (unattestedFiles > 0) faults.push(`${archive}: ${unattestedFiles} files are not attested`);
    // A whole manifest that no entry names is what a cut between the two leaves.
    const counted = findings.filter(({ code }) => code !== 'UNLISTED_BACKUP');
    faults.push(...counted.map(({ code, file }) => `${archive}: ${code} ${file ?? ''}`));
  }
  return faults;
}

/** Folders that readers do not list: ours, and where replaced metadata is kept. */
const UNLISTED = new Set(['.holdfast', 'metadata_backup']);

/** Compares every visible file of an archive with the plan, byte by byte (D1, D2, D6). */
export async function inspectArchive(root: string, plan: readonly PlannedBackup[]): Promise<ArchiveDamage> {
  const damage: ArchiveDamage = {
    torn: [],
    incomplete: [],
    foreign: [],
    whole: new Set(),
    wholeFolders: new Set(),
    unlistedFolders: new Set(),
  };
  const folders = new Map<string, ReadonlyMap<string, Uint8Array>>();
  for (const name of await namesIn(root)) {
    if (UNLISTED.has(name)) continue;
    const files = await filesIn(path.join(root, name));
    if (name === METADATA_FOLDER) continue;
    folders.set(name, files);
    checkBackupFolder(name, files, plan, damage);
    damage.unlistedFolders.add(name);
  }
  for (const [name, bytes] of await filesIn(path.join(root, METADATA_FOLDER))) {
    checkMetadataFile(name, bytes, plan, folders, damage);
  }
  return damage;
}

/** D1 of what stands in one folder, committed or not. */
function checkBackupFolder(
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
  plan: readonly PlannedBackup[],
  damage: ArchiveDamage,
): void {
  const backup = plan.find(({ name }) => folder.startsWith(`${name}.`));
  for (const [name, bytes] of files) {
    const expected = backup && contentOf(backup, folder, name);
    if (expected === undefined) damage.foreign.push(`${folder}/${name}`);
    else if (Buffer.compare(bytes, expected) !== 0) damage.torn.push(`${folder}/${name}`);
  }
}

/** D1 of a metadata file, and D2: all that it stands for is there. */
function checkMetadataFile(
  name: string,
  bytes: Uint8Array,
  plan: readonly PlannedBackup[],
  folders: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>,
  damage: ArchiveDamage,
): void {
  const backup = plan.find(({ metadataName }) => metadataName === name);
  const file = `${METADATA_FOLDER}/${name}`;
  if (backup === undefined) {
    damage.foreign.push(file);
    return;
  }
  const text = Buffer.from(bytes).toString('utf8');
  const folder = /"manifest":"([^"/]+)\//.exec(text)?.[1] ?? '';
  if (text !== `${backup.metadataLine(folder)}\n`) {
    damage.torn.push(file);
    return;
  }
  damage.unlistedFolders.delete(folder);
  const present = folders.get(folder);
  const wanted = [...backup.files.keys(), backup.manifestName];
  const missing = wanted.filter((wantedName) => !present?.has(wantedName));
  for (const missingName of missing) damage.incomplete.push(`${file} without ${folder}/${missingName}`);
  const isTorn = wanted.some((wantedName) => damage.torn.includes(`${folder}/${wantedName}`));
  if (missing.length > 0 || isTorn) return;
  damage.whole.add(name);
  damage.wholeFolders.add(folder);
}

function contentOf(backup: PlannedBackup, folder: string, name: string): Uint8Array | undefined {
  return name === backup.manifestName ? Buffer.from(backup.manifest(folder)) : backup.files.get(name);
}

async function filesIn(folder: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const name of await namesIn(folder)) files.set(name, await readFile(path.join(folder, name)));
  return files;
}

/** The names in a folder, sorted; none if it is missing. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
