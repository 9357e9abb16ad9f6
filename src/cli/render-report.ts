import { stringify } from 'lossless-json';
import type { Finding } from '../verify/finding.js';
import type { ProvenRange, VerifyReport } from '../verify/report.js';

function rangeText({ first, last }: ProvenRange): string {
  return first === last ? `${first}` : `${first} to ${last}`;
}

function rangesText(ranges: readonly ProvenRange[]): string {
  return ranges.length === 0 ? 'none' : ranges.map(rangeText).join(', ');
}

/** One finding as lines: what, where, what was expected, what to do. */
export function findingLines(finding: Finding, allowed: boolean): string[] {
  const lines = [`${allowed ? 'allowed ' : ''}${finding.code}: ${finding.message}`];
  const place: string[] = [];
  if (finding.file !== undefined) place.push(finding.file);
  if (finding.record !== undefined) place.push(`record ${finding.record}`);
  if (finding.offset !== undefined) place.push(`byte ${finding.offset}`);
  if (place.length > 0) lines.push(`  in ${place.join(', ')}`);
  if (finding.otherFiles?.length) lines.push(`  against ${finding.otherFiles.join(', ')}`);
  if (finding.expected !== undefined) lines.push(`  expected ${finding.expected}`);
  if (finding.actual !== undefined) lines.push(`  actual   ${finding.actual}`);
  if (finding.hint !== undefined) lines.push(`  ${finding.hint}`);
  return lines;
}

/** What was proven, from which root, and what not. */
export function summaryLines(report: VerifyReport): string[] {
  const { proven, checked } = report;
  const faults = report.findings.filter((finding) => !finding.allowed).length + report.suppressedFindings;
  const lines = [
    `archive: ${report.archive}`,
    `trust root: ${report.trustRootInWords}`,
    `epoch endings proven: ${rangesText(proven.epochEndings)}`,
    `transactions proven: ${rangesText(proven.transactions)}`,
  ];
  for (const { version, epoch, items } of proven.stateSnapshots) {
    lines.push(`state snapshot proven: version ${version}, epoch ${epoch}, ${items} items`);
  }
  if (proven.stateSnapshots.length === 0) lines.push('state snapshots proven: none');
  lines.push(
    `last version proven: ${proven.lastVersion ?? 'none'}, last epoch ending proven: ${proven.lastEpoch ?? 'none'}`,
    `read: ${checked.metadataFiles} metadata files, ${checked.manifests} manifests, ${checked.files} data and ` +
      `proof files, ${checked.bytes} bytes; ${checked.unattestedFiles} files unattested`,
  );
  for (const what of report.notDone) lines.push(`not done: ${what}`);
  if (report.suppressedFindings > 0) {
    lines.push(`${report.suppressedFindings} further findings in the same files are counted, not listed`);
  }
  const verdicts = {
    proven: 'PROVEN',
    findings: `NOT PROVEN: ${faults} finding${faults === 1 ? '' : 's'}`,
    stopped: 'STOPPED at the first finding',
  };
  lines.push(verdicts[report.outcome]);
  return lines;
}

/** The report as JSON text with exact integers. */
export function reportJson(report: VerifyReport): string {
  return stringify(report, undefined, 2) ?? '';
}
