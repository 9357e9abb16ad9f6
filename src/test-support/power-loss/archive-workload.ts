// The workloads of `scripts/powercut` and of the kill tests: whole backups, written one after the other.
import path from 'node:path';
import { backupFolderName, METADATA_FOLDER } from '../../archive/names.js';
import { STAGING_DIRECTORY } from '../../durable-fs/staging-area.js';
import { seededRandom } from '../seeded-random.js';
import { verifyFolder } from '../verify-folder.js';
import {
  type ArchiveWriter,
  type OpenArchive,
  openDurably,
  openNaive,
  openRenameWithoutDirectorySync,
  openRenameWithoutSync,
} from './archive-writers.js';
import { inspectArchive, namesIn } from './inspect-archive.js';
import { loadPlan, type PlannedBackup, preparePlan } from './planned-backups.js';
import type { Inspection, PowerLossWorkload, WorkloadPlace, WorkloadRun } from './workload.js';

/** Files of one backup that are written at the same time. */
const CONCURRENCY = 2;
const ARCHIVE = /^archive-([0-9]+)$/;

/**
 * Writes the plan's backups into `archive-0`, then into `archive-1`, and so on; each is acknowledged when
 * the writer says that it is made. A run goes on behind the last metadata entry that it finds.
 */
function archiveWorkload(
  name: string,
  kind: PowerLossWorkload['kind'],
  open: OpenArchive,
): PowerLossWorkload {
  return {
    name,
    kind,
    async prepare(inputFolder, seed) {
      await preparePlan(inputFolder, seed);
    },
    write: (run) => writeArchives(run, open),
    inspect: inspectArchives,
    recover: (place) => recoverArchives(place, kind === 'writer' ? open : undefined),
  };
}

export const workloads: readonly PowerLossWorkload[] = [
  archiveWorkload('durable-writer', 'writer', openDurably),
  archiveWorkload('naive', 'control', openNaive),
  archiveWorkload('rename-without-fsync', 'control', openRenameWithoutSync),
  {
    ...archiveWorkload('fsync-rename-without-directory-sync', 'control', openRenameWithoutDirectorySync),
    isSeldomSeen: true,
  },
];

async function writeArchives(run: WorkloadRun, open: OpenArchive): Promise<void> {
  const { folder, inputFolder, seed, acknowledge, started, unitsMax = Number.POSITIVE_INFINITY } = run;
  const plan = await loadPlan(inputFolder);
  const random = seededRandom(seed);
  const rounds = (await namesIn(folder)).flatMap((name) => Number(ARCHIVE.exec(name)?.[1] ?? []));
  started();
  let units = 0;
  for (let round = Math.max(0, ...rounds); units < unitsMax; round++) {
    const root = path.join(folder, `archive-${round}`);
    const writer = await open(root);
    const done = new Set(await namesIn(path.join(root, METADATA_FOLDER)));
    for (const backup of plan) {
      if (done.has(backup.metadataName)) continue;
      if (units++ >= unitsMax) break;
      await writeBackup(writer, backup, backupFolderName(backup.name, random(0x10000)));
      acknowledge(`archive-${round}/${backup.metadataName}`);
    }
    await writer.close();
  }
}

async function writeBackup(writer: ArchiveWriter, backup: PlannedBackup, folder: string): Promise<void> {
  await writer.createBackup(folder);
  const files = [...backup.files];
  for (let next = 0; next < files.length; next += CONCURRENCY) {
    const some = files.slice(next, next + CONCURRENCY);
    await Promise.all(some.map(([name, bytes]) => writer.writeFile(folder, name, bytes)));
  }
  await writer.commit(folder, backup);
}

async function inspectArchives(place: WorkloadPlace, acknowledged: readonly string[]): Promise<Inspection> {
  const { folder, inputFolder } = place;
  const plan = await loadPlan(inputFolder);
  const whole = new Set<string>();
  const found = { torn: [] as string[], incomplete: [] as string[], foreign: [] as string[] };
  for (const archive of (await namesIn(folder)).filter((name) => ARCHIVE.test(name))) {
    const damage = await inspectArchive(path.join(folder, archive), plan);
    for (const name of damage.whole) whole.add(`${archive}/${name}`);
    for (const sort of ['torn', 'incomplete', 'foreign'] as const) {
      found[sort].push(...damage[sort].map((file) => `${archive}/${file}`));
    }
  }
  return { ...found, lost: acknowledged.filter((label) => !whole.has(label)), whole: whole.size };
}

/** The next writer cleans up, a reader proves all that is there. */
async function recoverArchives(
  { folder }: WorkloadPlace,
  open: OpenArchive | undefined,
): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const archive of (await namesIn(folder)).filter((name) => ARCHIVE.test(name))) {
    const root = path.join(folder, archive);
    if (open !== undefined) {
      await (await open(root)).close();
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
