/** Which rule a manifest breaks by what it says alone, before any file is read. */
export type ManifestRule =
  /** The manifest's own range ends before it begins. */
  | 'RANGE_INVERTED'
  /** There is no chunk. */
  | 'NO_CHUNKS'
  /** A chunk's range ends before it begins. */
  | 'CHUNK_RANGE_INVERTED'
  /** A chunk does not begin where the one before it, or the manifest, says. */
  | 'CHUNKS_NOT_CONTINUOUS'
  /** The chunks end elsewhere than the manifest. */
  | 'LAST_DIFFERS'
  /** The number of waypoints is not the number of epochs. */
  | 'WAYPOINT_COUNT'
  /** The keys of a chunk's first and last item cannot be those of so many items. */
  | 'CHUNK_KEYS'
  /** A chunk's first key does not come after the last key of the chunk before. */
  | 'KEYS_NOT_ASCENDING';

/** One contradiction inside of a manifest. */
export interface ManifestProblem {
  readonly rule: ManifestRule;
  readonly message: string;
  /** The field concerned, such as `chunks[3].first_idx`. */
  readonly path: string;
  readonly expected?: bigint | string;
  readonly actual?: bigint | string;
}

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** What ranges are counted in: the `first_<unit>` and `last_<unit>` of the manifest's fields. */
export interface RangeOfUnit extends Range {
  readonly unit: 'epoch' | 'version';
}

/** All faults of a manifest's range and its chunks' ranges (spec: backup-format.md, section 4.1). */
export function checkChunkRanges(whole: RangeOfUnit, chunks: readonly Range[]): ManifestProblem[] {
  const { unit, first, last } = whole;
  const problems: ManifestProblem[] = [];
  if (first > last) {
    problems.push({
      rule: 'RANGE_INVERTED',
      message: `bad ${unit} range: [${first}, ${last}]`,
      path: `last_${unit}`,
      expected: first,
      actual: last,
    });
  }
  problems.push(...checkContinuity(unit, unit, first, chunks));
  const end = chunks.at(-1);
  if (end !== undefined && end.last !== last) {
    problems.push({
      rule: 'LAST_DIFFERS',
      message: `last ${unit} in chunks: ${end.last}, in manifest: ${last}`,
      path: `last_${unit}`,
      expected: end.last,
      actual: last,
    });
  }
  return problems;
}

/**
 * The faults of a sequence of chunks that must begin at `first` and follow on one another; after a
 * fault the count goes on with the chunk as it is, so that one lie is one problem.
 */
export function checkContinuity(
  unit: string,
  field: string,
  first: bigint,
  chunks: readonly Range[],
): ManifestProblem[] {
  if (chunks.length === 0) return [{ rule: 'NO_CHUNKS', message: 'no chunks', path: 'chunks' }];
  const problems: ManifestProblem[] = [];
  let next: bigint | undefined = first;
  for (const [index, chunk] of chunks.entries()) {
    if (next !== undefined && chunk.first !== next) {
      problems.push({
        rule: 'CHUNKS_NOT_CONTINUOUS',
        message: `chunk ranges not continuous: expected first ${unit} ${next}, got ${chunk.first}`,
        path: `chunks[${index}].first_${field}`,
        expected: next,
        actual: chunk.first,
      });
    }
    const isInverted: boolean = chunk.last < chunk.first;
    if (isInverted) {
      problems.push({
        rule: 'CHUNK_RANGE_INVERTED',
        message: `chunk range invalid: [${chunk.first}, ${chunk.last}]`,
        path: `chunks[${index}].last_${field}`,
        expected: chunk.first,
        actual: chunk.last,
      });
    }
    // Where an inverted range should have ended nobody knows.
    next = isInverted ? undefined : chunk.last + 1n;
  }
  return problems;
}
