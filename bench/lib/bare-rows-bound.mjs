// All rows of a ledger database into bare RocksDB: read a batch (not timed), put it (timed), flush (timed).
//   node bench/lib/bare-rows-bound.mjs DATABASE TARGET
import { load } from './child.mjs';
import { BareInstances } from './bare-rocksdb.mjs';

const ROWS_A_BATCH = 1000;

const [, , source, target] = process.argv;
const { AptosDatabaseFiles } = await load('aptosdb/driver/aptos-database-files.js');
const database = await AptosDatabaseFiles.open(source, { mode: 'read' });
const stores = new Map(database.instances.map(({ store }, index) => [`${index}`, store]));
const families = new Map([...stores].map(([name, store]) => [name, store.columnFamilies]));
const bare = await BareInstances.open(target, families);
let ms = 0;
let rows = 0;
let bytes = 0;
for (const [name, store] of stores) {
  for (const columnFamily of store.columnFamilies) {
    for await (const batch of store.iterateBatches(columnFamily, {}, { readAhead: ROWS_A_BATCH })) {
      const puts = batch.map(({ key, value }) => ({ columnFamily, key, value }));
      const startedAt = performance.now();
      await bare.put(name, puts);
      ms += performance.now() - startedAt;
      rows += batch.length;
      for (const { key, value } of batch) bytes += key.length + value.length;
    }
  }
}
const startedAt = performance.now();
await bare.flushAll();
ms += performance.now() - startedAt;
await bare.close();
await database.close();
console.log(JSON.stringify({ ms, rows, bytes }));
