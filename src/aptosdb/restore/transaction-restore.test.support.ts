import { readRowFiles } from '../../test-support/load-rows.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { WriteBatch } from '../driver/write-batch.js';
import type { ProvenTransactions } from './transaction-records.js';

/** Records as they lie in a chunk file. */
export function chunkOf(firstVersion: bigint, records: readonly Uint8Array[]): ProvenTransactions {
  const starts: number[] = [];
  const ends: number[] = [];
  let size = 0;
  for (const record of records) {
    starts.push(size + 4);
    size += 4 + record.length;
    ends.push(size);
  }
  const bytes = new Uint8Array(size);
  records.forEach((record, index) => {
    bytes.set(record, starts[index]);
  });
  return { firstVersion, bytes, starts, ends, count: records.length };
}

/** Puts rows of a folder into a database: those that `wanted` picks. */
export async function loadSomeRows(
  database: AptosDatabaseFiles,
  folder: string,
  wanted: (instance: string, columnFamily: string, key: Uint8Array) => boolean,
): Promise<void> {
  for await (const { instance, columnFamily, rows } of readRowFiles(folder)) {
    const batch = new WriteBatch();
    for (const { key, value } of rows) {
      if (wanted(instance, columnFamily, key)) batch.put(columnFamily, key, value);
    }
    await database.store(instance).write(batch);
  }
}
