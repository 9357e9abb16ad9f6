import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { METADATA_FOLDER } from '../../archive/names.js';
import { systemErrorCode } from '../../durable-fs/system-error.js';
import type { PlannedBackup } from './planned-backups.js';

/** What is wrong with one archive; paths are relative to it. */
export interface ArchiveDamage {
  readonly torn: string[];
  readonly incomplete: string[];
  readonly foreign: string[];
  /** Metadata files whose backup is there whole. */
  readonly whole: Set<string>;
}

/** Folders that readers do not list: ours, and where replaced metadata is kept. */
const UNLISTED = new Set(['.holdfast', 'metadata_backup']);

/** Compares every visible file of an archive with the plan, byte by byte (D1, D2, D6). */
export async function inspectArchive(root: string, plan: readonly PlannedBackup[]): Promise<ArchiveDamage> {
  const damage: ArchiveDamage = { torn: [], incomplete: [], foreign: [], whole: new Set() };
  const folders = new Map<string, ReadonlyMap<string, Uint8Array>>();
  for (const name of await namesIn(root)) {
    if (UNLISTED.has(name)) continue;
    const files = await filesIn(path.join(root, name));
    if (name === METADATA_FOLDER) continue;
    folders.set(name, files);
    checkBackupFolder(name, files, plan, damage);
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
  const present = folders.get(folder);
  const wanted = [...backup.files.keys(), backup.manifestName];
  const missing = wanted.filter((wantedName) => !present?.has(wantedName));
  for (const missingName of missing) damage.incomplete.push(`${file} without ${folder}/${missingName}`);
  const isTorn = wanted.some((wantedName) => damage.torn.includes(`${folder}/${wantedName}`));
  if (missing.length === 0 && !isTorn) damage.whole.add(name);
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
