/** Exit codes are API: documented in docs/errors.md, and they only grow. */
export const EXIT = {
  /** Everything that was asked for was done; a verification proved all of it. */
  ok: 0,
  /** A verification has findings, or a run failed. */
  findings: 1,
  /** The command line is wrong. */
  usage: 2,
  /** `replay-verify` alone, as the reference's: a recomputed state has another root than the ledger signed. */
  mismatch: 2,
  /** The storage cannot be reached or read as a whole. */
  storage: 3,
  /** Ended by SIGINT or SIGTERM. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
