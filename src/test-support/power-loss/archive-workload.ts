// The workloads of `scripts/powercut` and of the kill tests: whole backups, written one after the other.
import path from 'node:path';
import { backupFolderName, METADATA_FOLDER } from '../../archive/names.js';
import { seededRandom } from '../seeded-random.js';
import {
  type ArchiveWriter,
  type OpenArchive,
  openDurably,
  openNaive,
  openRenameWithoutDirectorySync,
  openRenameWithoutSync,
} from './archive-writers.js';
import { inspectArchives, namesIn, newestRound, proveArchives } from './inspect-archive.js';
import { loadPlan, type PlannedBackup, preparePlan } from './planned-backups.js';
import type { PowerLossWorkload, WorkloadRun } from './workload.js';

/** Files of one backup that are written at the same time. */
const CONCURRENCY = 2;

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
    recover: (place) =>
      proveArchives(place, kind === 'writer' ? async (root) => (await open(root)).close() : undefined),
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
  const {
    folder,
    inputFolder,
    seed,
    acknowledge,
    started,
    finished,
    unitsMax = Number.POSITIVE_INFINITY,
  } = run;
  const plan = await loadPlan(inputFolder);
  const random = seededRandom(seed);
  const firstRound = await newestRound(folder);
  started();
  let units = 0;
  for (let round = firstRound; units < unitsMax; round++) {
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
    finished();
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
