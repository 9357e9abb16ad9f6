// The price of durability: files written by the durable writer against the same files written as the
// reference does, in turns within one run. Prints the medians of five turns and their ratio.
//   node bench/durable-write.mjs [--folder DIR] [--json FILE]
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from '../scripts/setup.mjs';

const { values: flags } = parseArgs({
  options: { folder: { type: 'string', default: tmpdir() }, json: { type: 'string' } },
});
const compiled = path.resolve(root, process.env.HOLDFAST_DIST ?? 'dist');
const load = (file) => import(pathToFileURL(path.join(compiled, 'durable-fs', file)).href);
const { DurableWriter } = await load('durable-writer.js');
const { createRoot, NodeFileSystem } = await load('node-file-system.js');
const { durabilityReport } = await load('durability-report.js');

const TURNS = 5;
const PIECE_BYTES = 1024 * 1024;
const KIB = 1024;
const MIB = 1024 * KIB;
const cases = [
  { name: '4 KiB, each reported by itself', bytes: 4 * KIB, files: 100, write: eachCommitted },
  { name: '4 KiB, 100 files of one backup', bytes: 4 * KIB, files: 100, write: oneBarrier },
  { name: '128 MiB', bytes: 128 * MIB, files: 1, write: eachCommitted },
];
const data = randomBytes(128 * MIB);

mkdirSync(flags.folder, { recursive: true });
const base = mkdtempSync(path.join(flags.folder, 'holdfast-bench-'));
const rows = [];
try {
  const { fileSystemType } = await durabilityReport(new NodeFileSystem(base));
  console.log(`on ${fileSystemType}, medians of ${TURNS} turns, ms per file`);
  for (const one of cases) rows.push(await measure(one));
} finally {
  rmSync(base, { recursive: true, force: true });
}
console.table(rows);
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(rows, undefined, 2)}\n`);

async function measure({ name, bytes, files, write }) {
  const content = data.subarray(0, bytes);
  const [naive, durable] = [[], []];
  for (let turn = 0; turn < TURNS; turn++) {
    naive.push(await timed(naively, content, files));
    durable.push(await timed(write, content, files));
  }
  const [naiveMs, durableMs] = [median(naive) / files, median(durable) / files];
  const round = (number) => Number(number.toPrecision(3));
  return { name, naiveMs: round(naiveMs), durableMs: round(durableMs), ratio: round(durableMs / naiveMs) };
}

/** Milliseconds; each turn in a folder of its own, whose rests are gone from the disk before the next. */
async function timed(write, content, files) {
  const folder = mkdtempSync(path.join(base, 'turn-'));
  const startedAt = performance.now();
  await write(folder, content, files);
  const elapsedMs = performance.now() - startedAt;
  rmSync(folder, { recursive: true });
  await settle();
  return elapsedMs;
}

/** What the naive writer left for later must not be paid by the durable one. */
async function settle() {
  const file = await open(path.join(base, 'settle'), 'w');
  await file.write('x');
  await file.sync();
  await file.close();
}

/** As the reference does: final name at once, no sync. */
async function naively(folder, content, files) {
  await mkdir(path.join(folder, 'backup'));
  for (let index = 0; index < files; index++) {
    const file = await open(path.join(folder, 'backup', `${index}-.chunk`), 'wx');
    for (const piece of pieces(content)) await file.write(piece);
    await file.close();
  }
}

async function eachCommitted(folder, content, files) {
  const writer = new DurableWriter({ writerId: 'bench' }, await createRoot(folder));
  for (let index = 0; index < files; index++) {
    const file = await writer.openDurableFile('backup', `${index}-.chunk`);
    for (const piece of pieces(content)) await file.write(piece);
    await file.commit();
  }
}

/** Two files at a time, as a backup writes its chunks; one directory sync for all. */
async function oneBarrier(folder, content, files) {
  const writer = new DurableWriter({ writerId: 'bench' }, await createRoot(folder));
  const writeSome = async (first) => {
    for (let index = first; index < files; index += 2) {
      const file = await writer.openDurableFile('backup', `${index}-.chunk`);
      for (const piece of pieces(content)) await file.write(piece);
      await file.publish();
    }
  };
  await Promise.all([writeSome(0), writeSome(1)]);
  await writer.barrier();
}

function* pieces(content) {
  for (let at = 0; at < content.length; at += PIECE_BYTES) yield content.subarray(at, at + PIECE_BYTES);
}

function median(numbers) {
  return numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)];
}
