import type { MetadataView } from '../archive/metadata-view.js';
import { parseMetadataFileName } from '../archive/names.js';
import type { Finding } from '../verify/finding.js';
import type { PlannedRange, PlanRemark, RestoreRequest, RestoreSteps } from './plan.js';
import type { EpochEndingSelection, EpochOfVersion } from './plan-epochs.js';
import type { SelectionShortfall } from './select-backups.js';

/** Where replaying takes longer than another snapshot would. */
const LONG_TAIL_VERSIONS = 1_000_000n;
const RANGES_SHOWN = 5;

export function rangesText(ranges: readonly PlannedRange[]): string {
  const shown = ranges
    .slice(0, RANGES_SHOWN)
    .map(({ first, last }) => (first === last ? `${first}` : `${first} to ${last}`));
  const more = ranges.length > RANGES_SHOWN ? ` and ${ranges.length - RANGES_SHOWN} more ranges` : '';
  return `${shown.join(', ')}${more}`;
}

/** Where nothing can be restored. */
export function nothingRemark(
  view: MetadataView,
  { targetVersion }: RestoreRequest,
  { lastVersionHeld, missingVersions }: SelectionShortfall,
): PlanRemark {
  const until = targetVersion === undefined ? '' : ` at or before version ${targetVersion}`;
  const hasSnapshot = view.stateSnapshots.some(
    ({ entry }) => targetVersion === undefined || entry.version <= targetVersion,
  );
  const hint = 'Name another target version, or restore what is missing of the archive from a copy.';
  const say = (message: string): PlanRemark => ({
    code: 'NOTHING_TO_RESTORE',
    level: 'refusal',
    message,
    hint,
  });
  if (lastVersionHeld === undefined) return say('the archive holds no transactions that can be named');
  const gaps = `versions ${rangesText(missingVersions)} are missing`;
  if (!hasSnapshot) {
    return say(`there is no state snapshot${until}, and no row of transactions from version 0 on: ${gaps}`);
  }
  return say(`no state snapshot${until} has its own transaction in the archive: ${gaps}`);
}

/** What keeps the result from being what was asked for. */
export function shortfallRemarks(
  request: RestoreRequest,
  steps: RestoreSteps,
  shortfall: SelectionShortfall,
): PlanRemark[] {
  const remarks: PlanRemark[] = [];
  const { targetVersion: target, historyStartVersion } = request;
  const { lastVersionHeld: held, missingVersions, endsEarlier, beginsLater } = shortfall;
  const missing = missingVersions.length === 0 ? '' : `: versions ${rangesText(missingVersions)} are missing`;
  if (endsEarlier) {
    remarks.push({
      code: 'VERSIONS_MISSING',
      level: 'refusal',
      message: `the ledger can be restored up to version ${steps.version} only${missing}`,
      hint: `Find the missing backups, or accept that with --target-version ${steps.version}.`,
    });
  } else if (target !== undefined && held !== undefined && held < target) {
    remarks.push({
      code: 'ARCHIVE_ENDS_EARLIER',
      level: 'warning',
      message: `version ${target} was asked for; the archive's transactions end with version ${held}`,
    });
  }
  const begins = steps.kvSnapshot?.version ?? steps.treeSnapshot?.version ?? 0n;
  if (beginsLater) {
    remarks.push({
      code: 'HISTORY_STARTS_LATER',
      level: 'refusal',
      message:
        `the history of the state can begin with version ${begins} only, ` +
        `not ${historyStartVersion}${missing}`,
      hint: `Find the missing backups, or accept that with --ledger-history-start-version ${begins}.`,
    });
  }
  return [...remarks, ...startRemarks(request, steps), ...elsewhere(shortfall, steps)];
}

/** Where the restore begins for want of snapshots. */
function startRemarks({ historyStartVersion }: RestoreRequest, steps: RestoreSteps): PlanRemark[] {
  const { treeSnapshot, replayed, saved, tail, version } = steps;
  if (!treeSnapshot) {
    const where = historyStartVersion === undefined ? `version ${version}` : 'the beginning of the history';
    const message = `no state snapshot at or before ${where} can be used: the state is replayed from 0 on`;
    return [{ code: 'SNAPSHOT_MISSING', level: 'note', message }];
  }
  const remarks: PlanRemark[] = [];
  if (replayed && !saved) {
    const message =
      `no state snapshot at or before version ${historyStartVersion} is there: ` +
      'the history begins with version 0, from an empty state';
    remarks.push({ code: 'HISTORY_STARTS_AT_GENESIS', level: 'note', message });
  }
  const tailCount = tail ? tail.last - tail.first + 1n : 0n;
  if (tailCount > LONG_TAIL_VERSIONS) {
    const message = `${tailCount} versions are replayed into the tree: no newer snapshot can be used`;
    remarks.push({ code: 'LONG_TAIL', level: 'note', message });
  }
  return remarks;
}

/** Gaps that this restore gets by without. */
function elsewhere(
  { otherMissingVersions: others }: SelectionShortfall,
  { version }: RestoreSteps,
): PlanRemark[] {
  if (others.length === 0) return [];
  const message =
    `versions ${rangesText(others)} are missing in the archive; ` +
    `the ledger up to ${version} does not need them`;
  return [{ code: 'VERSIONS_MISSING', level: 'warning', message }];
}

export interface EpochRemarksInput {
  readonly request: RestoreRequest;
  readonly steps: RestoreSteps;
  readonly endings: EpochEndingSelection;
  readonly isAnchored: boolean;
}

/** What is wrong with the chain of epochs. */
export function epochRemarks({ request, steps, endings, isAnchored }: EpochRemarksInput): PlanRemark[] {
  if (request.skipEpochEndings) {
    const message = 'no signature is checked and no epoch ending is written: a node needs them';
    return [{ code: 'SIGNATURES_NOT_CHECKED', level: 'warning', message }];
  }
  const hint = 'Restore the missing backup from a copy, or give up signatures with --skip-epoch-endings.';
  const { lastEpoch, missing, brokenBefore } = endings;
  const refuse = (message: string): PlanRemark[] => [
    { code: 'EPOCH_ENDINGS_MISSING', level: 'refusal', message, hint },
  ];
  if (lastEpoch === undefined)
    return refuse('the ending of epoch 0 is not in the archive: nothing says who may sign');
  const newest = steps.treeSnapshot;
  if (newest && newest.epoch > lastEpoch) {
    return refuse(
      `the ending of epoch ${lastEpoch + 1n} is not in the archive, ` +
        `the snapshot of epoch ${newest.epoch} needs it`,
    );
  }
  const remarks: PlanRemark[] = [];
  if (missing.length > 0) {
    const what = `the endings of epochs ${rangesText(missing)} are missing`;
    if (brokenBefore !== undefined && brokenBefore <= steps.version) return refuse(what);
    const message = `${what}: what only later epochs signed cannot be checked`;
    remarks.push({ code: 'EPOCH_ENDINGS_MISSING', level: 'warning', message });
  }
  if (!isAnchored) {
    const message =
      "no --trust-waypoint was given: the archive's own beginning vouches for the rest, nothing else does";
    remarks.push({ code: 'TRUST_FROM_ARCHIVE', level: 'warning', message });
  }
  return remarks;
}

/** What the metadata of a damaged or missing file might have changed. */
export interface MetadataRemarksInput {
  readonly request: RestoreRequest;
  /** Undefined where nothing can be restored. */
  readonly steps: RestoreSteps | undefined;
  readonly epoch: EpochOfVersion | undefined;
  /** Of metadata files, and of manifests that none names. */
  readonly findings: readonly Finding[];
}

/**
 * A damaged metadata file refuses the restore only where it may have named something that would make the
 * result another one; a restore that is silently older than the archive is what must not be.
 */
export function metadataRemarks(input: MetadataRemarksInput): PlanRemark[] {
  return input.findings.map((finding): PlanRemark => {
    const isUnlisted = finding.code === 'UNLISTED_BACKUP';
    const code = isUnlisted ? 'BACKUP_UNLISTED' : 'METADATA_DAMAGED';
    const matters = mayMatter(input, isUnlisted ? finding.otherFiles?.[0] : finding.file);
    const { steps } = input;
    const hint = matters && steps ? `${finding.hint ?? ''} ${acceptHint(steps)}`.trim() : finding.hint;
    return {
      code,
      level: matters ? 'refusal' : 'warning',
      message: `${finding.code}: ${finding.message}${finding.file === undefined ? '' : ` (${finding.file})`}`,
      ...(hint === undefined ? {} : { hint }),
      finding,
    };
  });
}

function acceptHint({ version }: RestoreSteps): string {
  return `To restore no more than what can be read, give --target-version ${version}.`;
}

function mayMatter({ request, steps, epoch }: MetadataRemarksInput, file: string | undefined): boolean {
  if (!steps) return true;
  const target = request.targetVersion;
  const isAsNewAsAsked = target !== undefined && steps.version >= target;
  const name = file === undefined ? undefined : parseMetadataFileName(file);
  switch (name?.kind) {
    case 'identity':
    case 'compactionTimestamps':
    // Another snapshot would only be another way to the same state.
    case 'stateSnapshot':
    case 'stateSnapshots':
      return false;
    case 'transaction':
      return !isAsNewAsAsked && name.last > steps.version;
    case 'epochEnding': {
      const lastEpoch = steps.epochEndings.at(-1)?.entry.lastEpoch;
      const isKnown = lastEpoch !== undefined && name.last <= lastEpoch;
      return !request.skipEpochEndings && !isKnown && (epoch?.isOpen ?? true);
    }
    default:
      return !isAsNewAsAsked;
  }
}
