import { JsonError } from '../archive/json-error.js';
import { type JsonExtras, readJson } from '../archive/json-reader.js';
import { jsonList } from '../archive/json-writer.js';
import type { MetadataView } from '../archive/metadata-view.js';

/** The field of a snapshot's metadata entry that lists the epochs; the reference passes it over. */
const FIELD = 'holdfast_skipped_epochs';

/** Notes epochs whose snapshots were due before this one, and were not taken. */
export function skippedEpochsExtras(epochs: readonly bigint[]): JsonExtras {
  return epochs.length === 0
    ? new Map()
    : new Map([[FIELD, Buffer.from(jsonList(epochs, (epoch) => `${epoch}`))]]);
}

/** All epochs of which the archive says that a snapshot was due and was not taken, in ascending order. */
export function skippedSnapshotEpochs({ stateSnapshots }: MetadataView): bigint[] {
  const held = new Set(stateSnapshots.map(({ entry }) => entry.epoch));
  const skipped = new Set<bigint>();
  for (const { entry } of stateSnapshots) {
    const json = entry.extras?.get(FIELD);
    if (json === undefined) continue;
    for (const epoch of readEpochs(json)) if (!held.has(epoch)) skipped.add(epoch);
  }
  return [...skipped].sort((left, right) => (left < right ? -1 : 1));
}

function readEpochs(json: Uint8Array): readonly bigint[] {
  try {
    return readJson(json, (reader) => reader.list((item) => item.u64()));
  } catch (error) {
    // Somebody else's field of the same name.
    if (error instanceof JsonError) return [];
    throw error;
  }
}
