import { backupStorageState, type MetadataView } from '../archive/metadata-view.js';
import { ReplayError } from './replay-error.js';

/** Versions, inclusive. */
export interface VersionSpan {
  readonly first: bigint;
  readonly last: bigint;
}

/** What to plan for (spec: cli.md, section 6). */
export interface ReplayJobsOptions {
  /** Ranges begin at snapshots; those that begin before this version are left out. */
  readonly startVersion: bigint;
  /** How many epochs back from the newest snapshot's. */
  readonly maxEpochs: bigint;
  /** A range that overlaps any of these is left out as a whole. */
  readonly rangesToSkip: readonly VersionSpan[];
  /** At least 1. */
  readonly maxVersionsPerRange: bigint;
  /** At least 1. */
  readonly maxRangesPerJob: number;
}

/** One replay: it begins at a snapshot's version. */
export interface ReplayRange extends VersionSpan {
  /** True where what lies up to the next snapshot is too much for one range and the rest is left out. */
  readonly isPartial: boolean;
  readonly description: string;
}

interface SnapshotPlace {
  readonly epoch: bigint;
  readonly version: bigint;
}

/** More epochs than this between two snapshots get a remark. */
const EPOCHS_BETWEEN_SNAPSHOTS_MAX = 15n;
const U64_MAX = 2n ** 64n - 1n;

/**
 * Reads ranges as `first-last`, separated by spaces.
 * @throws ReplayError REPLAY_RANGE_MALFORMED
 */
export function parseVersionSpans(text: string): VersionSpan[] {
  return text
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => {
      const [, first, last] = /^\+?(\d+)-\+?(\d+)$/.exec(part) ?? [];
      if (first === undefined || last === undefined) throw malformed(part);
      const span = { first: BigInt(first), last: BigInt(last) };
      if (span.first > span.last || span.last > U64_MAX) throw malformed(part);
      return span;
    });
}

function malformed(text: string): ReplayError {
  return new ReplayError('REPLAY_RANGE_MALFORMED', `Malformed range. ${JSON.stringify(text)}`, {
    hint: 'Write ranges as first-last, with the smaller version first, separated by spaces.',
  });
}

/**
 * The ranges that replays of an archive are divided into, from the newest to the oldest.
 * @throws ReplayError REPLAY_NOTHING_TO_PLAN
 */
export function planReplayRanges(view: MetadataView, options: ReplayJobsOptions): ReplayRange[] {
  const pairs = adjacentSnapshots(view, options);
  const ranges: ReplayRange[] = [];
  for (let index = 0; index < pairs.length; index++) {
    const [end, newest] = pairs[index] ?? [];
    if (!end || !newest) break;
    if (end.version - newest.version >= options.maxVersionsPerRange) {
      ranges.push(partialRange(newest, end, options.maxVersionsPerRange));
      continue;
    }
    let begin = newest;
    for (;;) {
      const older = pairs[index + 1]?.[1];
      if (!older || end.version - older.version > options.maxVersionsPerRange) break;
      begin = older;
      index++;
    }
    ranges.push(wholeRange(begin, end));
  }
  return ranges.filter((range) => !options.rangesToSkip.some((skipped) => overlap(range, skipped)));
}

/**
 * Deals ranges to as many jobs as they need, one after the other.
 * @returns for each job its ranges, each as `JOB-INDEX[-partial] FIRST LAST DESCRIPTION`
 */
export function dealReplayJobs(ranges: readonly ReplayRange[], maxRangesPerJob: number): string[][] {
  const count = Math.ceil(ranges.length / maxRangesPerJob);
  const jobs = Array.from({ length: count }, (): string[] => []);
  ranges.forEach(({ first, last, isPartial, description }, index) => {
    const job = index % count;
    jobs[job]?.push(`${job}-${index}${isPartial ? '-partial' : ''} ${first} ${last} ${description}`);
  });
  return jobs;
}

/** Every two snapshots that follow on one another, and the newest with the end: newest first. */
function adjacentSnapshots(
  view: MetadataView,
  { maxEpochs, startVersion }: ReplayJobsOptions,
): (readonly [end: SnapshotPlace, begin: SnapshotPlace])[] {
  const { latestTransactionVersion, latestStateSnapshotEpoch: latest } = backupStorageState(view);
  if (latestTransactionVersion === undefined || latest === undefined) {
    const what = latest === undefined ? 'state snapshots' : 'transaction backups';
    throw new ReplayError('REPLAY_NOTHING_TO_PLAN', `No ${what}.`);
  }
  const end = latestTransactionVersion + 1n;
  const oldest = latest + 1n - (maxEpochs < latest + 1n ? maxEpochs : latest + 1n);
  const snapshots: SnapshotPlace[] = view.stateSnapshots
    .map(({ entry }) => entry)
    .filter(({ epoch }, index, all) => epoch !== all[index - 1]?.epoch)
    .filter(({ epoch, version }) => epoch >= oldest && version <= end);
  const places = [...snapshots, { epoch: latest, version: end }].reverse();
  const pairs = places.slice(1).map((begin, index) => [places[index] ?? begin, begin] as const);
  // A range that only ends at or behind the first wanted version is given up.
  const tooOld = pairs.findIndex(([, begin]) => begin.version < startVersion);
  return tooOld < 0 ? pairs : pairs.slice(0, tooOld);
}

function partialRange(begin: SnapshotPlace, end: SnapshotPlace, versions: bigint): ReplayRange {
  const remark = end.epoch - begin.epoch > EPOCHS_BETWEEN_SNAPSHOTS_MAX ? '!!! Need more snapshots !!!' : '';
  const omitted = end.version - begin.version - versions;
  return {
    first: begin.version,
    last: begin.version + versions - 1n,
    isPartial: true,
    description:
      `Partial replay ${epochs(begin, end)}, ${versions} txns starting from version ${begin.version}, ` +
      `another ${omitted} versions omitted, until ${end.version}. ${remark}`,
  };
}

function wholeRange(begin: SnapshotPlace, end: SnapshotPlace): ReplayRange {
  const count = end.version - begin.version;
  return {
    first: begin.version,
    last: end.version - 1n,
    isPartial: false,
    description: `Replay ${epochs(begin, end)}, ${count} txns starting from version ${begin.version}.`,
  };
}

/** The reference fails where nothing but epoch 0 has a snapshot, as 0 has no number before it. */
function epochs(begin: SnapshotPlace, end: SnapshotPlace): string {
  return `epoch ${begin.epoch} - ${end.epoch > 0n ? end.epoch - 1n : 0n}`;
}

function overlap(left: VersionSpan, right: VersionSpan): boolean {
  return left.first <= right.last && right.first <= left.last;
}
