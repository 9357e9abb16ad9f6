// `backup oneoff` of a generated ledger over real HTTP, with `holdfast serve` beside it on the same cores: bytes
// that are proven and durable in the archive, against `dd conv=fsync` of the same bytes to the same disk in the
// same turn; how much of the time goes into proving; and the peak memory of both processes at three sizes.
//   node bench/backup.mjs [--quick] [--scale N] [--turns N] [--folder DIR] [--json FILE]
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { benchmark, benchmarkFlags } from './lib/benchmark.mjs';
import { cli, load, runChild, runJson } from './lib/child.mjs';
import { medians, perSecond } from './lib/numbers.mjs';

const MIB = 1024 * 1024;
const TRANSACTIONS = 60_000;
const STATE_ITEMS = 40_000;
const EPOCHS = 2;
const SELF = import.meta.filename;

if (process.argv[2] === '--take') await take(JSON.parse(process.argv[3]));
else await compare(benchmarkFlags());

async function compare(flags) {
  await benchmark('backup', flags, async (folder) => {
    const rows = [];
    const stateSizes = flags.sizes(STATE_ITEMS);
    for (const [index, transactions] of flags.sizes(TRANSACTIONS).entries()) {
      const ledger = path.join(folder, `ledger-${transactions}`);
      const counts = ['--transactions', transactions, '--state-items', stateSizes[index], '--epochs', EPOCHS];
      const generated = await runChild(cli, [
        ...['ledger', 'generate', '--json', '--db-dir', ledger, '--seed', 'bench', '--profile', 'transfers'],
        ...counts,
      ]);
      const lastVersion = Number(JSON.parse(generated.stdout).lastVersion);
      const plans = [
        { kind: 'state-snapshot', epoch: EPOCHS - 1 },
        { kind: 'transaction', count: lastVersion + 1 },
      ];
      for (const plan of plans) rows.push(await row({ folder, ledger, plan, turns: flags.turns }));
      rmSync(ledger, { recursive: true });
    }
    return rows;
  });
}

async function row({ folder, ledger, plan, turns }) {
  const samples = [];
  let records = 0;
  let bytes = 0;
  for (let turn = 0; turn < turns; turn++) {
    const archive = path.join(folder, 'archive');
    const server = await startServer(ledger);
    try {
      const options = JSON.stringify({ url: server.url, archive, ...plan });
      const { result, ms, peakMiB, userMs, systemMs } = await runJson(SELF, ['--take', options]);
      records = result.records;
      bytes = bytesOf(archive);
      const ddMs = ddFsync(archive, path.join(folder, 'copy'));
      samples.push({
        takeMs: result.ms,
        wholeMs: ms,
        provingShare: result.provingMs / result.ms,
        cpuMs: userMs + systemMs,
        peakMiB,
        serverPeakMiB: server.peakMiB(),
        ddMs,
        ratio: ddMs / result.ms,
      });
    } finally {
      await server.stop();
      rmSync(archive, { recursive: true, force: true });
    }
  }
  const middle = medians(samples, Object.keys(samples[0]));
  return {
    case: `${plan.kind}, ${records.toLocaleString('en-US')} records`,
    amount: bytes,
    unit: 'MiB',
    perSecond: perSecond(bytes / MIB, middle.takeMs),
    peakMiB: middle.peakMiB,
    bound: 'dd conv=fsync',
    boundPerSecond: perSecond(bytes / MIB, middle.ddMs),
    ratio: middle.ratio,
    MiB: bytes / MIB,
    'records per second': perSecond(records, middle.takeMs),
    'share of proving': middle.provingShare,
    'cpu s': middle.cpuMs / 1000,
    'whole process s': middle.wholeMs / 1000,
    'peak MiB of serve': Math.round(middle.serverPeakMiB),
  };
}

/** One backup, in a process of its own; the last line of its output is what it took. */
async function take({ url, archive, kind, epoch, count }) {
  const { BackupServiceClient } = await load('service/backup-service-client.js');
  const { LocalFsWriterStorage } = await load('storage/local-fs-writer.js');
  const { BackupMetrics } = await load('backup/backup-metrics.js');
  const { openBackup } = await load('backup/open-backup.js');
  const { backUpStateSnapshot } = await load('backup/back-up-state-snapshot.js');
  const { backUpTransactions } = await load('backup/back-up-transactions.js');
  const { LEDGER_FAMILIES, ledgerHashers } = await load('types/ledger-family.js');
  const client = new BackupServiceClient({ address: url });
  const metrics = new BackupMetrics();
  const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
  const startedAt = performance.now();
  const storage = await LocalFsWriterStorage.open(archive, { owner: 'bench' });
  const context = await openBackup({ storage, client, hashers, metrics });
  const isState = kind === 'state-snapshot';
  const report = isState
    ? await backUpStateSnapshot(context, BigInt(epoch))
    : await backUpTransactions(context, { startVersion: 0n, count: BigInt(count) });
  await storage.close();
  const ms = performance.now() - startedAt;
  const [entry] = report.entries;
  const records = isState ? Number(await client.stateItemCount(entry.version)) : count;
  client.close();
  const proving = await metrics.registry.getSingleMetric('holdfast_backup_proving_seconds_total').get();
  const provingMs = (proving.values[0]?.value ?? 0) * 1000;
  console.log(JSON.stringify({ ms, provingMs, records }));
}

async function startServer(ledger) {
  const args = [cli, 'serve', '--db-dir', ledger, '--backup-service-address', '127.0.0.1:0'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return {
    url: /http:\S+/.exec(line)?.[0],
    peakMiB: () => {
      const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
      return Number(kib) / 1024;
    },
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function filesOf(archive) {
  return readdirSync(archive, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.join(parentPath, name));
}

function bytesOf(archive) {
  return filesOf(archive).reduce((sum, file) => sum + statSync(file).size, 0);
}

/** Milliseconds in which the bytes of an archive, in one file, are durable under another name. */
function ddFsync(archive, folder) {
  mkdirSync(folder);
  const [source, target] = [path.join(folder, 'source'), path.join(folder, 'target')];
  for (const file of filesOf(archive)) writeFileSync(source, readFileSync(file), { flag: 'a' });
  spawnSync('sync', ['-f', source]);
  const startedAt = performance.now();
  const { status, stderr } = spawnSync('dd', [`if=${source}`, `of=${target}`, 'bs=1M', 'conv=fsync']);
  const ms = performance.now() - startedAt;
  rmSync(folder, { recursive: true });
  if (status !== 0) throw new Error(`dd failed: ${stderr}`);
  return ms;
}
