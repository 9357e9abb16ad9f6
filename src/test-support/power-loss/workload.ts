/** What a workload says of its folder after a crash. Every text names a file or an acknowledged unit of work. */
export interface Inspection {
  /** Acknowledged work that is not there whole. */
  readonly lost: readonly string[];
  /** Visible names that do not hold what was written under them. */
  readonly torn: readonly string[];
  /** Committed work that refers to something missing. */
  readonly incomplete: readonly string[];
  /** Names that a reader sees and nobody may have put there. */
  readonly foreign: readonly string[];
  /** Committed units of work that are there whole. */
  readonly whole: number;
  /** More that the workload counts from cut to cut: what was met for the first time. */
  readonly counts?: Readonly<Record<string, number>>;
}

/** Where a workload runs; both sides of a crash get the same. */
export interface WorkloadPlace {
  /** The folder that survives as a crash leaves it. */
  readonly folder: string;
  /** A folder out of reach of the crash, which `prepare` filled. */
  readonly inputFolder: string;
  /** Of this run; different for every run of a campaign. */
  readonly seed: number;
}

export interface WorkloadRun extends WorkloadPlace {
  /** Tells the outside that a unit of work is safe: whatever happens from now on, it must be there. */
  readonly acknowledge: (label: string) => void;
  /** Says that the first change is about to be made. */
  readonly started: () => void;
  /** Says that one whole run is done; the next begins in a new folder. Cuts are spread over a run. */
  readonly finished: () => void;
  /** End after so many units of work; without it the run goes on until the process is killed. */
  readonly unitsMax?: number | undefined;
}

/**
 * Something that writes and is cut off: by `scripts/powercut`, with the power of a file system, or by
 * `kill -9`. A module for `scripts/powercut --workload` exports an array of these as `workloads`.
 */
export interface PowerLossWorkload {
  readonly name: string;
  /** A `writer` must never lose or tear anything; a `control` is wrong on purpose and must be seen to be. */
  readonly kind: 'writer' | 'control';
  /** A control that only a cut at the right moment shows: no campaign fails, and short ones leave it out. */
  readonly isSeldomSeen?: boolean;
  /** Makes what all runs need, once for a campaign. */
  prepare(inputFolder: string, seed: number): Promise<void>;
  /** Writes, in a process of its own, on top of whatever earlier runs and crashes left. */
  write(run: WorkloadRun): Promise<void>;
  /** Looks at everything after a crash and changes nothing. */
  inspect(place: WorkloadPlace, acknowledged: readonly string[]): Promise<Inspection>;
  /** Opens as the next run would and proves what is there as a user would; resolves to what is wrong. */
  recover?(place: WorkloadPlace): Promise<readonly string[]>;
}

/** True if a crash did harm. */
export function isDamaged(inspection: Inspection): boolean {
  const { lost, torn, incomplete, foreign } = inspection;
  return lost.length + torn.length + incomplete.length + foreign.length > 0;
}
