import type { ReplayVerifyOptions } from './replay-options.js';
import type { ReplayReport } from './replay-report.js';

/** As an end version: whatever the archive holds. */
const NO_LIMIT = 2n ** 64n - 1n;

/** A replay that is over, as far as it matters to what it left undone. */
export interface EndedReplay
  extends Pick<ReplayReport, 'heldIn' | 'checkpoints' | 'mismatchCount' | 'findings' | 'replayed'> {
  readonly options: ReplayVerifyOptions;
  readonly signaturesChecked: boolean;
}

/** What was asked for but is not done, and why; in sentences for people. */
export function notDoneIn(replay: EndedReplay): string[] {
  const { skipEpochEndings, validateModules, scratchDirectory } = replay.options;
  const signatures = skipEpochEndings
    ? 'ledger info signatures were not checked (--skip-epoch-endings)'
    : 'ledger info signatures were not checked: the archive has no epoch ending';
  return [
    'transactions were not executed: their signed write sets were applied',
    ...(replay.signaturesChecked || replay.findings.length > 0 ? [] : [signatures]),
    ...(validateModules ? ['modules were not validated: that takes a Move bytecode verifier'] : []),
    ...(scratchDirectory !== undefined && replay.heldIn[0] === 'memory'
      ? ['no scratch database was used: the archive lacks the transaction of the snapshot']
      : []),
    ...versionsNotCompared(replay),
  ];
}

/** Of a replay that neither damage nor a mismatch ended. */
function versionsNotCompared({
  options: { endVersion },
  replayed,
  checkpoints,
  findings,
  mismatchCount,
}: EndedReplay): string[] {
  if (replayed === undefined || findings.length > 0 || mismatchCount > 0) return [];
  const end = replayed.last;
  const behindLast = (checkpoints.last ?? replayed.first - 1n) + 1n;
  return [
    ...(behindLast <= end ? [`versions ${behindLast} to ${end} stand behind the last comparison`] : []),
    ...(end < endVersion && endVersion !== NO_LIMIT
      ? [`versions ${end + 1n} to ${endVersion} are not in the archive`]
      : []),
  ];
}
