import { equalBytes, toHex } from '../hashing/hash-value.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import type { LedgerInfo } from '../types/ledger-info.js';
import { formatWaypoint, type Waypoint, waypointOf } from '../types/waypoint.js';
import { TrustError } from './trust-error.js';

/** The waypoints that an operator vouches for, by version. */
export class TrustedWaypoints {
  readonly #byVersion = new Map<bigint, Waypoint>();

  /** @throws TrustError WAYPOINT_DUPLICATED for two waypoints of one version, as the reference's tool. */
  constructor(waypoints: readonly Waypoint[]) {
    for (const waypoint of waypoints) {
      if (this.#byVersion.has(waypoint.version)) {
        throw new TrustError('WAYPOINT_DUPLICATED', `two trusted waypoints for version ${waypoint.version}`, {
          hint: 'Give one waypoint for each version.',
        });
      }
      this.#byVersion.set(waypoint.version, waypoint);
    }
  }

  get size(): number {
    return this.#byVersion.size;
  }

  /** All of them, by version. */
  list(): readonly Waypoint[] {
    return [...this.#byVersion.values()].sort((left, right) => (left.version < right.version ? -1 : 1));
  }

  /**
   * True when a waypoint vouches for this ledger info, false when there is none for its version.
   * @throws TrustError WAYPOINT_MISMATCH when there is one and it has another value
   */
  vouchFor(hashers: LedgerHashers, ledgerInfo: LedgerInfo): boolean {
    const trusted = this.#byVersion.get(ledgerInfo.commit_info.version);
    if (!trusted) return false;
    const actual = waypointOf(hashers, ledgerInfo);
    if (equalBytes(actual.value, trusted.value)) return true;
    throw new TrustError(
      'WAYPOINT_MISMATCH',
      `the ledger info of version ${trusted.version} has another waypoint than the trusted one`,
      {
        facts: {
          expected: formatWaypoint(trusted),
          actual: formatWaypoint(actual),
          value: toHex(actual.value),
        },
      },
    );
  }
}
