// Runs all benchmarks, one after the other, and writes their tables, what must be true and what was lost since
// the baseline: to stdout and below .build/bench/results, which git ignores. A loss is told, never a failure.
//   node bench/run-all.mjs [--only NAME,...] [--update-baseline] [--update-docs] [--quick] [--scale N] [--turns N] [--folder DIR]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../scripts/setup.mjs';
import { losses, writeBaseline } from './lib/baseline.mjs';
import { describe } from './lib/benchmark.mjs';
import { writeTables } from './lib/performance-page.mjs';
import { targetRows, targetTable } from './lib/targets.mjs';

const ALL = [
  'kernel',
  'verify-state',
  'verify-transactions',
  'backup',
  'restore',
  'startup',
  'ledger-database',
  'durable-write',
  'backup-service',
];
const RESULTS = path.join(root, '.build', 'bench', 'results');
/** The newest result of each benchmark at its full size: what `--update-docs` writes. */
const NEWEST = path.join(RESULTS, 'newest');
const PASSED_ON = ['scale', 'turns', 'folder'];

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    'update-baseline': { type: 'boolean', default: false },
    'update-docs': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    scale: { type: 'string' },
    turns: { type: 'string' },
    folder: { type: 'string' },
  },
});
const names = flags.only?.split(',') ?? ALL;
const passed = [
  ...(flags.quick ? ['--quick'] : []),
  ...PASSED_ON.flatMap((name) => (flags[name] === undefined ? [] : [`--${name}`, flags[name]])),
];

mkdirSync(NEWEST, { recursive: true });
const results = [];
const failed = [];
for (const name of names) {
  const result = runOne(name);
  if (result) results.push(result);
  else failed.push(name);
}
const lost = losses(results);
const report = [
  ...results.map(describe),
  '### What must be true',
  '',
  targetTable(targetRows(results)),
  '',
  '### Against the baseline',
  '',
  ...(lost.length > 0 ? lost.map((line) => `- ${line}`) : ['No case lost more than 20 %.']),
  ...(failed.length > 0 ? ['', `Not measured, since they failed: ${failed.join(', ')}.`] : []),
  '',
].join('\n');
console.log(report);
const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
writeFileSync(path.join(RESULTS, `${stamp}.md`), report);
writeFileSync(path.join(RESULTS, `${stamp}.json`), `${JSON.stringify(results, undefined, 2)}\n`);
process.stderr.write(`written to ${path.join(RESULTS, stamp)}.md and .json\n`);
if (flags['update-baseline']) writeBaseline(results);
if (flags['update-docs']) writeTables(ALL.flatMap(newest));
if (failed.length > 0) process.exitCode = 1;

/** The result, or undefined; what went wrong has been printed. */
function runOne(name) {
  const script = path.join(root, 'bench', `${name}.mjs`);
  const json = path.join(RESULTS, `.${name}.json`);
  rmSync(json, { force: true });
  process.stderr.write(`${name} ...\n`);
  const run = spawnSync(process.execPath, [script, ...passed, '--json', json], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (run.status !== 0 || !existsSync(json)) return undefined;
  const result = JSON.parse(readFileSync(json, 'utf8'));
  rmSync(json);
  if (result.scale === 1) writeFileSync(newestFile(name), JSON.stringify(result));
  return result;
}

function newest(name) {
  const file = newestFile(name);
  return existsSync(file) ? [JSON.parse(readFileSync(file, 'utf8'))] : [];
}

function newestFile(name) {
  return path.join(NEWEST, `${name}.json`);
}
