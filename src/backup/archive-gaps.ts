import type { MetadataView } from '../archive/metadata-view.js';
import { findRangeFaults, type RangeOf } from '../archive/range-faults.js';
import { skippedSnapshotEpochs } from './skipped-epochs.js';

/** What an archive says of itself that it lacks; ranges are inclusive. */
export interface ArchiveGaps {
  readonly epochs: readonly GapRange[];
  readonly versions: readonly GapRange[];
  /** Epochs of which a snapshot was due and was not taken. */
  readonly skippedStateSnapshotEpochs: readonly bigint[];
}

export interface GapRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** Gaps before the newest backup of each kind, by the metadata alone. */
export function archiveGaps(view: MetadataView): ArchiveGaps {
  return {
    epochs: gapsIn(
      view.epochEndings.map(({ entry }) => ({ first: entry.firstEpoch, last: entry.lastEpoch, item: entry })),
    ),
    versions: gapsIn(
      view.transactions.map(({ entry }) => ({
        first: entry.firstVersion,
        last: entry.lastVersion,
        item: entry,
      })),
    ),
    skippedStateSnapshotEpochs: skippedSnapshotEpochs(view),
  };
}

function gapsIn(ranges: readonly RangeOf<unknown>[]): GapRange[] {
  return findRangeFaults(ranges).flatMap((fault) =>
    fault.kind === 'gap' ? [{ first: fault.first, last: fault.last }] : [],
  );
}

/** A line for each thing that is missing, for people. */
export function gapLines({ epochs, versions, skippedStateSnapshotEpochs: skipped }: ArchiveGaps): string[] {
  return [
    ...epochs.map(({ first, last }) => `no backup holds the endings of epochs ${first} to ${last}`),
    ...versions.map(({ first, last }) => `no backup holds versions ${first} to ${last}`),
    ...(skipped.length === 0 ? [] : [`state snapshots were skipped at epochs ${skipped.join(', ')}`]),
  ];
}
