// The campaign behind `scripts/powercut`, which prepares the ground and cleans up.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from './setup.mjs';
import { fileSystems, Volume } from './powercut-volume.mjs';

const USAGE = `scripts/powercut [options]
  --cuts N              cuts for each writer and file system (default 30). Controls get a fifth of them; with
                        less than 100 they end when they are caught
  --file-system NAME    ext4 or xfs (repeatable; default both)
  --workload MODULE     module that exports "workloads" (default: whole backups of an archive)
  --only NAME           only this workload of the module (repeatable)
  --seed N              of delays and content (default 1)
  --delay-ms MIN-MAX    from the writer's start to the cut (default: a random part of the time that a whole
                        run of the workload takes, which is measured first, uncut, on each file system)
  --cuts-per-volume N   after so many cuts a proof of everything and a new file system (default 10)
  --json FILE           write the table there too`;

const { values: flags } = parseArgs({
  options: {
    'work-folder': { type: 'string' },
    cuts: { type: 'string', default: '30' },
    'file-system': { type: 'string', multiple: true, default: fileSystems },
    workload: { type: 'string' },
    only: { type: 'string', multiple: true },
    seed: { type: 'string', default: '1' },
    'delay-ms': { type: 'string' },
    'cuts-per-volume': { type: 'string', default: '10' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(USAGE);
  process.exit(0);
}

const compiled = path.resolve(root, process.env.HOLDFAST_DIST ?? 'dist');
const support = path.join(compiled, 'test-support');
if (!existsSync(support)) throw new Error(`${support} is missing: run npm run build first`);
const { seededRandom } = await import(pathToFileURL(path.join(support, 'seeded-random.js')).href);
const { isDamaged } = await import(pathToFileURL(path.join(support, 'power-loss', 'workload.js')).href);
const { StartedWriter } = await import(
  pathToFileURL(path.join(support, 'power-loss', 'started-writer.js')).href
);
const module = path.resolve(flags.workload ?? path.join(support, 'power-loss', 'archive-workload.js'));

const workFolder = flags['work-folder'];
const seed = Number(flags.seed);
const cuts = Number(flags.cuts);
const cutsPerVolume = Number(flags['cuts-per-volume']);
/** Other programs sync their files too, and that makes a journal commit names of others. */
const NEIGHBOUR_MS = 45;

/** In shorter runs controls end when they are caught. */
const CUTS_OF_A_LONG_RUN = 100;
const SHORT_CONTROL_CUTS_MAX = 20;
const EXAMPLES_MAX = 10;
const EXAMPLES_OF_A_CUT = 2;

const { workloads: all } = await import(pathToFileURL(module).href);
const isShort = cuts < CUTS_OF_A_LONG_RUN;
const workloads = all.filter(({ name, isSeldomSeen }) => {
  return flags.only?.includes(name) ?? !(isShort && isSeldomSeen);
});
const inputFolder = path.join(workFolder, 'input');
mkdirSync(inputFolder);
for (const workload of workloads) await workload.prepare(inputFolder, seed);

const perFileSystem = flags['file-system'].map(async (fileSystem) => {
  const volume = new Volume(workFolder, fileSystem);
  const rows = [];
  for (const workload of workloads) rows.push(await campaign(volume, fileSystem, workload));
  volume.remove();
  return rows;
});
const rows = (await Promise.all(perFileSystem)).flat();
console.table(rows.map(({ examples: _, ...figures }) => figures));
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(rows, undefined, 2)}\n`);
const wrong = rows.filter(({ verdict }) => verdict !== 'as it must be');
for (const row of wrong) {
  console.log(
    `${row.fileSystem}, ${row.workload}: ${row.verdict}`,
    ...row.examples.map((text) => `\n  ${text}`),
  );
}
process.exitCode = wrong.length === 0 ? 0 : 1;

/** All cuts of one workload on one file system. */
async function campaign(volume, fileSystem, workload) {
  const random = seededRandom(seed);
  const planned = workload.kind === 'writer' ? cuts : isShort ? SHORT_CONTROL_CUTS_MAX : Math.ceil(cuts / 5);
  const startedAt = Date.now();
  const [delayMin, delayMax] = flags['delay-ms']?.split('-').map(Number) ?? [
    0,
    await measureRun(volume, fileSystem, workload),
  ];
  const figures = {
    runMs: delayMax,
    before: 0,
    in: 0,
    after: 0,
    acknowledged: 0,
    cutsWithLoss: 0,
    lost: 0,
    cutsWithTornNames: 0,
    torn: 0,
    proofs: 0,
  };
  const examples = [];
  const note = (texts) => {
    const known = texts.map((text) => `cut ${cut}: ${text}`);
    examples.push(...known.slice(0, EXAMPLES_MAX - examples.length));
    // What must not be is told at once: the rest of a long campaign may be worth stopping.
    if (workload.kind !== 'writer') return;
    for (const text of known) console.log(`${fileSystem}, ${workload.name}, ${text}`);
  };
  let acknowledged = [];
  let cutsOnVolume = 0;
  let cut = 0;
  for (; cut < planned; cut++) {
    if (workload.kind === 'control' && isShort && examples.length > 0) break;
    if (cutsOnVolume === 0) volume.format();
    const place = { folder: volume.folder, inputFolder, seed: seed * 100_000 + cut };
    const delayMs = delayMin + random(delayMax - delayMin);
    const { added, progress } = await writeAndCut(volume, fileSystem, workload, place, delayMs);
    figures[progress]++;
    await volume.unmount();
    volume.mount();
    acknowledged.push(...added);
    figures.acknowledged += added.length;
    cutsOnVolume++;
    const inspection = await workload.inspect(place, acknowledged);
    const { lost, torn, incomplete, foreign } = inspection;
    const broken = [...torn, ...incomplete, ...foreign];
    if (lost.length > 0) figures.cutsWithLoss++;
    if (broken.length > 0) figures.cutsWithTornNames++;
    figures.lost += lost.length;
    figures.torn += broken.length;
    for (const [name, count] of Object.entries(inspection.counts ?? {})) {
      figures[name] = (figures[name] ?? 0) + count;
    }
    note([
      ...lost.slice(0, EXAMPLES_OF_A_CUT).map((label) => `acknowledged and gone: ${label}`),
      ...broken.slice(0, EXAMPLES_OF_A_CUT),
    ]);
    let faults = [];
    const endOfVolume = isDamaged(inspection) || cutsOnVolume === cutsPerVolume || cut + 1 === planned;
    if (!endOfVolume) continue;
    if (!isDamaged(inspection) && workload.kind === 'writer' && workload.recover) {
      faults = await workload.recover(place);
      figures.proofs++;
      figures.torn += faults.length;
      note(faults.map((fault) => `proof: ${fault}`));
    }
    await volume.unmount();
    cutsOnVolume = 0;
    acknowledged = [];
  }
  const isClean = figures.lost + figures.torn === 0;
  const isExpected = isClean === (workload.kind === 'writer') || workload.isSeldomSeen === true;
  const verdict = isExpected ? 'as it must be' : 'NOT AS IT MUST BE';
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  console.log(`${fileSystem}, ${workload.name}: ${cut} cuts in ${seconds} s, ${verdict}`);
  return { fileSystem, workload: workload.name, cuts: cut, ...figures, seconds, verdict, examples };
}

/** How long a whole run takes that nobody cuts, in ms from the announced start, on a volume of its own. */
async function measureRun(volume, fileSystem, workload) {
  volume.format();
  const place = { folder: volume.folder, inputFolder, seed: seed * 100_000 };
  const runMs = await withWriter(fileSystem, workload, place, async (writer) => {
    await writer.started;
    const startedAt = performance.now();
    await writer.finished;
    return Math.ceil(performance.now() - startedAt);
  });
  await volume.unmount();
  return runMs;
}

/** One run of the writer up to the cut; resolves to what it acknowledged and how far it was at the cut. */
async function writeAndCut(volume, fileSystem, workload, place, delayMs) {
  return await withWriter(fileSystem, workload, place, async (writer) => {
    await writer.started;
    await pause(delayMs);
    if (writer.failure !== undefined) throw new Error(`the writer failed by itself: ${writer.failure}`);
    volume.cut();
    // Whatever it said before the cut is in the pipe, and counts.
    const added = await writer.kill();
    return { added, progress: writer.progress };
  });
}

/** Starts a writer, and kills it when `use` is done with it. */
async function withWriter(fileSystem, workload, place, use) {
  const writer = new StartedWriter({
    ...place,
    module,
    workload: workload.name,
    neighbourMs: NEIGHBOUR_MS,
  });
  // For the shell that started this: should the campaign be killed, it ends the writer by its id.
  const pidFile = path.join(workFolder, `writer-${fileSystem}.pid`);
  writeFileSync(pidFile, `${writer.pid}`);
  try {
    return await use(writer);
  } finally {
    await writer.kill();
    rmSync(pidFile);
  }
}
