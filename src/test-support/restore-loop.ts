import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import { REQUIRED_INSTANCES } from '../aptosdb/driver/instances.js';
import { openRocksDbStore } from '../aptosdb/driver/rocksdb-store.js';
import { WriteBatch } from '../aptosdb/driver/write-batch.js';
import { AptosDbBackupReader } from '../aptosdb/read/aptosdb-backup-reader.js';
import { treeVersions } from '../aptosdb/read/tree-versions.js';
import { backUpEpochEndings } from '../backup/back-up-epoch-endings.js';
import { backUpStateSnapshot } from '../backup/back-up-state-snapshot.js';
import { backUpTransactions } from '../backup/back-up-transactions.js';
import { BackupServer } from '../service/backup-server.js';
import { BackupServiceClient } from '../service/backup-service-client.js';
import { commitGeneratedLedger } from '../testing/commit-generated-ledger.js';
import type { GeneratedLedger } from '../testing/generated-ledger.js';
import { backupInto } from './backup-into.js';

/** A database behind a backup service. */
export class ServedDatabase implements AsyncDisposable {
  readonly #server: BackupServer;
  readonly #reader: AptosDbBackupReader;

  constructor(server: BackupServer, reader: AptosDbBackupReader) {
    this.#server = server;
    this.#reader = reader;
  }

  get port(): number {
    return this.#server.port;
  }

  get url(): string {
    return this.#server.url;
  }

  async close(): Promise<void> {
    await this.#server.close(0);
    await this.#reader.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What is backed up of a ledger. */
export interface LoopBackup {
  readonly chunkBytesMax: number;
  /** Of whose ends the state is backed up. */
  readonly snapshotEpochs: readonly bigint[];
  /** First versions of the transaction backups. */
  readonly cuts: readonly bigint[];
}

/** Writes a ledger to a new database. */
export async function commitLoopLedger(ledger: GeneratedLedger, folder: string): Promise<void> {
  await using database = await AptosDatabaseFiles.open(folder, { mode: 'create' });
  await commitGeneratedLedger(ledger, database);
}

/** Serves a database until it is closed. */
export async function serveDatabase(folder: string): Promise<ServedDatabase> {
  const reader = await AptosDbBackupReader.open(folder);
  return new ServedDatabase(await BackupServer.start({ reader, port: 0 }), reader);
}

/** Versions with a state tree, ascending. */
export async function treesIn(folder: string): Promise<bigint[]> {
  await using database = await AptosDatabaseFiles.open(folder, { mode: 'read' });
  const versions: bigint[] = [];
  for await (const version of treeVersions(database)) versions.push(version);
  return versions.reverse();
}

/** Takes all that a backup of the ledger consists of, in a fixed order. */
export async function backUpLoop(
  ledger: GeneratedLedger,
  { url }: ServedDatabase,
  archive: string,
  { chunkBytesMax, snapshotEpochs, cuts }: LoopBackup,
): Promise<void> {
  mkdirSync(archive, { recursive: true });
  const client = new BackupServiceClient({ address: url, retry: { attemptsMax: 2, firstPauseMs: 1 } });
  const { context, storage } = await backupInto(archive, client, { chunkBytesMax });
  try {
    const ended = ledger.epochs.filter((epoch) => epoch.ended).length;
    await backUpEpochEndings(context, { startEpoch: 0n, endEpoch: BigInt(ended) });
    for (const epoch of snapshotEpochs) await backUpStateSnapshot(context, epoch);
    for (const [index, startVersion] of cuts.entries()) {
      const end = cuts[index + 1] ?? ledger.lastVersion + 1n;
      await backUpTransactions(context, { startVersion, count: end - startVersion });
    }
  } finally {
    await storage.close();
    client.close();
  }
}

/**
 * Files that only one of two archives has, or that are not the same in both.
 * @param passOver what names of files of the first alone are not held against the second
 */
export function fileDifferences(
  first: ReadonlyMap<string, string>,
  second: ReadonlyMap<string, string>,
  passOver: (name: string) => boolean = () => false,
): string[] {
  const names = new Set([...first.keys(), ...second.keys()]);
  return [...names].flatMap((name) => {
    const [ours, theirs] = [first.get(name), second.get(name)];
    if (ours === theirs || (theirs === undefined && passOver(name))) return [];
    if (ours === undefined) return [`${name} is only in the second`];
    return [theirs === undefined ? `${name} is only in the first` : `${name} differs`];
  });
}

/** A digest of all rows of each column family, `instance/column_family` by name; none for an empty one. */
export async function rowDigests(folder: string): Promise<ReadonlyMap<string, string>> {
  await using database = await AptosDatabaseFiles.open(folder, { mode: 'read' });
  const digests = new Map<string, string>();
  for (const { instance, store } of database.instances) {
    for (const family of instance.columnFamilies) {
      const hash = createHash('sha256');
      let count = 0;
      for await (const rows of store.iterateBatches(family, {}, { readAhead: 1024 })) {
        for (const { key, value } of rows) {
          hash.update(`${key.length} ${value.length} `).update(key).update(value);
          count++;
        }
      }
      if (count > 0) digests.set(`${instance.path}/${family}`, `${count} rows, ${hash.digest('hex')}`);
    }
  }
  return digests;
}

/** A row of a database. */
export interface RowPlace {
  readonly instance: string;
  readonly columnFamily: string;
  /** The first row at or behind this key; the first of all by default. */
  readonly from?: Uint8Array;
}

/** Flips the lowest bit in the middle of a row's value. */
export async function alterRow(folder: string, { instance, columnFamily, from }: RowPlace): Promise<void> {
  const { columnFamilies } = REQUIRED_INSTANCES.find(({ path: name }) => name === instance) ?? assert.fail();
  const options = { columnFamilies, readOnly: false, createIfMissing: false };
  // The one instance alone: to open all 42 takes longer than the rest.
  await using store = await openRocksDbStore(path.join(folder, instance), options);
  for await (const { key, value } of store.iterate(columnFamily, { gte: from }, { limit: 1 })) {
    const middle = value.length >> 1;
    value[middle] = (value[middle] ?? 0) ^ 1;
    const batch = new WriteBatch();
    batch.put(columnFamily, key, value);
    await store.write(batch);
    await store.barrier();
    return;
  }
  throw new Error(`${instance}/${columnFamily} has no such row`);
}
