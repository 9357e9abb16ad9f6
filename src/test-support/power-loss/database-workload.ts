// Workloads for `scripts/powercut --workload`: a ledger that is committed to a database, block by block, and
// acknowledged at every commit. The controls leave out what makes a commit durable.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { LedgerWriter, type TransactionChunk } from '../../aptosdb/commit/ledger-writer.js';
import { checkDatabase } from '../../aptosdb/check/check-database.js';
import { AptosDatabaseFiles } from '../../aptosdb/driver/aptos-database-files.js';
import type { KeyValueStore, OpenStore } from '../../aptosdb/driver/key-value-store.js';
import { openRocksDbStore } from '../../aptosdb/driver/rocksdb-store.js';
import { HoldfastError } from '../../errors/holdfast-error.js';
import { generatedBlocks, killedLedger } from '../killed-ledger.js';
import { namesIn } from './inspect-archive.js';
import type { Inspection, PowerLossWorkload, WorkloadPlace, WorkloadRun } from './workload.js';

const DATABASE = /^db-([0-9]+)$/;
const ACKNOWLEDGED = /^(db-[0-9]+) up to ([0-9]+)$/;
const SEED = 'powercut';
/** RocksDB reserves space for its logs by this size: small volumes hold 42 of them. */
const WRITE_BUFFER_BYTES = 256 * 1024;

type HasBarrier = (instance: string) => boolean;

/** Stores whose barrier does nothing where it is told so, as if a flush had been forgotten. */
function storesWithBarrier(root: string, hasBarrier: HasBarrier): OpenStore {
  return async (directory, options) => {
    const store = await openRocksDbStore(directory, options);
    if (hasBarrier(path.relative(root, directory).split(path.sep).join('/'))) return store;
    return withoutBarrier(store);
  };
}

function withoutBarrier(store: KeyValueStore): KeyValueStore {
  return {
    directory: store.directory,
    readOnly: store.readOnly,
    columnFamilies: store.columnFamilies,
    get: (columnFamily, key) => store.get(columnFamily, key),
    multiGet: (columnFamily, keys) => store.multiGet(columnFamily, keys),
    seekEach: (columnFamily, keys) => store.seekEach(columnFamily, keys),
    iterate: (columnFamily, range, options) => store.iterate(columnFamily, range, options),
    iterateBatches: (columnFamily, range, options) => store.iterateBatches(columnFamily, range, options),
    write: (batch) => store.write(batch),
    barrier: async () => undefined,
    estimateRowCount: (columnFamily) => store.estimateRowCount(columnFamily),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
  };
}

function databaseWorkload(
  name: string,
  kind: PowerLossWorkload['kind'],
  hasBarrier: HasBarrier = () => true,
): PowerLossWorkload {
  return {
    name,
    kind,
    prepare: async () => undefined,
    write: (run) => writeDatabases(run, hasBarrier),
    inspect: inspectDatabases,
  };
}

export const workloads: readonly PowerLossWorkload[] = [
  databaseWorkload('database-commits', 'writer'),
  databaseWorkload('database-without-barrier', 'control', () => false),
  databaseWorkload('database-marker-before-data', 'control', (instance) => instance === 'ledger_db/metadata'),
];

function openDatabase(root: string, hasBarrier: HasBarrier = () => true): Promise<AptosDatabaseFiles> {
  return AptosDatabaseFiles.open(root, {
    mode: 'create',
    writeBufferBytes: WRITE_BUFFER_BYTES,
    openStore: storesWithBarrier(root, hasBarrier),
  });
}

/** Commits to `db-0`, then to `db-1`, and so on; goes on where the last one stands. */
async function writeDatabases(run: WorkloadRun, hasBarrier: HasBarrier): Promise<void> {
  const { folder, acknowledge, started, finished, unitsMax = Number.POSITIVE_INFINITY } = run;
  const { hashers } = killedLedger(SEED);
  const blocks = ledgerBlocks();
  const rounds = (await namesIn(folder)).flatMap((name) => Number(DATABASE.exec(name)?.[1] ?? []));
  started();
  let units = 0;
  for (let round = Math.max(0, ...rounds); units < unitsMax; round++) {
    const name = `db-${round}`;
    await using database = await openDatabase(path.join(folder, name), hasBarrier);
    const writer = await LedgerWriter.open(database, hashers);
    for (const block of blocks.slice(nextBlock(blocks, writer.lastVersion))) {
      await writer.append(block);
      if (block.ledgerInfo === undefined) continue;
      await writer.commit();
      acknowledge(`${name} up to ${writer.lastVersion}`);
      if (++units >= unitsMax) break;
    }
    finished();
  }
}

function ledgerBlocks(): TransactionChunk[] {
  return generatedBlocks(killedLedger(SEED));
}

/** Where to go on: a database ends with a block. */
function nextBlock(blocks: readonly TransactionChunk[], lastVersion: bigint | undefined): number {
  if (lastVersion === undefined) return 0;
  const next = blocks.findIndex(({ firstVersion }) => firstVersion > lastVersion);
  return next < 0 ? blocks.length : next;
}

async function inspectDatabases(place: WorkloadPlace, acknowledged: readonly string[]): Promise<Inspection> {
  const promises = new Map<string, bigint>();
  for (const label of acknowledged) {
    const [, name = '', version = ''] = ACKNOWLEDGED.exec(label) ?? [];
    promises.set(name, BigInt(version));
  }
  const inspection = { lost: [] as string[], torn: [] as string[], incomplete: [] as string[] };
  const names = (await namesIn(place.folder)).filter((name) => DATABASE.test(name));
  for (const [name, version] of promises) {
    if (!names.includes(name)) inspection.lost.push(`${name}, committed up to ${version}`);
  }
  const copies = await mkdtemp(path.join(place.inputFolder, 'copy-'));
  // Only the newest one was open when the power was cut, and the one before it may have been closing.
  for (const name of names.slice(-2)) {
    const copy = path.join(copies, name);
    await cp(path.join(place.folder, name), copy, { recursive: true });
    const promised = promises.get(name);
    try {
      const found = await goOn(copy, promised !== undefined);
      inspection.torn.push(...found.faults.map((fault) => `${name}: ${fault}`));
      if (promised !== undefined && (found.lastVersion ?? -1n) < promised) {
        inspection.lost.push(`${name} ends at ${found.lastVersion}, committed up to ${promised}`);
      }
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      inspection.torn.push(`${name}: ${error.code}: ${error.message}`);
    }
  }
  await rm(copies, { recursive: true });
  return { ...inspection, foreign: [], whole: names.length };
}

interface Found {
  readonly lastVersion: bigint | undefined;
  readonly faults: readonly string[];
}

/** What the next writer meets: it opens, all that counts is fit, and one more commit works. */
async function goOn(root: string, isPromised: boolean): Promise<Found> {
  const { hashers } = killedLedger(SEED);
  const blocks = ledgerBlocks();
  const faults: string[] = [];
  const check = async (when: string): Promise<void> => {
    const { results } = await checkDatabase(root, { hashers });
    const failed = results.filter(({ status }) => status === 'failed');
    faults.push(...failed.map(({ name, detail }) => `${when}: ${name}: ${detail}`));
  };
  // A reader's view, before anybody has taken back what was not committed.
  const isWhole = await isWholeFolder(root);
  if (isWhole) await check('as the cut left it');
  else if (isPromised) faults.push('it cannot be read, and commits were acknowledged');
  const opened = await openDatabase(root);
  const { lastVersion } = await LedgerWriter.open(opened, hashers);
  await opened.close();
  if (lastVersion !== undefined) await check('opened again');
  {
    await using database = await openDatabase(root);
    const writer = await LedgerWriter.open(database, hashers);
    for (const block of blocks.slice(nextBlock(blocks, lastVersion))) {
      await writer.append(block);
      if (block.ledgerInfo) break;
    }
    await writer.commit();
  }
  await check('after one more commit');
  return { lastVersion, faults };
}

/** False where the cut came while the instances and their column families were made. */
async function isWholeFolder(root: string): Promise<boolean> {
  try {
    await (await AptosDatabaseFiles.open(root, { mode: 'read' })).close();
    return true;
  } catch (error) {
    if (error instanceof HoldfastError) return false;
    throw error;
  }
}
