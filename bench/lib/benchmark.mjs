// What all benchmarks share: their flags, their results and how they are shown.
//   --quick        one turn at a tenth of the sizes: does it work at all
//   --scale N      sizes times N
//   --turns N      medians of N turns (5)
//   --folder DIR   where what is measured writes to; made and removed again below it
//   --json FILE    the results as JSON as well
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { cryptoHashNs, machineFacts } from './machine.mjs';
import { markdownTable, round } from './numbers.mjs';

const FLAGS = {
  quick: { type: 'boolean', default: false },
  scale: { type: 'string', default: '1' },
  turns: { type: 'string' },
  folder: { type: 'string', default: tmpdir() },
  json: { type: 'string' },
};
const TURNS = 5;
const QUICK = 0.1;

/** Three sizes a decade apart, so that growth shows. */
const GROWTH = [0.1, 0.3, 1];

export function benchmarkFlags(extra = {}) {
  const { values } = parseArgs({ options: { ...FLAGS, ...extra } });
  const scale = Number(values.scale) * (values.quick ? QUICK : 1);
  const turns = Number(values.turns ?? (values.quick ? 1 : TURNS));
  const sizes = (largest) => GROWTH.map((part) => Math.max(10, Math.round(largest * part * scale)));
  return { ...values, scale, turns, sizes };
}

/**
 * Runs a benchmark: `measure` gets a fresh folder and gives rows of
 * `{ case, amount, unit, perSecond, peakMiB?, bound?, boundPerSecond?, ratio?, ...figures }`; `perSecond` and
 * `boundPerSecond` count the unit, `ratio` is how much of the bound was reached.
 */
export async function benchmark(name, flags, measure) {
  mkdirSync(flags.folder, { recursive: true });
  const folder = mkdtempSync(path.join(flags.folder, 'holdfast-bench-'));
  const machine = machineFacts();
  let rows;
  try {
    rows = await measure(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const result = {
    benchmark: name,
    turns: flags.turns,
    scale: flags.scale,
    machine: {
      ...machine,
      // Between before and after, since a machine that others use as well is not always the same.
      cryptoHashNs: (machine.cryptoHashNs + cryptoHashNs()) / 2,
      loadAtEnd: loadavg()[0],
    },
    rows: rows.map(withRatio),
  };
  console.log(describe(result));
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(result, undefined, 2)}\n`);
  return result;
}

function withRatio(row) {
  if (row.ratio !== undefined || row.boundPerSecond === undefined) return row;
  return { ...row, ratio: row.perSecond / row.boundPerSecond };
}

const COMMON = new Set([
  'case',
  'amount',
  'unit',
  'perSecond',
  'peakMiB',
  'bound',
  'boundPerSecond',
  'ratio',
]);

/** One benchmark's results as markdown. */
export function describe({ benchmark, turns, machine, rows }) {
  const figures = [...new Set(rows.flatMap(Object.keys))].filter((name) => !COMMON.has(name));
  const head = [
    'case',
    'per second',
    'unit',
    'peak MiB',
    'bound',
    'bound per second',
    'of the bound',
    ...figures,
  ];
  const cells = rows.map((row) => [
    row.case,
    row.perSecond,
    row.unit,
    row.peakMiB === undefined ? undefined : Math.round(row.peakMiB),
    row.bound,
    row.boundPerSecond,
    row.ratio === undefined ? undefined : `${round(row.ratio * 100)} %`,
    ...figures.map((name) => row[name]),
  ]);
  const { node, cpu, cores, load, loadAtEnd, cryptoHashNs } = machine;
  return [
    `### ${benchmark}`,
    '',
    `Medians of ${turns}; Node ${node}, ${cpu}, ${cores} cores; load ${round(load)} before, ${round(loadAtEnd)} ` +
      `after; crypto.hash of 96 B takes ${round(cryptoHashNs)} ns.`,
    '',
    markdownTable([head, ...cells]),
    '',
  ].join('\n');
}
