import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import type { RawRow } from '../aptosdb/driver/key-value-store.js';
import { WriteBatch } from '../aptosdb/driver/write-batch.js';
import { toHex } from '../hashing/hash-value.js';

const unzip = promisify(gunzip);
const ROW_FILE = /^(.*)\/([^/]+)\.tsv\.gz$/;
const BATCH_BYTES = 1 << 20;

/** The rows of one column family of one instance. */
export interface RowFile {
  /** Such as `state_kv_db/shard_3`. */
  readonly instance: string;
  readonly columnFamily: string;
  readonly rows: readonly RawRow[];
}

function parseRow(line: string): RawRow {
  const [key = '', value = ''] = line.split('\t');
  return { key: new Uint8Array(Buffer.from(key, 'hex')), value: new Uint8Array(Buffer.from(value, 'hex')) };
}

/**
 * The files of a folder that holds all rows of a database: one an instance and column family, lines of
 * `hex key TAB hex value`, gzip. Column families without rows may have no file.
 */
export async function* readRowFiles(folder: string): AsyncGenerator<RowFile, void, undefined> {
  const names = (await readdir(folder, { recursive: true })).map((name) => name.split(path.sep).join('/'));
  for (const name of names.sort()) {
    const [, instance, columnFamily] = ROW_FILE.exec(name) ?? [];
    if (instance === undefined || columnFamily === undefined) continue;
    const text = (await unzip(await readFile(path.join(folder, name)))).toString('latin1');
    const lines = text.split('\n').filter((line) => line !== '');
    yield { instance, columnFamily, rows: lines.map(parseRow) };
  }
}

/** Makes a database of a folder of rows, and leaves it open. */
export async function loadRows(folder: string, databaseRoot: string): Promise<AptosDatabaseFiles> {
  const database = await AptosDatabaseFiles.open(databaseRoot, { mode: 'create' });
  for await (const { instance, columnFamily, rows } of readRowFiles(folder)) {
    const store = database.store(instance);
    let batch = new WriteBatch();
    for (const { key, value } of rows) {
      batch.put(columnFamily, key, value);
      if (batch.byteSize < BATCH_BYTES) continue;
      await store.write(batch);
      batch = new WriteBatch();
    }
    await store.write(batch);
  }
  await database.barrier();
  return database;
}

/**
 * Every row of a database: `instance/column_family` to lines of `hex key TAB hex value` in key order.
 * Column families without rows are left out. For small databases.
 */
export async function dumpRows(database: AptosDatabaseFiles): Promise<Map<string, string[]>> {
  const dump = new Map<string, string[]>();
  for (const { instance, store } of database.instances) {
    for (const columnFamily of instance.columnFamilies) {
      const lines: string[] = [];
      for await (const { key, value } of store.iterate(columnFamily)) {
        lines.push(`${toHex(key)}\t${toHex(value)}`);
      }
      if (lines.length > 0) dump.set(`${instance.path}/${columnFamily}`, lines);
    }
  }
  return dump;
}

/** The same of a folder of rows, to compare a database with. */
export async function dumpRowFiles(folder: string): Promise<Map<string, string[]>> {
  const dump = new Map<string, string[]>();
  for await (const { instance, columnFamily, rows } of readRowFiles(folder)) {
    const lines = rows.map(({ key, value }) => `${toHex(key)}\t${toHex(value)}`).sort();
    if (lines.length > 0) dump.set(`${instance}/${columnFamily}`, lines);
  }
  return dump;
}
