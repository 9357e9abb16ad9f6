// For `scripts/powercut --workload`: `backup oneoff` of a whole ledger, cut off and gone on with.
import path from 'node:path';
import { backUpEpochEndings } from '../../backup/back-up-epoch-endings.js';
import { backUpStateSnapshot } from '../../backup/back-up-state-snapshot.js';
import { backUpTransactions } from '../../backup/back-up-transactions.js';
import { openBackup } from '../../backup/open-backup.js';
import { STAGING_DIRECTORY } from '../../durable-fs/staging-area.js';
import { BackupServer } from '../../service/backup-server.js';
import { BackupServiceClient } from '../../service/backup-service-client.js';
import { LocalFsWriterStorage } from '../../storage/local-fs-writer.js';
import { writeReferenceArchive } from '../../testing/archive-writer.js';
import type { GeneratedLedger } from '../../testing/generated-ledger.js';
import { generateLedger } from '../../testing/ledger-generator.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { GeneratedBackupReader } from '../generated-backup-reader.js';
import { verifyFolder } from '../verify-folder.js';
import { inspectArchive, namesIn } from './inspect-archive.js';
import { loadPlan } from './planned-backups.js';
import type { Inspection, PowerLossWorkload, WorkloadPlace, WorkloadRun } from './workload.js';

const ARCHIVE = /^archive-([0-9]+)$/;
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
async function writeArchives({ folder, acknowledge, started }: WorkloadRun): Promise<void> {
  const ledger = ledgerOf();
  const server = await BackupServer.start({ reader: new GeneratedBackupReader(ledger), port: 0 });
  const client = new BackupServiceClient({ address: server.url });
  const rounds = (await namesIn(folder)).flatMap((name) => Number(ARCHIVE.exec(name)?.[1] ?? []));
  started();
  for (let round = Math.max(0, ...rounds); ; round++) {
    const name = `archive-${round}`;
    const storage = await LocalFsWriterStorage.open(path.join(folder, name), { owner: 'power loss test' });
    const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
    const context = await openBackup({ storage, client, hashers, chunkBytesMax: CHUNK_BYTES });
    const backups = [
      () => backUpEpochEndings(context, { startEpoch: 0n, endEpoch: BigInt(EPOCHS) }),
      ...[0n, 1n, 2n].map((epoch) => () => backUpStateSnapshot(context, epoch)),
      () => backUpTransactions(context, { startVersion: 0n, count: BigInt(ledger.transactionCount) }),
    ];
    for (const backUp of backups) {
      const { metadata } = await backUp();
      for (const file of metadata) acknowledge(`${name}/${path.posix.basename(file)}`);
    }
    await storage.close();
  }
}

async function inspect(
  { folder, inputFolder }: WorkloadPlace,
  acknowledged: readonly string[],
): Promise<Inspection> {
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

/** The next writer cleans up; a reader proves all that is there. */
async function recover({ folder }: WorkloadPlace): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const archive of (await namesIn(folder)).filter((name) => ARCHIVE.test(name))) {
    const root = path.join(folder, archive);
    const storage = await LocalFsWriterStorage.open(root, { owner: 'power loss test' });
    await storage.close();
    const staged = await namesIn(path.join(root, STAGING_DIRECTORY));
    faults.push(...staged.map((name) => `${archive}: staging file ${name} was not reclaimed`));
    const { findings } = await verifyFolder(root, undefined);
    const counted = findings.filter(({ code }) => code !== 'UNLISTED_BACKUP' && code !== 'ARCHIVE_EMPTY');
    faults.push(...counted.map(({ code, file }) => `${archive}: ${code} ${file ?? ''}`));
  }
  return faults;
}
