// What committing a ledger costs beside the bare writing of its rows: the ledger writer checks every hash,
// keeps the accumulator and the state tree and orders its markers; the bare loop puts the same rows into the
// same column families with the library alone and flushes them. Both in turns within one run; medians.
//   node bench/ledger-database.mjs [--quick] [--scale N] [--turns N] [--folder DIR] [--json FILE]
import { rmSync } from 'node:fs';
import path from 'node:path';
import { BareInstances } from './lib/bare-rocksdb.mjs';
import { benchmark, benchmarkFlags } from './lib/benchmark.mjs';
import { load, runJson } from './lib/child.mjs';
import { median, perSecond } from './lib/numbers.mjs';

const { LedgerWriter } = await load('aptosdb/commit/ledger-writer.js');
const { AptosDatabaseFiles } = await load('aptosdb/driver/aptos-database-files.js');
const { openRocksDbStore } = await load('aptosdb/driver/rocksdb-store.js');
const { generateLedger } = await load('testing/ledger-generator.js');
const { ledgerInfoAt } = await load('test-support/killed-ledger.js');

const CHUNK_VERSIONS = 1000;
/** Blocks that are committed one by one, each durable before the next. */
const SINGLE_BLOCKS = 10;
/** Of the largest ledger. */
const STATE_ITEMS = 50_000;
const TRANSACTIONS = 10_000;

if (process.argv[2] === 'commit') await commitInTurns(JSON.parse(process.argv[3]));
else {
  const flags = benchmarkFlags();
  await benchmark('ledger-database', flags, async (base) => {
    const rows = [];
    for (const stateItems of flags.sizes(STATE_ITEMS)) {
      const transactions = Math.round((stateItems / STATE_ITEMS) * TRANSACTIONS);
      const what = { base, stateItems, transactions, turns: flags.turns };
      const { result, peakMiB } = await runJson(import.meta.filename, ['commit', JSON.stringify(what)]);
      rows.push(...result.map((row) => ({ ...row, peakMiB })));
    }
    return rows;
  });
}

/** In a process of its own; its peak memory is mostly that of the generated ledger. */
async function commitInTurns({ base, stateItems, transactions, turns: turnCount }) {
  const ledger = generateLedger({ seed: 'bench', epochs: 2, transactions, stateItems, profile: 'transfers' });
  const phases = phasesOf(ledger, stateItems);
  const turns = [];
  for (let turn = 0; turn < turnCount; turn++) {
    const committed = await commitLedger(path.join(base, `committed-${turn}`), ledger, phases);
    const bareMs = await writeBare(path.join(base, `bare-${turn}`), committed.written);
    turns.push({ ...committed, bareMs });
    rmSync(path.join(base, `committed-${turn}`), { recursive: true });
    rmSync(path.join(base, `bare-${turn}`), { recursive: true });
  }
  const rows = phases.map(({ name, items, commits }, index) => {
    const ms = median(turns.map(({ commitMs }) => commitMs[index]));
    const bareMs = median(turns.map((turn) => turn.bareMs[index]));
    const rowCount = turns[0].written[index].reduce((sum, step) => sum + (step.rows?.length ?? 0), 0);
    return {
      case: `${name}, ${items.toLocaleString('en-US')} of ${transactions.toLocaleString('en-US')}`,
      amount: items,
      unit: 'items',
      perSecond: perSecond(items, ms),
      bound: 'its rows into bare RocksDB',
      boundPerSecond: perSecond(items, bareMs),
      ratio: median(turns.map((turn) => turn.bareMs[index] / turn.commitMs[index])),
      rows: rowCount,
      'rows/s': perSecond(rowCount, ms),
      'ms a commit': ms / commits,
    };
  });
  console.log(JSON.stringify(rows));
}

/** What is committed, in three parts. Each step is one durable commit of some chunks. */
function phasesOf(ledger, stateItems) {
  const { epochs, lastVersion } = ledger;
  const [genesis, bulk, open] = epochs;
  const singles = [];
  let first = Number(open.firstVersion);
  for (let version = first; version <= Number(lastVersion) && singles.length < SINGLE_BLOCKS; version++) {
    if (!ledger.transactionInfo(version).value.state_checkpoint_hash) continue;
    singles.push([{ ...chunk(ledger, first, version), ledgerInfo: ledgerInfoAt(ledger, version) }]);
    first = version + 1;
  }
  const chunks = [];
  for (let from = Number(bulk.firstVersion); from <= Number(bulk.lastVersion); from += CHUNK_VERSIONS) {
    chunks.push(chunk(ledger, from, Math.min(from + CHUNK_VERSIONS - 1, Number(bulk.lastVersion))));
  }
  chunks.at(-1).ledgerInfo = bulk.ledgerInfo;
  const bulkItems = Number(bulk.lastVersion - bulk.firstVersion) + 1;
  const genesisChunk = { ...chunk(ledger, 0, 0), ledgerInfo: genesis.ledgerInfo };
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

function chunk(ledger, first, last) {
  const records = [];
  for (let version = first; version <= last; version++) records.push(ledger.record(version, 'V1'));
  return { firstVersion: BigInt(first), records };
}

/** Milliseconds of each phase, and what it gave RocksDB to do. */
async function commitLedger(folder, ledger, phases) {
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
  const bare = await BareInstances.open(folder, families);
  const phaseMs = [];
  for (const steps of written) {
    const startedAt = performance.now();
    for (const { instance, rows } of steps) {
      if (rows === undefined) await bare.flush(instance);
      else await bare.put(instance, rows);
    }
    phaseMs.push(performance.now() - startedAt);
  }
  await bare.close();
  return phaseMs;
}
