// Rows into RocksDB with nothing but the library: the bound of whatever writes a ledger database.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import RocksDB from 'rocksdb-native';

const WRITE_BUFFER_BYTES = 4 << 20;

export class BareInstances {
  #instances = new Map();

  /** `families`: of each instance, by its folder, the names of the column families. */
  static async open(folder, families) {
    const bare = new BareInstances();
    for (const [instance, names] of families) {
      const directory = path.join(folder, instance);
      mkdirSync(directory, { recursive: true });
      const database = new RocksDB(directory, {
        columnFamilies: [...names],
        createIfMissing: true,
        createMissingColumnFamilies: true,
        writeBufferSize: WRITE_BUFFER_BYTES,
        tableFormatVersion: 5,
      });
      await database.ready();
      const sessions = new Map([...names].map((name) => [name, database.columnFamily(name)]));
      bare.#instances.set(instance, { database, sessions, unflushed: new Set() });
    }
    return bare;
  }

  /** Rows are `{ columnFamily, key, value }`. */
  async put(instance, rows) {
    const { sessions, unflushed } = this.#instances.get(instance);
    for (const name of new Set(rows.map(({ columnFamily }) => columnFamily))) {
      const batch = sessions.get(name).write();
      for (const row of rows) {
        if (row.columnFamily === name) batch.tryPut(row.key, row.value);
      }
      await batch.flush();
      batch.destroy();
      unflushed.add(name);
    }
  }

  async flush(instance) {
    const { sessions, unflushed } = this.#instances.get(instance);
    await Promise.all([...unflushed].map((name) => sessions.get(name).flush()));
    unflushed.clear();
  }

  async flushAll() {
    for (const instance of this.#instances.keys()) await this.flush(instance);
  }

  async close() {
    for (const { database } of this.#instances.values()) await database.close({ force: true });
  }
}
