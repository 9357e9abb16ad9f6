// The hashing kernel by itself, on one thread, against node:crypto in the same run. Run after a build:
//   node bench/kernel.mjs [--quick] [--turns N] [--json FILE]
// Each figure is the median of 5 samples; the samples of all rows take turns, so that a busy moment of
// the machine hits them alike, and a ratio is the median of the ratios within a turn.
import { hash, randomBytes } from 'node:crypto';
import { benchmark, benchmarkFlags } from './lib/benchmark.mjs';
import { load } from './lib/child.mjs';
import { median } from './lib/numbers.mjs';

const flags = benchmarkFlags();
const { createKernelSha3 } = await load('hashing/kernel-sha3.js');
const { bestKernelKind } = await load('hashing/kernel-instance.js');
const { nodeSha3 } = await load('hashing/node-sha3.js');

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

await benchmark('kernel', flags, () => groups.flatMap(measure));

function measure({ title, rows }) {
  for (const { run } of rows) sample(run);
  const turns = Array.from({ length: flags.turns }, () => rows.map(({ run }) => sample(run)));
  const [plain, ...engineRows] = rows;
  const plainNs = median(turns.map(([ns]) => ns));
  return engineRows.map(({ name }, index) => {
    const ns = median(turns.map((turn) => turn[index + 1]));
    return {
      case: `${title}, ${name}`,
      amount: COUNT,
      unit: 'hashes',
      perSecond: 1e9 / ns,
      bound: plain.name,
      boundPerSecond: 1e9 / plainNs,
      ratio: median(turns.map((turn) => turn[0] / turn[index + 1])),
      ns,
    };
  });
}
