import assert from 'node:assert/strict';
import type { CrashReport } from './explore-crashes.js';

/** Fails with the first violation, and with the disk on which it was seen. */
export function assertHolds(report: CrashReport): void {
  const first = report.violations[0];
  assert.equal(first, undefined, `${first?.message}\nafter ${first?.after}, on the disk:\n${first?.disk}`);
}

/** What was explored, in a line. */
export function summary(report: CrashReport): string {
  const { model, crashPoints, distinctStates, checks, sampledCrashPoints } = report;
  const extent = sampledCrashPoints === 0 ? 'exhaustive' : `${sampledCrashPoints} crash points sampled`;
  const counts = `${crashPoints} crash points, ${distinctStates} distinct states, ${checks} checks`;
  return `${model}: ${counts}, ${extent}`;
}
