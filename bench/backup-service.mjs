// What `holdfast serve` streams over real HTTP, from a process of its own: state items as fast as they can be
// read away, and through the client that takes records apart; then the peak memory of a fresh server after
// many streams of a state, and after as many bytes in streams that are ten times as long.
//   node bench/backup-service.mjs [--quick] [--scale N] [--turns N] [--folder DIR] [--json FILE]
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { benchmark, benchmarkFlags } from './lib/benchmark.mjs';
import { load } from './lib/child.mjs';
import { median, perSecond, timed } from './lib/numbers.mjs';

const { AptosDatabaseFiles } = await load('aptosdb/driver/aptos-database-files.js');
const { AptosDbBackupReader } = await load('aptosdb/read/aptosdb-backup-reader.js');
const { commitGeneratedLedger } = await load('testing/commit-generated-ledger.js');
const { generateLedger } = await load('testing/ledger-generator.js');
const { BackupServer } = await load('service/backup-server.js');
const { BackupServiceClient } = await load('service/backup-service-client.js');

/** Of the largest state. */
const STATE_ITEMS = 100_000;
/** What a server of nothing but bytes writes at once. */
const PIECE_BYTES = 64 * 1024;
const TRANSACTIONS = 20;
const MIB = 1024 * 1024;

/** Set in the processes that serve. */
const served = process.env.HOLDFAST_BENCH_SERVE;
if (served === undefined) await measure();
else if (served.startsWith('bytes:')) await serveBytes(Number(served.slice('bytes:'.length)));
else await serve(served);

async function serve(databaseFolder) {
  const reader = await AptosDbBackupReader.open(databaseFolder);
  const server = await BackupServer.start({ reader, port: 0 });
  console.log(server.url);
  await once(process.stdin.resume(), 'end');
  await server.close();
  await reader.close();
}

/** So many bytes from memory to whoever asks: the bound. */
async function serveBytes(size) {
  const piece = randomBytes(PIECE_BYTES);
  const server = http.createServer(async (_request, response) => {
    for (let sent = 0; sent < size; sent += PIECE_BYTES) {
      if (!response.write(piece.subarray(0, Math.min(PIECE_BYTES, size - sent))))
        await once(response, 'drain');
    }
    response.end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  console.log(`http://127.0.0.1:${server.address().port}`);
  await once(process.stdin.resume(), 'end');
  server.closeAllConnections();
  server.close();
}

async function measure() {
  const flags = benchmarkFlags();
  await benchmark('backup-service', flags, async (base) => {
    const rows = [];
    const sizes = flags.sizes(STATE_ITEMS);
    for (const items of sizes) {
      const databaseFolder = path.join(base, `${items}`);
      const version = await makeDatabase(databaseFolder, items);
      // As many bytes in all from each, so that only the size of a stream is different.
      const turns = Math.round((flags.turns * sizes.at(-1)) / items);
      rows.push(await streams({ databaseFolder, version, items, turns }));
    }
    return rows;
  });
}

/** The version of its last state tree. */
async function makeDatabase(databaseFolder, stateItems) {
  const ledger = generateLedger({ seed: 'bench', epochs: 1, transactions: TRANSACTIONS, stateItems });
  const database = await AptosDatabaseFiles.open(databaseFolder, { mode: 'create' });
  await commitGeneratedLedger(ledger, database);
  await database.close();
  return ledger.epochs[0].lastVersion;
}

async function streams({ databaseFolder, version, items, turns }) {
  const drained = [];
  const parsed = [];
  let bytes = 0;
  let idle;
  let peak;
  await withServer(databaseFolder, async (url, pid) => {
    idle = memoryOf(pid);
    for (let turn = 0; turn < turns; turn++) {
      const drain = await timed(async () => {
        bytes = await drainStream(`${url}/state_snapshot/${version}`);
      });
      drained.push(drain);
      parsed.push(await timed(() => countRecords(url, version, items)));
    }
    peak = memoryOf(pid);
  });
  const plain = [];
  await withServer(`bytes:${bytes}`, async (url) => {
    for (let turn = 0; turn < turns; turn++) plain.push(await timed(() => drainStream(url)));
  });
  return {
    case: `${items.toLocaleString('en-US')} state items`,
    amount: items,
    unit: 'items',
    perSecond: perSecond(items, median(drained)),
    peakMiB: peak,
    bound: 'the bytes from a bare HTTP server',
    boundPerSecond: perSecond(items, median(plain)),
    'MiB/s': perSecond(bytes / MIB, median(drained)),
    'through the client': perSecond(items, median(parsed)),
    'idle MiB': idle,
  };
}

/** With a process that serves a database, or so many bytes. */
async function withServer(what, use) {
  const env = { ...process.env, HOLDFAST_BENCH_SERVE: what };
  const child = spawn(process.execPath, [process.argv[1]], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const [url] = await once(createInterface({ input: child.stdout }), 'line');
  try {
    await use(url, child.pid);
  } finally {
    const ended = once(child, 'exit');
    child.stdin.end();
    await ended;
  }
}

/** Highest resident memory so far, in MiB; where the system does not say, nothing. */
function memoryOf(pid) {
  try {
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Math.round(Number(kib) / 1024);
  } catch {
    return undefined;
  }
}

function drainStream(url) {
  return new Promise((resolve, reject) => {
    http
      .get(url, (response) => {
        let bytes = 0;
        response.on('data', (piece) => {
          bytes += piece.length;
        });
        response.once('error', reject);
        response.once('end', () => (response.statusCode === 200 ? resolve(bytes) : reject(response)));
      })
      .once('error', reject);
  });
}

async function countRecords(address, version, expected) {
  const client = new BackupServiceClient({ address });
  let count = 0;
  for await (const batch of client.stateItemBatches(version, 0n, BigInt(expected))) count += batch.count;
  client.close();
  if (count !== expected) throw new Error(`${count} records where ${expected} belong`);
}
