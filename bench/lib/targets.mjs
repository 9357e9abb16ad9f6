// What must be true of the figures, and whether it is.
import { markdownTable, round } from './numbers.mjs';

/** Where crypto.hash takes so long for 96 bytes, the speeds below are demanded as they stand. */
const SCALE_NS = 1000;
const STATE_A_SECOND = 340_000;
const TRANSACTIONS_A_SECOND = 180_000;
const PEAK_MIB = 600;
const GROWTH_MAX = 1.1;
const START_MS = 3000;

/** Rows of what is demanded, what was measured, and the verdict; only of benchmarks that were run. */
export function targetRows(results) {
  const by = new Map(results.map((result) => [result.benchmark, result]));
  return [
    ...kernelTargets(by.get('kernel')),
    ...stateTargets(by.get('verify-state')),
    ...transactionTargets(by.get('verify-transactions')),
    ...['verify-state', 'verify-transactions', 'backup', 'restore'].flatMap((name) => memory(by.get(name))),
    ...startTargets(by.get('startup')),
  ];
}

export function targetTable(rows) {
  const cells = rows.map(({ what, target, measured, reached }) => [
    what,
    target,
    measured,
    reached ? 'reached' : '**not reached**',
  ]);
  return markdownTable([['figure', 'at least', 'measured', 'verdict'], ...cells]);
}

function kernelTargets(result) {
  const row = result?.rows.find(
    (one) => one.case.startsWith('tree node') && one.case.endsWith('kernel-simd'),
  );
  return row ? [atLeast('node hash (96 B), one thread, times crypto.hash', 5, row.ratio)] : [];
}

function stateTargets(result) {
  if (!result) return [];
  const [one, most] = ends(largest(result.rows));
  return [
    atLeast(`verify ${one.case}: of the kernel alone`, 0.7, one.ratio),
    atLeast(`verify ${most.case}: of the kernel alone`, 0.7, most.ratio),
    atLeast('the same, two threads against one', 1.6, most.perSecond / one.perSecond),
    atLeast(
      `whole backup verify, ${most.case}, items/s (scaled)`,
      scaled(STATE_A_SECOND, result),
      most['whole per second'],
    ),
  ];
}

function transactionTargets(result) {
  if (!result) return [];
  const of = (profile) => ends(largest(result.rows.filter((row) => row.case.startsWith(profile))));
  const [, everything] = of('everything');
  const [, transfers] = of('transfers');
  return [
    atLeast(`verify ${everything.case}: of the kernel alone`, 0.6, everything.ratio),
    atLeast(
      `whole backup verify, ${transfers.case} of ${Math.round(transfers['bytes a record'])} B, a second (scaled)`,
      scaled(TRANSACTIONS_A_SECOND, result),
      transfers['whole per second'],
    ),
  ];
}

/** The most that was resident, and how it grew with ten times the size. */
function memory(result) {
  const rows = result?.rows.filter(({ peakMiB }) => peakMiB !== undefined) ?? [];
  if (rows.length === 0) return [];
  const peak = Math.max(...rows.map(({ peakMiB }) => peakMiB));
  const most = (some) => Math.max(...some.map(({ peakMiB }) => peakMiB));
  const growth = most(largest(rows)) / most(smallest(rows));
  return [
    atMost(`peak memory of ${result.benchmark}, MiB`, PEAK_MIB, peak),
    atMost(`the same, at ten times the size`, GROWTH_MAX, growth),
  ];
}

function startTargets(result) {
  const row = result && largest(result.rows).find((one) => one.case.endsWith('warm'));
  return row ? [atMost(`backup verify start-up, ${row.case}, ms`, START_MS, row.ms)] : [];
}

function scaled(perSecond, { machine }) {
  return (perSecond * SCALE_NS) / machine.cryptoHashNs;
}

function largest(rows) {
  const amount = Math.max(...rows.map((row) => row.amount));
  return rows.filter((row) => row.amount === amount);
}

function smallest(rows) {
  const amount = Math.min(...rows.map((row) => row.amount));
  return rows.filter((row) => row.amount === amount);
}

/** With the fewest threads and with the most. */
function ends(rows) {
  const sorted = rows.toSorted((left, right) => left.threads - right.threads);
  return [sorted[0], sorted.at(-1)];
}

function atLeast(what, target, measured) {
  return { what, target: figure(target), measured: figure(measured), reached: measured >= target };
}

function atMost(what, target, measured) {
  return {
    what,
    target: `at most ${figure(target)}`,
    measured: figure(measured),
    reached: measured <= target,
  };
}

function figure(number) {
  return number >= 1000 ? Math.round(number).toLocaleString('en-US') : String(round(number));
}
