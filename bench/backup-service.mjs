// What `holdfast serve` streams over real HTTP, from a process of its own: state items as fast as they can be
// read away, and through the client that takes records apart; then the peak memory of a fresh server after
// many streams of a state, and after as many bytes in streams that are ten times as long.
//   node bench/backup-service.mjs [--folder DIR] [--state-items N] [--turns N] [--json FILE]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from '../scripts/setup.mjs';

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string', default: tmpdir() },
    'state-items': { type: 'string', default: '10000' },
    turns: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
});
const compiled = path.resolve(root, process.env.HOLDFAST_DIST ?? 'dist');
const load = (file) => import(pathToFileURL(path.join(compiled, file)).href);
const { AptosDatabaseFiles } = await load('aptosdb/driver/aptos-database-files.js');
const { AptosDbBackupReader } = await load('aptosdb/read/aptosdb-backup-reader.js');
const { commitGeneratedLedger } = await load('testing/commit-generated-ledger.js');
const { generateLedger } = await load('testing/ledger-generator.js');
const { BackupServer } = await load('service/backup-server.js');
const { BackupServiceClient } = await load('service/backup-service-client.js');

const GROWTH = 10;
const TRANSACTIONS = 20;
const MIB = 1024 * 1024;

/** Set in the process that serves. */
const served = process.env.HOLDFAST_BENCH_SERVE;
if (served === undefined) await measure();
else await serve(served);

async function serve(databaseFolder) {
  const reader = await AptosDbBackupReader.open(databaseFolder);
  const server = await BackupServer.start({ reader, port: 0 });
  console.log(server.url);
  await once(process.stdin.resume(), 'end');
  await server.close();
  await reader.close();
}

async function measure() {
  mkdirSync(flags.folder, { recursive: true });
  const base = mkdtempSync(path.join(flags.folder, 'holdfast-bench-'));
  const small = Number(flags['state-items']);
  try {
    const rows = [];
    for (const items of [small, small * GROWTH]) {
      const databaseFolder = path.join(base, `${items}`);
      const version = await makeDatabase(databaseFolder, items);
      // As many bytes in all from both, so that only the size of a stream is different.
      const turns = Number(flags.turns) * (items === small ? GROWTH : 1);
      rows.push(await streams({ databaseFolder, version, items, turns }));
    }
    console.log(`medians of ${flags.turns} streams and more; load at the end ${round(loadavg()[0])}`);
    console.table(rows);
    const [first, second] = rows;
    console.log(`ten times the state: peak memory times ${round(second['peak MiB'] / first['peak MiB'])}`);
    if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(rows, undefined, 2)}\n`);
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
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
  const env = { ...process.env, HOLDFAST_BENCH_SERVE: databaseFolder };
  const child = spawn(process.execPath, [process.argv[1]], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const [url] = await once(createInterface({ input: child.stdout }), 'line');
  const drained = [];
  const parsed = [];
  let bytes = 0;
  let idle;
  try {
    idle = memoryOf(child.pid);
    for (let turn = 0; turn < turns; turn++) {
      const drain = await timed(async () => {
        bytes = await drainStream(`${url}/state_snapshot/${version}`);
      });
      drained.push(drain);
      parsed.push(await timed(() => countRecords(url, version, items)));
    }
    const peak = memoryOf(child.pid);
    const perSecond = (ms, amount) => round((amount / ms) * 1000);
    return {
      'state items': items,
      MiB: round(bytes / MIB),
      'MiB/s': perSecond(median(drained), bytes / MIB),
      'records/s': Math.round(perSecond(median(drained), items)),
      'through the client, records/s': Math.round(perSecond(median(parsed), items)),
      'idle MiB': idle,
      'peak MiB': peak,
    };
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

async function timed(work) {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function median(numbers) {
  return numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)];
}

function round(number) {
  return Number(number.toPrecision(3));
}
