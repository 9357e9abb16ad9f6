// How much of its bound each case reached when the baseline was written: ratios, since absolute figures are of
// one machine.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../scripts/setup.mjs';
import { round } from './numbers.mjs';

const FILE = path.join(root, 'bench', 'baseline.json');
/** Less than this part of the baseline is told. */
const KEPT_AT_LEAST = 0.8;

function ratiosOf(results) {
  return Object.fromEntries(
    results.map(({ benchmark, rows }) => [
      benchmark,
      Object.fromEntries(
        rows.filter(({ ratio }) => ratio !== undefined).map((row) => [row.case, round(row.ratio)]),
      ),
    ]),
  );
}

/** Replaces the baseline of the benchmarks that were run. */
export function writeBaseline(results) {
  const old = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {};
  writeFileSync(FILE, `${JSON.stringify({ ...old, ...ratiosOf(results) }, undefined, 2)}\n`);
}

/** A line for each case that lost more than a fifth; cases that the baseline does not know are passed over. */
export function losses(results) {
  if (!existsSync(FILE)) return ['there is no baseline yet: run with --update-baseline'];
  const baseline = JSON.parse(readFileSync(FILE, 'utf8'));
  return Object.entries(ratiosOf(results)).flatMap(([benchmark, ratios]) =>
    Object.entries(ratios).flatMap(([name, ratio]) => {
      const before = baseline[benchmark]?.[name];
      if (before === undefined || ratio >= before * KEPT_AT_LEAST) return [];
      const lost = Math.round((1 - ratio / before) * 100);
      return [
        `${benchmark}, ${name}: ${round(ratio)} of the bound, ${round(before)} in the baseline (-${lost} %)`,
      ];
    }),
  );
}
