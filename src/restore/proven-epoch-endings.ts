import type { EpochEndingEntry } from '../archive/metadata-entry.js';
import type { ViewEntry } from '../archive/metadata-view.js';
import type { ProgressListener } from '../telemetry/progress.js';
import { EpochHistory } from '../trust/epoch-history.js';
import type { TrustedWaypoints } from '../trust/trusted-waypoints.js';
import type { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import { EpochEndingVerifier } from '../verify/epoch-endings.js';
import type { FindingCode } from '../verify/finding.js';
import { EPOCH_ENDING_KIND, loadManifests } from '../verify/manifests.js';
import { type ArchiveReading, verifyContextOf } from './archive-reading.js';
import type { PlannedRange } from './plan.js';
import { requireSound } from './restore-finding.js';

/** The endings of consecutive epochs, to each of which a chain leads from the trust root. */
export interface ProvenEpochEndings {
  readonly history: EpochHistory;
  /** Epochs to whose endings no chain leads, where that was allowed. */
  readonly unanchored: readonly PlannedRange[];
  /** In the order of their epochs. */
  readonly endings: readonly LedgerInfoWithSignatures[];
}

export interface EpochEndingOptions {
  /** To which the endings are added; a new one by default. */
  readonly history?: EpochHistory;
  /** Endings that fit each other, but to which no chain leads, do not end the restore. */
  readonly allowUnanchored?: boolean;
}

/**
 * Reads and proves epoch endings (spec: formats.md, 8.1).
 * @param backups in the order of their epochs
 * @throws RestoreFindingError when any of them is not proven
 */
export async function provenEpochEndings(
  reading: ArchiveReading,
  waypoints: TrustedWaypoints,
  backups: readonly ViewEntry<EpochEndingEntry>[],
  progress: ProgressListener,
  options: EpochEndingOptions = {},
): Promise<ProvenEpochEndings> {
  const allow = new Set<FindingCode>(options.allowUnanchored ? ['NOT_ANCHORED'] : []);
  const context = { ...verifyContextOf(reading, allow), progress };
  const history = options.history ?? new EpochHistory(reading.hashers, waypoints);
  const total = backups.reduce((sum, { entry }) => sum + Number(entry.lastEpoch - entry.firstEpoch) + 1, 0);
  const manifests = loadManifests(context, EPOCH_ENDING_KIND, backups);
  await new EpochEndingVerifier(context, history).verify(manifests, total);
  requireSound(context);
  const endings: LedgerInfoWithSignatures[] = [];
  for (const { entry } of backups) {
    for (let epoch = entry.firstEpoch; epoch <= entry.lastEpoch; epoch++) {
      const ending = history.ending(epoch);
      if (ending) endings.push(ending.signed);
    }
  }
  const unanchored = context.findings.kept.flatMap(({ epochs }) =>
    epochs ? [{ first: epochs[0], last: epochs[1] }] : [],
  );
  return { history, endings, unanchored };
}
