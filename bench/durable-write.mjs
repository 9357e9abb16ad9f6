// The price of durability: files written by the durable writer against the same files written as the
// reference does, without any sync, and against a plain write and sync of each: in turns within one run.
//   node bench/durable-write.mjs [--quick] [--scale N] [--turns N] [--folder DIR] [--json FILE]
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { benchmark, benchmarkFlags } from './lib/benchmark.mjs';
import { load } from './lib/child.mjs';
import { median, perSecond, timed } from './lib/numbers.mjs';

const flags = benchmarkFlags();
const { DurableWriter } = await load('durable-fs/durable-writer.js');
const { createRoot } = await load('durable-fs/node-file-system.js');

const PIECE_BYTES = 1024 * 1024;
const KIB = 1024;
const MIB = 1024 * KIB;
const FILES = 300;
const LARGE_BYTES = 128 * MIB;
const data = randomBytes(LARGE_BYTES);

await benchmark('durable-write', flags, async (base) => {
  const rows = [];
  for (const files of flags.sizes(FILES)) {
    const small = { base, bytes: 4 * KIB, files };
    rows.push(await measure({ ...small, name: `${files} x 4 KiB, each reported`, write: eachCommitted }));
    rows.push(await measure({ ...small, name: `${files} x 4 KiB, of one backup`, write: oneBarrier }));
  }
  for (const size of flags.sizes(LARGE_BYTES)) {
    const bytes = Math.min(size, LARGE_BYTES);
    const name = `${Math.round(bytes / MIB)} MiB`;
    rows.push(await measure({ base, bytes, files: 1, name, write: eachCommitted }));
  }
  return rows;
});

async function measure({ base, name, bytes, files, write }) {
  const content = data.subarray(0, bytes);
  const turns = [];
  for (let turn = 0; turn < flags.turns; turn++) {
    const naiveMs = await timedTurn(base, naively, content, files);
    const durableMs = await timedTurn(base, write, content, files);
    const syncedMs = await timedTurn(base, plainlySynced, content, files);
    turns.push({ naiveMs, durableMs, syncedMs });
  }
  const of = (pick) => median(turns.map(pick));
  const durableMs = of((turn) => turn.durableMs);
  const syncedMs = of((turn) => turn.syncedMs);
  const isSmall = files > 1;
  const amount = isSmall ? files : bytes / MIB;
  return {
    case: name,
    amount,
    unit: isSmall ? 'files' : 'MiB',
    perSecond: perSecond(amount, durableMs),
    bound: 'write and sync each, in place',
    boundPerSecond: perSecond(amount, syncedMs),
    ratio: of((turn) => turn.syncedMs / turn.durableMs),
    'ms a file': durableMs / files,
    'ms a file, no sync at all': of((turn) => turn.naiveMs) / files,
  };
}

/** Milliseconds; each turn in a folder of its own, whose rests are gone from the disk before the next. */
async function timedTurn(base, write, content, files) {
  const folder = mkdtempSync(path.join(base, 'turn-'));
  const elapsedMs = await timed(() => write(folder, content, files));
  rmSync(folder, { recursive: true });
  await settle(base);
  return elapsedMs;
}

/** What the naive writer left for later must not be paid by the durable one. */
async function settle(base) {
  const file = await open(path.join(base, 'settle'), 'w');
  await file.write('x');
  await file.sync();
  await file.close();
}

/** As the reference does: final name at once, no sync. */
async function naively(folder, content, files) {
  await writeEach(folder, content, files, false);
}

async function plainlySynced(folder, content, files) {
  await writeEach(folder, content, files, true);
}

async function writeEach(folder, content, files, synced) {
  await mkdir(path.join(folder, 'backup'));
  for (let index = 0; index < files; index++) {
    const file = await open(path.join(folder, 'backup', `${index}-.chunk`), 'wx');
    for (const piece of pieces(content)) await file.write(piece);
    if (synced) await file.sync();
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
