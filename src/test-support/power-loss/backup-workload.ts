// For `scripts/powercut --workload`: `backup oneoff` of a whole ledger, cut off and gone on with.
import path from 'node:path';
import { backUpEpochEndings } from '../../backup/back-up-epoch-endings.js';
import { backUpStateSnapshot } from '../../backup/back-up-state-snapshot.js';
import { backUpTransactions } from '../../backup/back-up-transactions.js';
import { openBackup } from '../../backup/open-backup.js';
import { BackupServer } from '../../service/backup-server.js';
import { BackupServiceClient } from '../../service/backup-service-client.js';
import { LocalFsWriterStorage } from '../../storage/local-fs-writer.js';
import { writeReferenceArchive } from '../../testing/archive-writer.js';
import type { GeneratedLedger } from '../../testing/generated-ledger.js';
import { generateLedger } from '../../testing/ledger-generator.js';
import { GeneratedBackupReader } from '../generated-backup-reader.js';
import { archivesIn, inspectArchives, newestRound, proveArchives } from './inspect-archive.js';
import type { Inspection, PowerLossWorkload, WorkloadPlace, WorkloadRun } from './workload.js';

const CHUNK_BYTES = 3000;
const EPOCHS = 3;

function ledgerOf(): GeneratedLedger {
  return generateLedger({
    seed: 'power loss',
    epochs: EPOCHS,
    transactions: 120,
    stateItems: 400,
    profile: 'transfers',
  });
}

export const workloads: readonly PowerLossWorkload[] = [
  {
    name: 'backup-oneoff',
    kind: 'writer',
    async prepare(inputFolder) {
      const source = path.join(inputFolder, 'source-archive');
      await writeReferenceArchive(ledgerOf(), source, { maxChunkSize: CHUNK_BYTES });
    },
    write: writeArchives,
    inspect,
    recover,
  },
];

/** Whole archives, one after the other; the first that is not whole is gone on with. */
async function writeArchives({ folder, acknowledge, started, finished }: WorkloadRun): Promise<void> {
  await using service = await startService();
  const firstRound = await newestRound(folder);
  started();
  for (let round = firstRound; ; round++) {
    await backUpAll(service, folder, `archive-${round}`, acknowledge);
    finished();
  }
}

async function startService() {
  const ledger = ledgerOf();
  const server = await BackupServer.start({ reader: new GeneratedBackupReader(ledger), port: 0 });
  const client = new BackupServiceClient({ address: server.url });
  const close = async (): Promise<void> => {
    client.close();
    await server.close(0);
  };
  return { ledger, client, [Symbol.asyncDispose]: close };
}

async function backUpAll(
  { ledger, client }: Awaited<ReturnType<typeof startService>>,
  folder: string,
  archive: string,
  acknowledge: (label: string) => void,
): Promise<void> {
  const storage = await LocalFsWriterStorage.open(path.join(folder, archive), { owner: 'power loss test' });
  const { hashers } = ledger;
  const context = await openBackup({ storage, client, hashers, chunkBytesMax: CHUNK_BYTES });
  const backups = [
    () => backUpEpochEndings(context, { startEpoch: 0n, endEpoch: BigInt(EPOCHS) }),
    ...[0n, 1n, 2n].map((epoch) => () => backUpStateSnapshot(context, epoch)),
    () => backUpTransactions(context, { startVersion: 0n, count: BigInt(ledger.transactionCount) }),
  ];
  for (const backUp of backups) {
    const { metadata } = await backUp();
    for (const file of metadata) acknowledge(`${archive}/${path.posix.basename(file)}`);
  }
  await storage.close();
}

/** Folders `<archive>/<backup>` that a cut left unfinished, of which nothing else is known yet. */
const unfinished = new Set<string>();

/** Beside what is there, counts what becomes of backups that were cut off. */
async function inspect(place: WorkloadPlace, acknowledged: readonly string[]): Promise<Inspection> {
  const counts = { cutOff: 0, resumedToTheSameBytes: 0, begunAnew: 0 };
  const present = new Set<string>();
  const inspection = await inspectArchives(place, acknowledged, (archive, damage) => {
    const nameOf = (folder: string): string => `${place.folder}/${archive}/${folder}`;
    for (const folder of damage.wholeFolders) {
      if (unfinished.delete(nameOf(folder))) counts.resumedToTheSameBytes++;
    }
    for (const folder of damage.unlistedFolders) {
      const name = nameOf(folder);
      present.add(name);
      const base = folder.slice(0, folder.lastIndexOf('.'));
      const others = [...damage.wholeFolders, ...damage.unlistedFolders].filter((other) => other !== folder);
      const isLeft = others.some((other) => other.startsWith(`${base}.`) && !unfinished.has(nameOf(other)));
      if (!unfinished.has(name) && !isLeft) {
        counts.cutOff++;
        unfinished.add(name);
      } else if (isLeft && unfinished.delete(name)) counts.begunAnew++;
    }
  });
  // The others went with their volume.
  for (const name of unfinished) {
    if (name.startsWith(`${place.folder}/`) && !present.has(name)) unfinished.delete(name);
  }
  return { ...inspection, counts };
}

/** The next writer cleans up and completes what was cut off; a reader proves all that is there. */
async function recover(place: WorkloadPlace): Promise<readonly string[]> {
  const open = async (root: string): Promise<void> =>
    (await LocalFsWriterStorage.open(root, { owner: 'power loss test' })).close();
  const faults = await proveArchives(place, open);
  await using service = await startService();
  for (const archive of await archivesIn(place.folder)) {
    const labels: string[] = [];
    await backUpAll(service, place.folder, archive, (label) => labels.push(label));
    const { torn, incomplete, foreign, lost } = await inspectArchives(place, labels);
    faults.push(...[...torn, ...incomplete, ...foreign, ...lost].map((what) => `completed: ${what}`));
  }
  return [...faults, ...(await proveArchives(place, open))];
}
