import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { type AdoptReport, adoptArchive } from '../../maintenance/adopt.js';
import { LocalFsWriterStorage } from '../../storage/local-fs-writer.js';
import { LEDGER_FAMILIES } from '../../types/ledger-family.js';
import type { Waypoint } from '../../types/waypoint.js';
import type { FindingCode } from '../../verify/finding.js';
import { stringify } from 'lossless-json';
import { collectFindingCodes, collectWaypoints, parseConcurrency } from '../argument-parsers.js';
import { type Console, printLine } from '../console.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { addLedgerFamilyOption, type LedgerFamilyFlag } from '../ledger-family-option.js';
import { requireExistingFolder, requireLocalFolder } from '../local-folder.js';
import { progressLine } from '../progress-line.js';
import { findingLines, summaryLines } from '../render-report.js';
import type { Dispatch } from '../dispatch.js';
import { addStorageOptions, type StorageFlags } from '../storage-options.js';

interface AdoptFlags extends StorageFlags, LedgerFamilyFlag {
  readonly metadataCacheDir?: string;
  readonly trustWaypoint?: readonly Waypoint[];
  readonly concurrentDownloads: number;
  readonly allow?: readonly FindingCode[];
  readonly json?: boolean;
}

async function adopt(flags: AdoptFlags, { console }: Dispatch): Promise<ExitCode> {
  const folder = requireLocalFolder(flags, 'adopt', 'side files cannot be kept behind commands');
  requireExistingFolder(folder);
  const storage = await LocalFsWriterStorage.open(folder, {
    owner: 'holdfast adopt',
    role: 'maintenance',
    onWarning: ({ message, code }) => printLine(console.stderr, `warning: ${message} (${code})`),
  });
  const line = await progressLine(console);
  let report: AdoptReport;
  try {
    report = await adoptArchive({
      storage,
      family: LEDGER_FAMILIES[flags.ledgerFamily],
      trustedWaypoints: flags.trustWaypoint ?? [],
      allow: new Set(flags.allow ?? []),
      concurrency: flags.concurrentDownloads,
      metadataCacheDir: flags.metadataCacheDir,
      signal: console.signal,
      progress: line.listener,
    });
  } finally {
    line.finish();
    await storage.close();
  }
  print(report, flags, console);
  return report.verification.outcome === 'proven' ? EXIT.ok : EXIT.findings;
}

function print(report: AdoptReport, flags: AdoptFlags, { stdout }: Console): void {
  if (flags.json) {
    printLine(stdout, stringify(report, undefined, 2) ?? '');
    return;
  }
  const { verification, adopted, alreadyAdopted, filesAttested } = report;
  for (const finding of verification.findings) {
    for (const text of findingLines(finding, finding.allowed ?? false)) printLine(stdout, text);
  }
  for (const text of summaryLines(verification)) printLine(stdout, text);
  if (verification.outcome !== 'proven') {
    printLine(stdout, 'nothing was adopted: only an archive that is proven as a whole gets attestations');
    return;
  }
  printLine(
    stdout,
    `adopted: ${adopted} backups with ${filesAttested} files; ${alreadyAdopted} had a side file before`,
  );
}

/** `adopt`: records sizes and digests for an archive that another tool wrote, after proving all of it. */
export function addAdopt(program: Command, dispatch: Dispatch): void {
  const command = program
    .command('adopt')
    .description('prove a whole archive and record sizes and digests of its files beside it')
    .option('--metadata-cache-dir <DIR>', 'keep metadata files here between runs')
    .option(
      '--trust-waypoint <VERSION:HASH>',
      'a waypoint that you vouch for (repeatable); without one the archive vouches for itself',
      collectWaypoints,
    )
    .option('--concurrent-downloads <N>', 'files read side by side', parseConcurrency, availableParallelism())
    .option('--allow <CODE>', 'a finding that does not count as a fault (repeatable)', collectFindingCodes)
    .option('--json', 'print the report as JSON');
  addLedgerFamilyOption(addStorageOptions(command)).action((flags: AdoptFlags) => {
    dispatch.run(() => adopt(flags, dispatch));
  });
}
