// `backup verify` of an archive with 100,000 metadata files and nothing to prove behind them: cold (the cache
// folder is new), and warm. The bound is reading the files' bytes, one after the other. Also how long a command
// takes that only prints its help.
//   node bench/startup.mjs [--quick] [--scale N] [--turns N] [--folder DIR] [--json FILE]
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { benchmark, benchmarkFlags } from './lib/benchmark.mjs';
import { cli, load, runChild, runJson } from './lib/child.mjs';
import { medians, perSecond } from './lib/numbers.mjs';

const FILES = 100_000;
/** Versions of one transaction backup. */
const BATCH = 10_000;
/** Entries that lead nowhere must not be followed: no version is asked for. */
const VERIFY = ['backup', 'verify', '--start-version', 'max', '--skip-epoch-endings', '--json'];

if (process.argv[2] === 'read') {
  const startedAt = performance.now();
  const folder = process.argv[3];
  let bytes = 0;
  for (const name of readdirSync(folder)) bytes += readFileSync(path.join(folder, name)).length;
  console.log(JSON.stringify({ ms: performance.now() - startedAt, bytes }));
} else await measureAll();

async function measureAll() {
  const flags = benchmarkFlags();
  await benchmark('startup', flags, async (folder) => {
    const rows = [await help(flags.turns)];
    for (const files of flags.sizes(FILES)) {
      const archive = path.join(folder, `archive-${files}`);
      await writeMetadata(archive, files);
      rows.push(...(await startUps(archive, path.join(folder, `cache-${files}`), files, flags.turns)));
      rmSync(archive, { recursive: true });
    }
    return rows;
  });
}

/** Transaction backups that follow on one another; what they name is not there. */
async function writeMetadata(archive, files) {
  const { metadataFileName, transactionBackupName, backupFolderName } = await load('archive/names.js');
  const { serializeMetadataEntry } = await load('archive/metadata-entry.js');
  const folder = path.join(archive, 'metadata');
  mkdirSync(folder, { recursive: true });
  for (let index = 0; index < files; index++) {
    const firstVersion = BigInt(index * BATCH);
    const lastVersion = firstVersion + BigInt(BATCH - 1);
    const manifest = `${backupFolderName(transactionBackupName(firstVersion), index & 0xffff)}/transaction.manifest`;
    const name = { kind: 'transaction', compacted: false, first: firstVersion, last: lastVersion };
    const entry = { kind: 'TransactionBackup', firstVersion, lastVersion, manifest };
    writeFileSync(path.join(folder, metadataFileName(name)), `${serializeMetadataEntry(entry)}\n`);
  }
}

async function help(turns) {
  const samples = [];
  for (let turn = 0; turn < turns; turn++) {
    const run = await runChild(cli, ['--help']);
    const bare = await runChild('-e', ['0']);
    samples.push({ ...numbers(run), boundMs: bare.ms });
  }
  return { case: '--help', ...row(samples, 1, 'starts'), bound: 'a bare node process' };
}

async function startUps(archive, cacheDir, files, turns) {
  const cold = [];
  const warm = [];
  for (let turn = 0; turn < turns; turn++) {
    // Making the cache syncs every copy; once shows what that costs.
    if (turn === 0) {
      rmSync(cacheDir, { recursive: true, force: true });
      cold.push(await start(archive, cacheDir, files));
    }
    warm.push(await start(archive, cacheDir, files));
  }
  const bound = 'reading the files';
  return [
    { case: `${files.toLocaleString('en-US')} files, cold`, ...row(cold, files, 'files'), bound },
    { case: `${files.toLocaleString('en-US')} files, warm`, ...row(warm, files, 'files'), bound },
  ];
}

async function start(archive, cacheDir, files) {
  const run = await runChild(cli, [...VERIFY, '--local-fs-dir', archive, '--metadata-cache-dir', cacheDir]);
  const report = JSON.parse(run.stdout);
  if (report.checked.metadataFiles !== files) throw new Error('not all files were read');
  const bare = await runJson(import.meta.filename, ['read', path.join(archive, 'metadata')]);
  return { ...numbers(run), boundMs: bare.result.ms };
}

function numbers({ ms, userMs, systemMs, peakMiB }) {
  return { ms, cpuMs: userMs + systemMs, peakMiB };
}

function row(samples, amount, unit) {
  const { ms, cpuMs, peakMiB, boundMs } = medians(samples, Object.keys(samples[0]));
  return {
    amount,
    unit,
    perSecond: perSecond(amount, ms),
    peakMiB,
    boundPerSecond: perSecond(amount, boundMs),
    ms,
    'cpu s': cpuMs / 1000,
  };
}
