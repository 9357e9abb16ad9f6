import { type Infer, encode } from '../bcs/codec.js';
import { option, struct } from '../bcs/containers.js';
import { u64 } from '../bcs/primitives.js';
import { HoldfastError } from '../errors/holdfast-error.js';
import { equalBytes, hashFromHex, toHex } from '../hashing/hash-value.js';
import { HashValue } from './basic.js';
import type { LedgerHashers } from './ledger-family.js';
import { EpochState, type LedgerInfo } from './ledger-info.js';

/** Why there is no waypoint. */
export type WaypointErrorCode =
  /** A text is not `<version>:<64 hex digits>`. */
  | 'WAYPOINT_TEXT_INVALID'
  /** A ledger info that does not end its epoch was given for an epoch boundary. */
  | 'WAYPOINT_NO_VALIDATOR_SET';

/** A text that is no waypoint, or a ledger info that gives none. Facts: `version` where it is known. */
export class WaypointError extends HoldfastError<WaypointErrorCode> {}

/** A version of a ledger and what its ledger info must hash to (spec: formats.md, section 5). */
export const Waypoint = struct('Waypoint', { version: u64, value: HashValue });
export type Waypoint = Infer<typeof Waypoint>;

/** The fields of a ledger info that a waypoint covers. */
const Ledger2WaypointConverter = struct('Ledger2WaypointConverter', {
  epoch: u64,
  root_hash: HashValue,
  version: u64,
  timestamp_usecs: u64,
  next_epoch_state: option(EpochState),
});

const U64_MAX = 2n ** 64n - 1n;

/**
 * Reads `<version>:<64 hex digits>`. As in the reference a `+` may lead, and further parts behind another
 * colon are ignored.
 * @throws WaypointError WAYPOINT_TEXT_INVALID
 */
export function parseWaypoint(text: string): Waypoint {
  const [version = '', value = ''] = text.split(':');
  const valid = /^\+?[0-9]+$/.test(version) && /^[0-9a-fA-F]{64}$/.test(value);
  const number = valid ? BigInt(version.replace('+', '')) : 0n;
  if (!valid || number > U64_MAX) {
    throw new WaypointError(
      'WAYPOINT_TEXT_INVALID',
      `not a waypoint: ${JSON.stringify(text.slice(0, 120))}`,
      {
        hint: 'A waypoint is a version, a colon and 64 hex digits.',
      },
    );
  }
  return { version: number, value: hashFromHex(value) };
}

/** `version:hash`, the version in decimal and the hash as 64 lower-case hex digits: what `parseWaypoint` reads. */
export function formatWaypoint(waypoint: Waypoint): string {
  return `${waypoint.version}:${toHex(waypoint.value)}`;
}

export function equalWaypoints(left: Waypoint, right: Waypoint): boolean {
  return left.version === right.version && equalBytes(left.value, right.value);
}

/** The waypoint of any ledger info. */
export function waypointOf(hashers: LedgerHashers, ledgerInfo: LedgerInfo): Waypoint {
  const { epoch, executed_state_id, version, timestamp_usecs, next_epoch_state } = ledgerInfo.commit_info;
  const preimage = encode(Ledger2WaypointConverter, {
    epoch,
    root_hash: executed_state_id,
    version,
    timestamp_usecs,
    next_epoch_state,
  });
  return { version, value: hashers.waypoint.hash(preimage) };
}

/**
 * The waypoint of a ledger info that ends its epoch.
 * @throws WaypointError WAYPOINT_NO_VALIDATOR_SET
 */
export function epochBoundaryWaypoint(hashers: LedgerHashers, ledgerInfo: LedgerInfo): Waypoint {
  if (ledgerInfo.commit_info.next_epoch_state === undefined) {
    const { version } = ledgerInfo.commit_info;
    throw new WaypointError('WAYPOINT_NO_VALIDATOR_SET', `no validator set at version ${version}`, {
      facts: { version },
    });
  }
  return waypointOf(hashers, ledgerInfo);
}
