import { stringify } from 'lossless-json';
import type { ReplayReport } from '../replay/replay-report.js';
import { findingLines } from './render-report.js';

/** A replay's report for people. */
export function replayLines(report: ReplayReport): string[] {
  const { replayed, checkpoints, bases, mismatches, mismatchCount, transactions, writes } = report;
  const lines = report.findings.flatMap((finding) => findingLines(finding, false));
  for (const { version, expected, actual } of mismatches) {
    lines.push(
      `STATE_MISMATCH: the state at version ${version} has another root`,
      `  expected ${expected}`,
      `  actual   ${actual}`,
    );
  }
  lines.push(`archive: ${report.archive}`, `trust root: ${report.trustRootInWords}`);
  for (const { version, items } of bases) {
    lines.push(version === undefined ? 'from: the empty state' : `from: snapshot ${version}, ${items} items`);
  }
  if (report.heldIn.length > 0) lines.push(`state held in: ${report.heldIn.map(inWords).join(', then ')}`);
  lines.push(
    replayed
      ? `replayed: versions ${replayed.first} to ${replayed.last}, ${transactions} transactions, ${writes} writes`
      : 'replayed: nothing',
    `checkpoints compared: ${checkpoints.compared}, equal: ${checkpoints.equal}, skipped: ${checkpoints.skipped}, ` +
      `last: ${checkpoints.last ?? 'none'}`,
  );
  for (const what of report.notDone) lines.push(`not done: ${what}`);
  if (mismatchCount > mismatches.length) {
    lines.push(`${mismatchCount - mismatches.length} further mismatches are counted, not listed`);
  }
  const verdicts = {
    equal: 'EQUAL',
    mismatch: `NOT EQUAL: ${mismatchCount} mismatch${mismatchCount === 1 ? '' : 'es'}, first at version ${mismatches[0]?.version}`,
    findings: `NOT REPLAYED TO THE END: ${report.findings.length} finding${report.findings.length === 1 ? '' : 's'}`,
  };
  lines.push(verdicts[report.outcome]);
  return lines;
}

function inWords(place: ReplayReport['heldIn'][number]): string {
  return place === 'database' ? 'a scratch database, removed since' : 'memory';
}

/** The report as JSON text with exact integers. */
export function replayJson(report: ReplayReport): string {
  return stringify(report, undefined, 2) ?? '';
}
