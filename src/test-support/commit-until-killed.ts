// A process that commits a generated ledger to a database and ends itself by SIGKILL at a given operation
// on disk. Run it again and it goes on where the database stands. Arguments: folder, seed, and the number
// of the operation to die at. Prints the last version after each commit that returned.
import process from 'node:process';
import { LedgerWriter } from '../aptosdb/commit/ledger-writer.js';
import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import type {
  IterateOptions,
  KeyRange,
  KeyValueStore,
  OpenStore,
  RawRow,
} from '../aptosdb/driver/key-value-store.js';
import { openRocksDbStore } from '../aptosdb/driver/rocksdb-store.js';
import type { WriteBatch } from '../aptosdb/driver/write-batch.js';
import { generatedBlocks, killedLedger } from './killed-ledger.js';

let operations = 0;

/** Counts what reaches the disk, and ends the process before, during or after one of these operations. */
class DyingStore implements KeyValueStore {
  readonly #store: KeyValueStore;
  readonly #dieAt: number;

  constructor(store: KeyValueStore, dieAt: number) {
    this.#store = store;
    this.#dieAt = dieAt;
  }

  get directory(): string {
    return this.#store.directory;
  }
  get readOnly(): boolean {
    return this.#store.readOnly;
  }
  get columnFamilies(): ReadonlySet<string> {
    return this.#store.columnFamilies;
  }
  get(columnFamily: string, key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#store.get(columnFamily, key);
  }
  multiGet(columnFamily: string, keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#store.multiGet(columnFamily, keys);
  }
  seekEach(columnFamily: string, keys: readonly Uint8Array[]): Promise<(RawRow | undefined)[]> {
    return this.#store.seekEach(columnFamily, keys);
  }
  iterate(columnFamily: string, range?: KeyRange, options?: IterateOptions): AsyncIterable<RawRow> {
    return this.#store.iterate(columnFamily, range, options);
  }
  iterateBatches(
    columnFamily: string,
    range?: KeyRange,
    options?: IterateOptions,
  ): AsyncIterable<readonly RawRow[]> {
    return this.#store.iterateBatches(columnFamily, range, options);
  }
  write(batch: WriteBatch): Promise<void> {
    return this.#perhapsDie(() => this.#store.write(batch));
  }
  barrier(): Promise<void> {
    return this.#perhapsDie(() => this.#store.barrier());
  }
  estimateRowCount(columnFamily: string): Promise<number> {
    return this.#store.estimateRowCount(columnFamily);
  }
  close(): Promise<void> {
    return this.#store.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #perhapsDie(operation: () => Promise<void>): Promise<void> {
    if (++operations !== this.#dieAt) return operation();
    const moment = this.#dieAt % 3;
    if (moment === 0) process.kill(process.pid, 'SIGKILL');
    const done = operation();
    if (moment === 1) process.kill(process.pid, 'SIGKILL');
    await done;
    process.kill(process.pid, 'SIGKILL');
  }
}

const [, , folder = '', seed = '', dieAt = ''] = process.argv;
const ledger = killedLedger(seed);
const openStore: OpenStore = async (directory, options) =>
  new DyingStore(await openRocksDbStore(directory, options), Number(dieAt));
const database = await AptosDatabaseFiles.open(folder, { mode: 'create', openStore });
const writer = await LedgerWriter.open(database, ledger.hashers);
process.stdout.write(`opened at ${writer.lastVersion ?? 'nothing'}\n`);
for (const block of generatedBlocks(ledger)) {
  if (writer.lastVersion !== undefined && block.firstVersion <= writer.lastVersion) continue;
  await writer.append(block);
  if (block.ledgerInfo === undefined) continue;
  await writer.commit();
  process.stdout.write(`committed ${writer.lastVersion}\n`);
}
await database.close();
