/** Where a long operation stands. Controllers report it as data; only the command line draws it. */
export interface ProgressEvent {
  /** The stage in the operator's words, such as `epoch endings`. */
  readonly stage: string;
  /** How much of the stage is done, in `unit`s. */
  readonly done: number;
  /** How much there is to do, where that is known. */
  readonly total?: number;
  readonly unit: string;
  /** The ledger version that is worked on, where the stage has one. */
  readonly version?: bigint;
  /** Bytes that were read so far, of the whole operation. */
  readonly bytes?: number;
}

/** Receives progress; must not throw and must not keep the caller waiting. */
export type ProgressListener = (event: ProgressEvent) => void;

/** For callers that want none. */
export const ignoreProgress: ProgressListener = () => {};
