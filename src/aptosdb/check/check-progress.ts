import type { KeyValueStore } from '../driver/key-value-store.js';
import { getMarker, type VersionMarker } from '../schema/progress-markers.js';
import { type CheckContext, type ConditionName, type ConditionResult, failed, passed } from './condition.js';

/** A node cuts off what was written ahead, up to this many versions. */
export const AHEAD_MAX = 1_000_000n;

/** Of a marker that must have come at least as far as the synced version. */
async function checkProgress(
  name: ConditionName,
  store: KeyValueStore,
  marker: VersionMarker,
  syncedVersion: bigint,
): Promise<ConditionResult> {
  const progress = await getMarker(store, marker);
  if (progress === undefined) return failed(name, `${marker.variant} is missing`);
  const ahead = progress - syncedVersion;
  if (ahead < 0n) {
    return failed(name, `${marker.variant} is ${progress}, behind the synced version ${syncedVersion}`);
  }
  if (ahead > AHEAD_MAX) {
    return failed(name, `${marker.variant} is ${progress}, more than ${AHEAD_MAX} versions ahead`);
  }
  return passed(name, ahead === 0n ? `at ${progress}` : `at ${progress}: ${ahead} versions will be cut off`);
}

/** Spec: aptosdb-schema.md, 11.2, point 1. */
export function checkLedgerProgress({ database, syncedVersion }: CheckContext): Promise<ConditionResult> {
  const marker: VersionMarker = { variant: 'LedgerCommitProgress' };
  return checkProgress('ledger-progress', database.ledgerMetadata, marker, syncedVersion);
}

/** Spec: aptosdb-schema.md, 11.2, point 3. */
export function checkStateKvProgress({ database, syncedVersion }: CheckContext): Promise<ConditionResult> {
  const marker: VersionMarker = { variant: 'StateKvCommitProgress' };
  return checkProgress('state-kv-progress', database.stateKvMetadata, marker, syncedVersion);
}
