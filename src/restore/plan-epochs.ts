import type { EpochEndingManifest } from '../archive/epoch-ending-manifest.js';
import type { EpochEndingEntry } from '../archive/metadata-entry.js';
import type { MetadataView, ViewEntry } from '../archive/metadata-view.js';
import type { LoadedManifest } from '../verify/manifests.js';
import type { PlannedRange } from './plan.js';
import { UnbrokenRows } from './select-unbroken.js';

/** The epoch endings that follow on one another from epoch 0 on. */
export interface EpochEndingSelection {
  readonly backups: readonly ViewEntry<EpochEndingEntry>[];
  /** The last epoch of that row; undefined where epoch 0 is missing. */
  readonly lastEpoch: bigint | undefined;
  /** Epochs that nothing holds although something holds later ones. */
  readonly missing: readonly PlannedRange[];
  /** The version at which the first epoch after the row ends at the latest, as far as that is known. */
  readonly brokenBefore: bigint | undefined;
}

export function selectAllEpochEndings(view: MetadataView): EpochEndingSelection {
  const rows = new UnbrokenRows(
    view.epochEndings.map((item) => ({ first: item.entry.firstEpoch, last: item.entry.lastEpoch, item })),
  );
  const lastEpoch = rows.reachFrom(0n);
  const after = view.epochEndings.find(({ entry }) => entry.firstEpoch > (lastEpoch ?? -1n));
  return {
    backups: lastEpoch === undefined ? [] : rows.covering(0n, lastEpoch),
    lastEpoch,
    missing: rows.last === undefined ? [] : rows.gapsIn({ first: 0n, last: rows.last }),
    brokenBefore: after?.entry.firstVersion,
  };
}

/** Which epoch a version is in. */
export interface EpochOfVersion {
  readonly epoch: bigint;
  /** True when the version is the epoch's last. */
  readonly ends: boolean;
  /** True when the archive holds no ending at or after the version: it may be of a later epoch. */
  readonly isOpen: boolean;
}

/** By the waypoints of the manifests; undefined where there are none. */
export function epochOfVersion(
  manifests: readonly LoadedManifest<EpochEndingManifest>[],
  version: bigint,
): EpochOfVersion | undefined {
  let next: bigint | undefined;
  for (const { manifest } of manifests) {
    for (const [index, waypoint] of manifest.waypoints.entries()) {
      const epoch = manifest.firstEpoch + BigInt(index);
      const lastVersion = BigInt(waypoint.split(':', 1)[0] ?? '0');
      if (lastVersion >= version) return { epoch, ends: lastVersion === version, isOpen: false };
      next = epoch + 1n;
    }
  }
  return next === undefined ? undefined : { epoch: next, ends: false, isOpen: true };
}

/** The waypoint of the end of epoch 0, which tells one chain from another. */
export function genesisWaypointOf(
  manifests: readonly LoadedManifest<EpochEndingManifest>[],
): string | undefined {
  const first = manifests.find(({ manifest }) => manifest.firstEpoch === 0n);
  return first?.manifest.waypoints[0]?.toLowerCase();
}
