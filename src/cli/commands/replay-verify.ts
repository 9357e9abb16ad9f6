import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { TOUCHED_KEYS_MAX } from '../../replay/replay-options.js';
import type { ReplayReport } from '../../replay/replay-report.js';
import { replayVerify } from '../../replay/replay-verify.js';
import { SCRATCH_FOLDER } from '../../replay/scratch-database.js';
import { LEDGER_FAMILIES } from '../../types/ledger-family.js';
import type { Waypoint } from '../../types/waypoint.js';
import { collectWaypoints, parseConcurrency, parseU64, parseU64OrMax, U64_MAX } from '../argument-parsers.js';
import { printLine } from '../console.js';
import type { Dispatch } from '../dispatch.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { addLedgerFamilyOption, type LedgerFamilyFlag } from '../ledger-family-option.js';
import { progressLine } from '../progress-line.js';
import { replayJson, replayLines } from '../render-replay.js';
import { addStorageOptions, openStorage, type StorageFlags } from '../storage-options.js';
import { addThreadsOption, type ThreadsFlag } from '../threads-option.js';

interface ReplayFlags extends StorageFlags, LedgerFamilyFlag, ThreadsFlag {
  readonly metadataCacheDir?: string;
  readonly trustWaypoint?: readonly Waypoint[];
  readonly concurrentDownloads: number;
  readonly startVersion: bigint;
  readonly endVersion: bigint;
  readonly lazyQuit?: boolean;
  readonly txnsToSkip?: readonly bigint[];
  readonly skipEpochEndings?: boolean;
  readonly validateModules?: boolean;
  readonly maxTouchedKeys: number;
  readonly targetDbDir?: string;
  readonly json?: boolean;
}

/** More would not fit any memory. */
const TOUCHED_KEYS_LIMIT = 100_000_000n;

/** Tuning of the reference's database; scripts pass it. Nothing here needs it. */
const DATABASE_FLAGS = [
  '--ledger-db-max-open-files <N>',
  '--state-merkle-db-max-open-files <N>',
  '--state-kv-db-max-open-files <N>',
  '--index-db-max-open-files <N>',
  '--ledger-db-max-total-wal-size <N>',
  '--state-merkle-db-max-total-wal-size <N>',
  '--state-kv-db-max-total-wal-size <N>',
  '--index-db-max-total-wal-size <N>',
  '--max-background-jobs <N>',
  '--block-cache-size <N>',
  '--enable-storage-sharding',
] as const;

function collectVersions(text: string, previous: readonly bigint[] = []): readonly bigint[] {
  return [...previous, parseU64(text)];
}

function parseKeyLimit(text: string): number {
  const value = parseU64(text);
  if (value < 1n || value > TOUCHED_KEYS_LIMIT) {
    throw new InvalidArgumentError(`It must be from 1 to ${TOUCHED_KEYS_LIMIT}.`);
  }
  return Number(value);
}

async function replay(flags: ReplayFlags, { console }: Dispatch): Promise<ExitCode> {
  const storage = await openStorage(flags);
  const line = await progressLine(console);
  let report: ReplayReport;
  try {
    report = await replayVerify({
      storage,
      family: LEDGER_FAMILIES[flags.ledgerFamily],
      startVersion: flags.startVersion,
      endVersion: flags.endVersion,
      lazyQuit: flags.lazyQuit ?? false,
      versionsToSkip: new Set(flags.txnsToSkip ?? []),
      trustedWaypoints: flags.trustWaypoint ?? [],
      skipEpochEndings: flags.skipEpochEndings ?? false,
      validateModules: flags.validateModules ?? false,
      touchedKeysMax: flags.maxTouchedKeys,
      scratchDirectory: flags.targetDbDir,
      concurrency: flags.concurrentDownloads,
      threads: flags.threads,
      metadataCacheDir: flags.metadataCacheDir,
      signal: console.signal,
      progress: line.listener,
    });
  } finally {
    line.finish();
    await storage.close();
  }
  for (const text of flags.json ? [replayJson(report)] : replayLines(report)) printLine(console.stdout, text);
  return { equal: EXIT.ok, mismatch: EXIT.mismatch, findings: EXIT.findings }[report.outcome];
}

/** `replay-verify`: the state behind every checkpoint of a range, recomputed from the write sets. */
export function addReplayVerify(program: Command, dispatch: Dispatch): void {
  const command = program
    .command('replay-verify')
    .description('recompute the state of a range of versions from its write sets and compare every root')
    .option('--metadata-cache-dir <DIR>', 'keep metadata files here between runs')
    .option(
      '--trust-waypoint <VERSION:HASH>',
      'a waypoint that you vouch for (repeatable); without one the archive vouches for itself',
      collectWaypoints,
    )
    .option('--concurrent-downloads <N>', 'files read side by side', parseConcurrency, availableParallelism())
    .addOption(
      new Option('--start-version <V>', 'begin with the newest snapshot at or before this version')
        .argParser(parseU64)
        .default(0n, '0'),
    )
    .addOption(
      new Option('--end-version <V>', 'last version to replay')
        .argParser(parseU64OrMax)
        .default(U64_MAX, 'no limit'),
    )
    .option('--lazy-quit', 'go on behind a mismatch and tell all of them')
    .option('--txns-to-skip <V...>', 'do not compare the checkpoints at these versions', collectVersions)
    .option('--skip-epoch-endings', 'check no signature at all')
    .option('--validate-modules', 'accepted; the Move bytecode verifier is not part of this tool')
    .addOption(
      new Option(
        '--max-touched-keys <N>',
        'state keys kept in memory at once; more are replayed window by window',
      )
        .argParser(parseKeyLimit)
        .default(TOUCHED_KEYS_MAX),
    )
    .option(
      '--target-db-dir <DIR>',
      `keep the state in a scratch database in DIR/${SCRATCH_FOLDER}, removed at the end, instead of in memory`,
    )
    .option('--replay-concurrency-level <N>', 'accepted; nothing is executed', parseConcurrency)
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nTransactions are not executed: what is compared are state roots, of write sets that the ledger signed.' +
        '\nExit codes: 0 all roots are equal, 2 a root differs, 1 damage or another failure.',
    );
  for (const flag of DATABASE_FLAGS)
    command.addOption(new Option(flag, 'accepted, without effect').hideHelp());
  addThreadsOption(addLedgerFamilyOption(addStorageOptions(command))).action((flags: ReplayFlags) => {
    dispatch.run(() => replay(flags, dispatch));
  });
}
