// What committing a ledger costs beside the bare writing of its rows: the ledger writer checks every hash,
// keeps the accumulator and the state tree and orders its markers; the bare loop puts the same rows into the
// same column families with the library alone and flushes them. Both in turns within one run; medians.
//   node bench/ledger-database.mjs [--folder DIR] [--state-items N] [--transactions N] [--turns N] [--json FILE]
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import RocksDB from 'rocksdb-native';
import { root } from '../scripts/setup.mjs';

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string', default: tmpdir() },
    'state-items': { type: 'string', default: '20000' },
    transactions: { type: 'string', default: '4000' },
    turns: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
});
const compiled = path.resolve(root, process.env.HOLDFAST_DIST ?? 'dist');
const load = (file) => import(pathToFileURL(path.join(compiled, file)).href);
const { LedgerWriter } = await load('aptosdb/commit/ledger-writer.js');
const { AptosDatabaseFiles } = await load('aptosdb/driver/aptos-database-files.js');
const { openRocksDbStore } = await load('aptosdb/driver/rocksdb-store.js');
const { generateLedger } = await load('testing/ledger-generator.js');
const { ledgerInfoAt } = await load('test-support/killed-ledger.js');

const CHUNK_VERSIONS = 1000;
/** Blocks that are committed one by one, each durable before the next. */
const SINGLE_BLOCKS = 10;
const WRITE_BUFFER_BYTES = 4 << 20;

const stateItems = Number(flags['state-items']);
const transactions = Number(flags.transactions);
const ledger = generateLedger({ seed: 'bench', epochs: 2, transactions, stateItems, profile: 'transfers' });
const phases = phasesOf(ledger);

mkdirSync(flags.folder, { recursive: true });
const base = mkdtempSync(path.join(flags.folder, 'holdfast-bench-'));
const turns = [];
try {
  for (let turn = 0; turn < Number(flags.turns); turn++) {
    const committed = await commitLedger(path.join(base, `committed-${turn}`));
    const bareMs = await writeBare(path.join(base, `bare-${turn}`), committed.written);
    turns.push({ ...committed, bareMs });
    rmSync(path.join(base, `committed-${turn}`), { recursive: true });
    rmSync(path.join(base, `bare-${turn}`), { recursive: true });
  }
} finally {
  rmSync(base, { recursive: true, force: true });
}
const rows = phases.map(({ name, items, commits }, index) => {
  const ms = median(turns.map(({ commitMs }) => commitMs[index]));
  const bare = median(turns.map(({ bareMs }) => bareMs[index]));
  const rowCount = turns[0].written[index].reduce((sum, step) => sum + (step.rows?.length ?? 0), 0);
  return {
    what: name,
    items,
    rows: rowCount,
    'items/s': Math.round((items / ms) * 1000),
    'rows/s': Math.round((rowCount / ms) * 1000),
    'ms a commit': round(ms / commits),
    'bare ms': round(bare / commits),
    ratio: round(ms / bare),
  };
});
console.log(`medians of ${flags.turns} turns in ${flags.folder}; load at the end ${round(loadavg()[0])}`);
console.table(rows);
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(rows, undefined, 2)}\n`);

/** What is committed, in three parts. Each step is one durable commit of some chunks. */
function phasesOf({ epochs, lastVersion }) {
  const [genesis, bulk, open] = epochs;
  const singles = [];
  let first = Number(open.firstVersion);
  for (let version = first; version <= Number(lastVersion) && singles.length < SINGLE_BLOCKS; version++) {
    if (!ledger.transactionInfo(version).value.state_checkpoint_hash) continue;
    singles.push([{ ...chunk(first, version), ledgerInfo: ledgerInfoAt(ledger, version) }]);
    first = version + 1;
  }
  const chunks = [];
  for (let from = Number(bulk.firstVersion); from <= Number(bulk.lastVersion); from += CHUNK_VERSIONS) {
    chunks.push(chunk(from, Math.min(from + CHUNK_VERSIONS - 1, Number(bulk.lastVersion))));
  }
  chunks.at(-1).ledgerInfo = bulk.ledgerInfo;
  const bulkItems = Number(bulk.lastVersion - bulk.firstVersion) + 1;
  const genesisChunk = { ...chunk(0, 0), ledgerInfo: genesis.ledgerInfo };
  return [
    { name: 'state items of genesis', items: stateItems, commits: 1, steps: [[genesisChunk]] },
    { name: 'transactions, in bulk', items: bulkItems, commits: 1, steps: [chunks] },
    {
      name: 'transactions, each block durable',
      items: first - Number(open.firstVersion),
      commits: singles.length,
      steps: singles,
    },
  ];
}

function chunk(first, last) {
  const records = [];
  for (let version = first; version <= last; version++) records.push(ledger.record(version, 'V1'));
  return { firstVersion: BigInt(first), records };
}

/** Milliseconds of each phase, and what it gave RocksDB to do. */
async function commitLedger(folder) {
  let steps = [];
  const recording = async (directory, options) => {
    const store = await openRocksDbStore(directory, options);
    const instance = path.relative(folder, directory);
    const write = store.write.bind(store);
    const barrier = store.barrier.bind(store);
    store.write = (batch) => {
      steps.push({ instance, rows: batch.operations });
      return write(batch);
    };
    store.barrier = () => {
      steps.push({ instance });
      return barrier();
    };
    return store;
  };
  const database = await AptosDatabaseFiles.open(folder, { mode: 'create', openStore: recording });
  const writer = await LedgerWriter.open(database, ledger.hashers);
  const written = [];
  const commitMs = [];
  for (const phase of phases) {
    steps = [];
    const startedAt = performance.now();
    for (const chunks of phase.steps) {
      for (const one of chunks) await writer.append(one);
      await writer.commit();
    }
    commitMs.push(performance.now() - startedAt);
    written.push(steps);
  }
  await database.close();
  return { commitMs, written };
}

/** The same rows and flushes with nothing but the library. */
async function writeBare(folder, written) {
  const families = new Map();
  for (const { instance, rows = [] } of written.flat()) {
    const names = families.get(instance) ?? new Set();
    for (const { columnFamily } of rows) names.add(columnFamily);
    families.set(instance, names);
  }
  const instances = new Map();
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
    instances.set(instance, { database, sessions, unflushed: new Set() });
  }
  const phaseMs = [];
  for (const steps of written) {
    const startedAt = performance.now();
    for (const { instance, rows } of steps) {
      const { sessions, unflushed } = instances.get(instance);
      if (rows === undefined) {
        await Promise.all([...unflushed].map((name) => sessions.get(name).flush()));
        unflushed.clear();
      } else await putRows(sessions, unflushed, rows);
    }
    phaseMs.push(performance.now() - startedAt);
  }
  for (const { database } of instances.values()) await database.close({ force: true });
  return phaseMs;
}

async function putRows(sessions, unflushed, rows) {
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

function median(numbers) {
  return numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)];
}

function round(number) {
  return Number(number.toPrecision(3));
}
