import { existsSync } from 'node:fs';
import path from 'node:path';
import { equalBytes, toHex } from '../../hashing/hash-value.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { DatabaseError } from '../driver/database-error.js';
import { HOT_INSTANCES } from '../driver/instances.js';
import { dbMetadataRows } from '../schema/db-metadata.js';
import { type ConditionResult, Problems, passed } from './condition.js';

/** Indexes of markers that this release knows; a later one may have added more. */
const KNOWN_MARKERS = 25;

export function checkHotState(root: string): ConditionResult {
  const present = HOT_INSTANCES.filter((instance) => existsSync(path.join(root, instance.path)));
  if (present.length === 0) return passed('hot-state', 'absent');
  return passed('hot-state', `present: a node deletes and refills it when it opens, unless told otherwise`);
}

/** A node decodes every marker of an instance when it looks for those of unfinished restores. */
export async function checkMarkers(database: AptosDatabaseFiles): Promise<ConditionResult> {
  const problems = new Problems();
  let rowCount = 0;
  let unknownCount = 0;
  for (const { instance, store } of database.instances) {
    for await (const { key, value } of store.iterate(dbMetadataRows.name)) {
      rowCount++;
      if ((key[0] ?? 0) >= KNOWN_MARKERS) unknownCount++;
      else if (!isMarker(key, value)) problems.add(`${instance.path}: ${toHex(key)} is no marker`);
    }
  }
  const unknown = unknownCount === 0 ? '' : `, ${unknownCount} of a later release`;
  return problems.result('markers', `${rowCount} rows${unknown}`);
}

function isMarker(key: Uint8Array, value: Uint8Array): boolean {
  try {
    dbMetadataRows.value.decode(value);
    return equalBytes(dbMetadataRows.key.encode(dbMetadataRows.key.decode(key)), key);
  } catch (error) {
    if (error instanceof DatabaseError) return false;
    throw error;
  }
}
