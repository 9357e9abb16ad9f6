import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { loadMetadata } from '../../archive/load-metadata.js';
import { buildMetadataView } from '../../archive/metadata-view.js';
import {
  dealReplayJobs,
  parseVersionSpans,
  planReplayRanges,
  type VersionSpan,
} from '../../replay/replay-jobs.js';
import { parseConcurrency, parseU64 } from '../argument-parsers.js';
import { printLine } from '../console.js';
import type { Dispatch } from '../dispatch.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { addStorageOptions, openStorage, type StorageFlags } from '../storage-options.js';
import { UsageError } from '../usage-error.js';

interface JobsFlags extends StorageFlags {
  readonly metadataCacheDir?: string;
  readonly concurrentDownloads: number;
  readonly startVersion: bigint;
  readonly maxEpochs: bigint;
  readonly rangesToSkip?: readonly VersionSpan[];
  readonly maxVersionsPerRange: bigint;
  readonly maxRangesPerJob: bigint;
  readonly outputJsonFile: string;
}

function parsePositive(text: string): bigint {
  const value = parseU64(text);
  if (value === 0n) throw new InvalidArgumentError('It must be at least 1.');
  return value;
}

/** Ranges of one flag are separated by spaces; the flag may be repeated. */
function collectSpans(text: string, previous: readonly VersionSpan[] = []): readonly VersionSpan[] {
  try {
    return [...previous, ...parseVersionSpans(text)];
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

async function generateJobs(flags: JobsFlags, { console }: Dispatch): Promise<ExitCode> {
  const storage = await openStorage(flags);
  try {
    const { entries, problems } = await loadMetadata(storage, {
      cacheDir: flags.metadataCacheDir,
      concurrency: flags.concurrentDownloads,
      signal: console.signal,
    });
    // What cannot be read may be a snapshot or a range: a plan without it would leave versions out silently.
    const [problem] = problems;
    if (problem) throw problem;
    const ranges = planReplayRanges(buildMetadataView(entries), {
      startVersion: flags.startVersion,
      maxEpochs: flags.maxEpochs,
      rangesToSkip: flags.rangesToSkip ?? [],
      maxVersionsPerRange: flags.maxVersionsPerRange,
      maxRangesPerJob: Number(flags.maxRangesPerJob),
    });
    const jobs = dealReplayJobs(ranges, Number(flags.maxRangesPerJob));
    try {
      await writeFile(flags.outputJsonFile, JSON.stringify(jobs));
    } catch (error) {
      throw new UsageError(`cannot write the jobs to ${flags.outputJsonFile}: ${(error as Error).message}`);
    }
    printLine(console.stderr, `${ranges.length} ranges in ${jobs.length} jobs`);
    return EXIT.ok;
  } finally {
    await storage.close();
  }
}

/** `gen-replay-verify-jobs`: divides an archive into ranges for `replay-verify`, each from a snapshot on. */
export function addGenReplayVerifyJobs(program: Command, dispatch: Dispatch): void {
  const command = program
    .command('gen-replay-verify-jobs')
    .description('divide the versions of an archive into jobs for replay-verify')
    .option('--metadata-cache-dir <DIR>', 'keep metadata files here between runs')
    .option('--concurrent-downloads <N>', 'files read side by side', parseConcurrency, availableParallelism())
    .addOption(
      new Option('--start-version <V>', 'leave out ranges that begin before this version')
        .argParser(parseU64)
        .default(0n, '0'),
    )
    .addOption(
      new Option('--max-epochs <N>', 'how many epochs to go back from the newest snapshot')
        .argParser(parseU64)
        .default(4000n, '4000'),
    )
    .option(
      '--ranges-to-skip <RANGES>',
      'versions to leave out, as "first-last first-last": ranges that overlap any are left out whole',
      collectSpans,
    )
    .requiredOption('--max-versions-per-range <N>', 'versions of one replay, at most', parsePositive)
    .requiredOption('--max-ranges-per-job <N>', 'replays of one job, at most', parsePositive)
    .requiredOption('--output-json-file <FILE>', 'where the jobs are written to');
  addStorageOptions(command).action((flags: JobsFlags) => {
    dispatch.run(() => generateJobs(flags, dispatch));
  });
}
