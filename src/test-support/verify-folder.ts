import { LocalFsStorage } from '../storage/local-fs.js';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';
import { parseWaypoint } from '../types/waypoint.js';
import type { Finding } from '../verify/finding.js';
import type { VerifyReport } from '../verify/report.js';
import { type VerifyOptions, verifyArchive } from '../verify/verify-archive.js';

/** Verifies an archive in a local folder: all snapshots, everything found, unless told otherwise. */
export async function verifyFolder(
  directory: string,
  waypoint: string | undefined,
  options: Partial<VerifyOptions> = {},
): Promise<VerifyReport> {
  const storage = new LocalFsStorage(directory);
  try {
    return await verifyArchive({
      storage,
      family: LEDGER_FAMILIES.aptos,
      trustedWaypoints: waypoint === undefined ? [] : [parseWaypoint(waypoint)],
      allStateSnapshots: true,
      ...options,
    });
  } finally {
    await storage.close();
  }
}

/** Whether a finding names the file, as the one that is wrong or as one of those that disagree. */
export function names(finding: Finding, file: string): boolean {
  return finding.file === file || (finding.otherFiles?.includes(file) ?? false);
}

/** The codes of all findings, each once, sorted. */
export function codesOf(report: VerifyReport): string[] {
  return [...new Set(report.findings.map(({ code }) => code))].sort();
}
