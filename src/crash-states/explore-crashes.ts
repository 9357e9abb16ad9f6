import type { LoggedOperation } from '../durable-fs/operation-log.js';
import type { CrashModel } from './crash-model.js';
import { describeCall } from './describe-call.js';
import { DiskHistory } from './disk-history.js';
import { describeImage, type DiskImage, EMPTY_IMAGE, imageDigest } from './disk-image.js';
import { MemoryFileSystem } from './memory-file-system.js';
import { possibleImages } from './possible-images.js';
import { SeededRandom } from './seeded-random.js';

/** What the checker gets: the disk after one crash, mounted again. */
export interface CrashState {
  /** A fresh file system with the state on it; recovery and a second run may change it freely. */
  readonly fileSystem: MemoryFileSystem;
  /** The labels that the program had acknowledged before the crash, oldest first. */
  readonly acknowledged: readonly string[];
  /** The same state as a value, for another exploration on top of it. */
  readonly image: DiskImage;
}

/** Throws (or rejects) if the state breaks a promise; the message becomes the violation's. */
export type CrashChecker = (state: CrashState) => Promise<void> | void;

export interface CrashExploration {
  /** What the program did, as `RecordingFileSystem` logged it. */
  readonly log: readonly LoggedOperation[];
  readonly model: CrashModel;
  readonly check: CrashChecker;
  /** What was durably on the disk before the first operation; default nothing. */
  readonly base?: DiskImage;
  /** Up to how many images per crash point all are built; above it that many are sampled. Default 4096. */
  readonly imagesMax?: number;
  /** For the sampling; default 1. */
  readonly seed?: number;
  /** Stop after this many violations; default 10. */
  readonly violationsMax?: number;
}

/** A state in which a promise was broken. */
export interface CrashViolation {
  /** How many operations of the log had been made. */
  readonly operations: number;
  /** The last of them, in words. */
  readonly after: string;
  readonly acknowledged: readonly string[];
  /** What the checker said. */
  readonly message: string;
  /** What was on the disk, one line per path. */
  readonly disk: string;
}

export interface CrashReport {
  readonly model: string;
  /** Crash points: one before the first operation, one after each. */
  readonly crashPoints: number;
  /** Different disks that were checked. */
  readonly distinctStates: number;
  /** Checker runs: a disk is checked again when more has been acknowledged by then. */
  readonly checks: number;
  /** Crash points whose states were sampled since there were too many; 0 means that nothing was left out. */
  readonly sampledCrashPoints: number;
  readonly violations: readonly CrashViolation[];
}

/**
 * Builds every on-disk state that a crash may leave after each prefix of a log, under one model, and runs a
 * checker on each of them once. Rejects only if the log itself makes no sense.
 */
export async function exploreCrashes(exploration: CrashExploration): Promise<CrashReport> {
  const { log, model, check, base = EMPTY_IMAGE, imagesMax = 4096, violationsMax = 10 } = exploration;
  const random = new SeededRandom(exploration.seed ?? 1);
  const history = new DiskHistory(base);
  const disks = new Set<string>();
  const checked = new Set<string>();
  const acknowledged: string[] = [];
  const violations: CrashViolation[] = [];
  let sampledCrashPoints = 0;
  for (let operations = 0; operations <= log.length; operations += 1) {
    const last = operations === 0 ? undefined : log[operations - 1];
    if (last !== undefined) history.apply(last);
    if (last?.call.kind === 'acknowledge') acknowledged.push(last.call.label);
    const { exhaustive, images } = possibleImages(history, model, imagesMax, random);
    if (!exhaustive) sampledCrashPoints += 1;
    for (const image of images) {
      if (violations.length >= violationsMax) break;
      const digest = imageDigest(image);
      disks.add(digest);
      const key = `${digest} ${acknowledged.length}`;
      if (checked.has(key)) continue;
      checked.add(key);
      const message = await runChecker(check, image, [...acknowledged]);
      if (message === undefined) continue;
      const after = last === undefined ? '(start)' : describeCall(last.call);
      const disk = describeImage(image);
      violations.push({ operations, after, acknowledged: [...acknowledged], message, disk });
    }
  }
  return {
    model: model.name,
    crashPoints: log.length + 1,
    distinctStates: disks.size,
    checks: checked.size,
    sampledCrashPoints,
    violations,
  };
}

async function runChecker(
  check: CrashChecker,
  image: DiskImage,
  acknowledged: readonly string[],
): Promise<string | undefined> {
  try {
    await check({ fileSystem: new MemoryFileSystem(image), acknowledged, image });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
