// The hashing kernel by itself, on one thread, against node:crypto in the same run. Run after a build:
//   node bench/kernel.mjs [--json FILE]
// Each figure is the median of 5 samples; the samples of all rows take turns, so that a busy moment of
// the machine hits them alike, and a ratio is the median of the ratios within a turn.
import { hash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from '../scripts/setup.mjs';

const { values: flags } = parseArgs({ options: { json: { type: 'string' } } });
const compiled = path.resolve(root, process.env.HOLDFAST_DIST ?? 'dist');
const load = (file) => import(pathToFileURL(path.join(compiled, 'hashing', file)).href);
const { createKernelSha3 } = await load('kernel-sha3.js');
const { bestKernelKind } = await load('kernel-instance.js');
const { nodeSha3 } = await load('node-sha3.js');

const SAMPLES = 5;
const SAMPLE_MS = 150;
const HASH_SIZE = 32;
const COUNT = 20_000;

const seed = randomBytes(HASH_SIZE);
const pairs = randomBytes(COUNT * 2 * HASH_SIZE);
const digests = new Uint8Array(COUNT * HASH_SIZE);

/** COUNT messages of `size` bytes, one after the other. */
function messages(size) {
  const starts = Uint32Array.from({ length: COUNT }, (_, index) => index * size);
  return { base: randomBytes(COUNT * size), starts, ends: starts.map((start) => start + size), count: COUNT };
}

/** One `crypto.hash` a message, seed included, into a buffer: what the ratios refer to. */
function plainHashes(size) {
  const inputs = Array.from({ length: 64 }, () => randomBytes(HASH_SIZE + size));
  return () => {
    for (let index = 0; index < COUNT; index++) hash('sha3-256', inputs[index & 63], 'buffer');
  };
}

const kinds = bestKernelKind() === 'simd' ? ['simd', 'scalar'] : ['scalar'];
const engines = [...kinds.map((kind) => createKernelSha3(kind)), nodeSha3];
const groups = [
  {
    title: 'tree node (96 B with its seed)',
    rows: [
      { name: "crypto.hash(..., 'buffer')", run: plainHashes(2 * HASH_SIZE) },
      ...engines.map((engine) => ({
        name: engine.name,
        run: () => engine.nodes(seed, pairs, 0, COUNT, digests, 0),
      })),
    ],
  },
  ...[200, 1000].map((size) => {
    const spans = messages(size);
    return {
      title: `record of ${size} B (and its seed)`,
      rows: [
        { name: "crypto.hash(..., 'buffer')", run: plainHashes(size) },
        ...engines.map((engine) => ({
          name: engine.name,
          run: () => engine.records(seed, spans, digests, 0),
        })),
      ],
    };
  }),
];

/** Nanoseconds a hash. */
function sample(run) {
  const begin = performance.now();
  let rounds = 0;
  while (performance.now() - begin < SAMPLE_MS) {
    run();
    rounds++;
  }
  return ((performance.now() - begin) * 1e6) / (rounds * COUNT);
}

function median(values) {
  return values.toSorted((left, right) => left - right)[values.length >> 1];
}

const results = [];
console.log(`Node ${process.version}, ${cpus()[0]?.model}, ${availableParallelism()} cores, one thread used`);
console.log('');
console.log('| hash | by | ns | million/s | times crypto.hash |');
console.log('| --- | --- | --- | --- | --- |');
for (const { title, rows } of groups) {
  for (const { run } of rows) sample(run);
  const turns = Array.from({ length: SAMPLES }, () => rows.map(({ run }) => sample(run)));
  rows.forEach(({ name }, row) => {
    const ns = median(turns.map((turn) => turn[row]));
    const ratio = median(turns.map((turn) => turn[0] / turn[row]));
    console.log(
      `| ${title} | ${name} | ${ns.toFixed(0)} | ${(1000 / ns).toFixed(2)} | ${ratio.toFixed(2)} |`,
    );
  });
}
if (flags.json) writeFileSync(flags.json, `${JSON.stringify(results, null, 2)}\n`);
