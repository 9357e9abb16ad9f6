import type { EpochHistory } from '../trust/epoch-history.js';
import type { TrustedWaypoints } from '../trust/trusted-waypoints.js';
import { formatWaypoint } from '../types/waypoint.js';
import type { Tally } from '../verify/context.js';
import type { TrustRoot } from '../verify/report.js';

/** What the proofs of a restore rest on. */
export interface RestoreTrust {
  readonly trustRoot: TrustRoot;
  readonly trustRootInWords: string;
  /** Where the chain begins, `version:hash`. */
  readonly rootWaypoint?: string;
}

/** What a restore did. The JSON form has these names; integers are exact. */
export interface RestoreReport extends RestoreTrust {
  /**
   * `already-restored`: an earlier run had done the same, and nothing was read. `proven`: a dry run, which
   * wrote nothing.
   */
  readonly outcome: 'restored' | 'already-restored' | 'proven';
  readonly archive: string;
  /** The folder of the database; absent in a dry run. */
  readonly target?: string;
  /** The last version. */
  readonly version: bigint;
  /** The first version whose transaction is there. */
  readonly firstVersion: bigint;
  /** Of the last version, where the archive tells. */
  readonly epoch?: bigint;
  /** The newest version with a state tree, and its root in lower-case hex. */
  readonly stateVersion?: bigint;
  readonly stateRoot?: string;
  /** Whether the ledger info of the last version is there, which a node's executor needs. */
  readonly hasLastLedgerInfo?: boolean;
  /** Whether an interrupted run was gone on with. */
  readonly resumed: boolean;
  /** What was read, of this run alone. */
  readonly read: Tally;
  /** What was not done, and why. */
  readonly notDone: readonly string[];
  readonly elapsedMs: number;
}

/** @param history undefined where no signature is checked */
export function trustOf(history: EpochHistory | undefined, waypoints: TrustedWaypoints): RestoreTrust {
  if (!history) {
    const trustRootInWords = 'none: epoch endings were skipped, no signature was checked';
    return { trustRoot: 'none', trustRootInWords };
  }
  const root = history.rootWaypoint && formatWaypoint(history.rootWaypoint);
  const rootWaypoint = root === undefined ? {} : { rootWaypoint: root };
  if (waypoints.size > 0) {
    const texts = waypoints.list().map(formatWaypoint).join(', ');
    return { trustRoot: 'waypoints', trustRootInWords: `trusted waypoints ${texts}`, ...rootWaypoint };
  }
  return {
    trustRoot: 'archive',
    trustRootInWords: `the archive's own ledger info of epoch 0 (${root ?? 'none found'}), for which nothing else vouches`,
    ...rootWaypoint,
  };
}
