// `restore bootstrap-db`, everything proven and durable, with all history and without: against the hashing of
// the same records by the kernel alone, and against bare RocksDB that gets the same rows.
//   node bench/restore.mjs [--quick] [--scale N] [--turns N] [--folder DIR] [--json FILE]
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { benchmark, benchmarkFlags } from './lib/benchmark.mjs';
import { cli, runChild, runJson } from './lib/child.mjs';
import { kernelBoundArgs } from './lib/kernel-bound.mjs';
import { generatedArchive } from './lib/ledgers.mjs';
import { median, medians, perSecond } from './lib/numbers.mjs';
import { root } from '../scripts/setup.mjs';

const flags = benchmarkFlags();
/** As the ledger that the reference was measured with. */
const TRANSACTIONS = 240_000;
const ITEMS_A_TRANSACTION = 110 / 240;
const THREADS = Math.min(2, availableParallelism());
const bareRows = path.join(root, 'bench', 'lib', 'bare-rows-bound.mjs');
const MODES = [
  { name: 'with history', args: ['--ledger-history-start-version', '0'] },
  { name: 'newest snapshot on', args: [] },
];

await benchmark('restore', flags, async (folder) => {
  const rows = [];
  for (const transactions of flags.sizes(TRANSACTIONS)) {
    const stateItems = Math.round(transactions * ITEMS_A_TRANSACTION);
    const archive = await generatedArchive({ stateItems, transactions, profile: 'transfers' });
    const hashMs = await hashing(archive);
    for (const mode of MODES) {
      rows.push({
        amount: transactions,
        stateItems,
        ...(await measure(folder, archive, mode, transactions)),
        hashMs,
      });
    }
  }
  return rows.map(({ hashMs, ms, ...row }) => ({ ...row, 'of the hashing alone': hashMs / ms }));
});

/** Milliseconds for all records of the archive. */
async function hashing({ directory }) {
  let ms = 0;
  for (const kind of ['state', 'transactions']) {
    const args = kernelBoundArgs({ directory, kind, threads: THREADS, samples: flags.turns });
    ms += (await runJson(...args)).result.ms;
  }
  return ms;
}

async function measure(folder, archive, { name, args }, transactions) {
  const samples = [];
  for (let turn = 0; turn < flags.turns; turn++) {
    const target = path.join(folder, 'restored');
    const bare = path.join(folder, 'bare');
    const run = await runChild(cli, [
      ...['restore', 'bootstrap-db', '--target-db-dir', target],
      ...['--local-fs-dir', archive.directory, '--trust-waypoint', archive.waypoint, ...args],
    ]);
    const { result } = await runJson(bareRows, [target, bare]);
    samples.push({
      ms: run.ms,
      cpuMs: run.userMs + run.systemMs,
      peakMiB: run.peakMiB,
      bareMs: result.ms,
      ...result,
      runMs: run.ms,
    });
    rmSync(target, { recursive: true });
    rmSync(bare, { recursive: true });
  }
  const { runMs, cpuMs, peakMiB, bareMs, rows, bytes } = medians(samples, Object.keys(samples[0]));
  return {
    case: `${transactions.toLocaleString('en-US')}, ${name}`,
    unit: 'transactions',
    ms: runMs,
    perSecond: perSecond(transactions, runMs),
    peakMiB,
    bound: 'its rows into bare RocksDB',
    boundPerSecond: perSecond(transactions, bareMs),
    ratio: median(samples.map((sample) => sample.bareMs / sample.runMs)),
    seconds: runMs / 1000,
    'cpu s': cpuMs / 1000,
    'rows/s': perSecond(rows, runMs),
    'MiB of rows': bytes / 2 ** 20,
  };
}
