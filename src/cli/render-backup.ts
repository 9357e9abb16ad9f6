import { stringify } from 'lossless-json';
import type { BackupReport } from '../backup/backup-report.js';
import { type BackupEntry, describeEntry } from '../backup/committed-backups.js';

/** One line of JSON; the fields only grow. */
export function backupReportJson(report: BackupReport): string {
  const entries = report.entries.map(({ extras: _, ...entry }: BackupEntry) => entry);
  return stringify({ ...report, entries }) ?? '';
}

/** What a backup did, for people. */
export function backupReportLines(report: BackupReport): string[] {
  const what = report.entries.map(describeEntry).join(', ');
  const where = report.metadata.join(', ');
  if (report.outcome === 'already-there') return [`already there: ${what} (${where}); nothing to do`];
  const { chunks, bytes, kept, trustRoot, elapsedMs } = report;
  const seconds = (elapsedMs / 1000).toFixed(1);
  return [
    `committed: ${what} (${where})`,
    `  ${chunks} chunks, ${bytes.toLocaleString('en')} bytes, ${seconds} s`,
    ...(kept.chunks === 0
      ? []
      : [`  kept of an interrupted backup: ${kept.chunks} chunks, ${kept.bytes.toLocaleString('en')} bytes`]),
    `  proven from ${trustRoot.words}`,
  ];
}
