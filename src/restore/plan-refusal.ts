import { type RestorePlan, refusals } from './plan.js';
import { RestoreError } from './restore-error.js';
import { RestoreFindingError } from './restore-finding.js';
import { detourHint } from './snapshot-detours.js';

/**
 * Ends a restore before it begins where its plan says that it must not.
 * @throws RestoreFindingError for damage, RestoreError RESTORE_TARGET_FULL or RESTORE_UNREACHABLE
 */
export function requireFeasible(plan: RestorePlan): void {
  const reasons = refusals(plan);
  const [first] = reasons;
  if (first === undefined) return;
  const [finding, ...others] = reasons.flatMap((remark) => remark.finding ?? []);
  const codes = reasons.map(({ code }) => code);
  if (finding && codes.every((code) => isDamage(code) || code === 'NOTHING_TO_RESTORE')) {
    throw new RestoreFindingError([finding, ...others], detourHint(plan.detours ?? [], finding.file));
  }
  const isFull = codes.every((code) => code === 'DISK_TOO_SMALL');
  throw new RestoreError(isFull ? 'RESTORE_TARGET_FULL' : 'RESTORE_UNREACHABLE', first.message, {
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    facts: { codes },
  });
}

function isDamage(code: string): boolean {
  return code === 'BACKUP_DAMAGED' || code === 'METADATA_DAMAGED' || code === 'BACKUP_UNLISTED';
}
