import type { KeyValueStore } from '../driver/key-value-store.js';
import type { ColumnFamily } from '../schema/column-family.js';
import { iterateKeys } from '../schema/rows.js';

/** Versions that a column family has rows for. */
export interface VersionRuns {
  /** First version of all; undefined where there are no rows. */
  readonly first: bigint | undefined;
  /** First version behind the last gap. */
  readonly lastRunStart: bigint | undefined;
  /** Last version within the bound. */
  readonly last: bigint | undefined;
  readonly gapCount: number;
}

/** The runs of versions up to and including `lastVersion`. */
export async function versionRuns(
  store: KeyValueStore,
  family: ColumnFamily<bigint, unknown>,
  lastVersion: bigint,
  signal: AbortSignal | undefined,
): Promise<VersionRuns> {
  let first: bigint | undefined;
  let lastRunStart: bigint | undefined;
  let last: bigint | undefined;
  let gapCount = 0;
  const options = { signal, readAhead: 1024 };
  for await (const version of iterateKeys(store, family, { lte: lastVersion }, options)) {
    first ??= version;
    if (last !== undefined && version !== last + 1n) gapCount++;
    if (last === undefined || version !== last + 1n) lastRunStart = version;
    last = version;
  }
  return { first, lastRunStart, last, gapCount };
}
