import { DatabaseError } from '../driver/database-error.js';
import type { KeyValueStore } from '../driver/key-value-store.js';
import type { WriteBatch } from '../driver/write-batch.js';
import { type DbMetadataKey, dbMetadataRows } from './db-metadata.js';
import { getRow, putRow } from './rows.js';

/** Markers that hold a version: all but the one of a snapshot's restore. */
export type VersionMarker = Exclude<DbMetadataKey, { variant: 'StateSnapshotKvRestoreProgress' }>;

/** @throws DatabaseError DB_ROW_INVALID where the marker holds something else than a version */
export async function getMarker(store: KeyValueStore, marker: VersionMarker): Promise<bigint | undefined> {
  const value = await getRow(store, dbMetadataRows, marker);
  if (value === undefined || value.variant === 'Version') return value?.value;
  throw new DatabaseError('DB_ROW_INVALID', `${marker.variant} holds no version`, {
    facts: { directory: store.directory, marker: marker.variant },
  });
}

export function putMarker(batch: WriteBatch, marker: VersionMarker, version: bigint): void {
  putRow(batch, dbMetadataRows, marker, { variant: 'Version', value: version });
}
