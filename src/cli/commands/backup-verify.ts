import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { LEDGER_FAMILIES } from '../../types/ledger-family.js';
import type { Waypoint } from '../../types/waypoint.js';
import type { FindingCode } from '../../verify/finding.js';
import type { VerifyReport } from '../../verify/report.js';
import { verifyArchive } from '../../verify/verify-archive.js';
import type { VerifyMetrics } from '../../verify/verify-metrics.js';
import {
  collectFindingCodes,
  collectWaypoints,
  parseConcurrency,
  parseU64,
  parseU64OrMax,
  U64_MAX,
} from '../argument-parsers.js';
import { type Console, printLine } from '../console.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { addLedgerFamilyOption, type LedgerFamilyFlag } from '../ledger-family-option.js';
import { addMetricsOption, type MetricsFlag, withMetrics } from '../metrics-option.js';
import { progressLine } from '../progress-line.js';
import { findingLines, reportJson, summaryLines } from '../render-report.js';
import type { Dispatch } from '../dispatch.js';
import { addStorageOptions, openStorage, type StorageFlags } from '../storage-options.js';
import { addThreadsOption, type ThreadsFlag } from '../threads-option.js';
import { openTransactionAnalysis } from '../transaction-analysis-files.js';
import { UsageError } from '../usage-error.js';

interface VerifyFlags extends StorageFlags, LedgerFamilyFlag, ThreadsFlag, MetricsFlag {
  readonly metadataCacheDir?: string;
  readonly trustWaypoint?: readonly Waypoint[];
  readonly concurrentDownloads: number;
  readonly startVersion: bigint;
  readonly endVersion: bigint;
  readonly stateSnapshotBeforeVersion: bigint;
  readonly allStateSnapshots?: boolean;
  readonly skipEpochEndings?: boolean;
  readonly validateModules?: boolean;
  readonly outputTransactionAnalysis?: string;
  readonly mustReach?: bigint;
  readonly allow?: readonly FindingCode[];
  readonly keepGoing?: boolean;
  readonly failFast?: boolean;
  readonly report?: string;
  readonly json?: boolean;
}

const loadMetrics = async () => new (await import('../../verify/verify-metrics.js')).VerifyMetrics();

async function verify(flags: VerifyFlags, { console }: Dispatch): Promise<ExitCode> {
  if (flags.keepGoing && flags.failFast)
    throw new UsageError('--keep-going and --fail-fast exclude each other');
  const report = await withMetrics(flags, console, loadMetrics, (metrics) =>
    verifyFromFlags(flags, console, metrics),
  );
  if (flags.report !== undefined) await writeReport(flags.report, report);
  const output = flags.json ? [reportJson(report)] : humanLines(report);
  for (const text of output) printLine(console.stdout, text);
  return report.outcome === 'proven' ? EXIT.ok : EXIT.findings;
}

async function verifyFromFlags(
  flags: VerifyFlags,
  console: Console,
  metrics: VerifyMetrics | undefined,
): Promise<VerifyReport> {
  const storage = await openStorage(flags);
  const line = await progressLine(console);
  const analysisDirectory = flags.outputTransactionAnalysis;
  const analysis =
    analysisDirectory === undefined ? undefined : await openTransactionAnalysis(analysisDirectory);
  try {
    return await verifyArchive({
      storage,
      family: LEDGER_FAMILIES[flags.ledgerFamily],
      trustedWaypoints: flags.trustWaypoint ?? [],
      startVersion: flags.startVersion,
      endVersion: flags.endVersion,
      stateSnapshotBeforeVersion: flags.stateSnapshotBeforeVersion,
      allStateSnapshots: flags.allStateSnapshots ?? false,
      skipEpochEndings: flags.skipEpochEndings ?? false,
      validateModules: flags.validateModules ?? false,
      mustReach: flags.mustReach,
      allow: new Set(flags.allow ?? []),
      failFast: flags.failFast ?? false,
      concurrency: flags.concurrentDownloads,
      threads: flags.threads,
      metadataCacheDir: flags.metadataCacheDir,
      analysis,
      signal: console.signal,
      progress: line.listener,
      metrics,
    });
  } finally {
    line.finish();
    await analysis?.close();
    await storage.close();
  }
}

function humanLines(report: VerifyReport): string[] {
  return [
    ...report.findings.flatMap((finding) => findingLines(finding, finding.allowed ?? false)),
    ...summaryLines(report),
  ];
}

async function writeReport(file: string, report: VerifyReport): Promise<void> {
  try {
    await writeFile(file, `${reportJson(report)}\n`);
  } catch (error) {
    throw new UsageError(`cannot write the report to ${file}: ${(error as Error).message}`);
  }
}

/** `backup verify`: proves an archive from a trust root down to each record. */
export function addBackupVerify(backup: Command, dispatch: Dispatch): void {
  const command = backup
    .command('verify')
    .description('prove an archive, from a trust root down to each record, and name every damage')
    .option(
      '--metadata-cache-dir <DIR>',
      'keep metadata files here between runs; never share it between networks',
    )
    .option(
      '--trust-waypoint <VERSION:HASH>',
      'a waypoint that you vouch for (repeatable); without one the archive vouches for itself',
      collectWaypoints,
    )
    .option('--concurrent-downloads <N>', 'files read side by side', parseConcurrency, availableParallelism())
    .addOption(
      new Option('--start-version <V>', 'first version to verify, or max for no transactions')
        .argParser(parseU64OrMax)
        .default(0n, '0'),
    )
    .addOption(
      new Option('--end-version <V>', 'last version to verify')
        .argParser(parseU64OrMax)
        .default(U64_MAX, 'no limit'),
    )
    .addOption(
      new Option(
        '--state-snapshot-before-version <V>',
        'verify the newest snapshot at or before this version',
      )
        .argParser(parseU64OrMax)
        .default(U64_MAX, 'no limit'),
    )
    .option('--all-state-snapshots', 'verify every snapshot at or before that version, not only the newest')
    .option('--skip-epoch-endings', 'check no signature at all')
    .option('--validate-modules', 'accepted; the Move bytecode verifier is not part of this tool')
    .option('--output-transaction-analysis <DIR>', 'write sizes of transactions, events and write ops as CSV')
    .option('--must-reach <VERSION>', 'it is a finding if less than this version is proven', parseU64)
    .option('--allow <CODE>', 'a finding that does not count as a fault (repeatable)', collectFindingCodes)
    .option('--keep-going', 'verify everything whatever is found (the default)')
    .option('--fail-fast', 'stop at the first finding')
    .option('--report <FILE>', 'write the report as JSON to this file as well')
    .option('--json', 'print the report as JSON');
  addMetricsOption(addThreadsOption(addLedgerFamilyOption(addStorageOptions(command))));
  command.action((flags: VerifyFlags) => {
    dispatch.run(() => verify(flags, dispatch));
  });
}
