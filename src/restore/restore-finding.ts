import type { VerifyContext } from '../verify/context.js';
import type { Finding } from '../verify/finding.js';
import { RestoreError } from './restore-error.js';

/** Where a finding is, in words; empty where it is nowhere in particular. */
function placeOf({ file, record, offset }: Finding): string {
  const parts = [
    ...(file === undefined ? [] : [file]),
    ...(record === undefined ? [] : [`record ${record}`]),
    ...(offset === undefined ? [] : [`byte ${offset}`]),
  ];
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/** What ends a restore that meets damage: the findings that `backup verify` makes of the same files. */
export class RestoreFindingError extends RestoreError {
  /** At least one. */
  readonly findings: readonly [Finding, ...Finding[]];

  /** How to do without what is damaged, where that is known; part of the hint. */
  readonly detour: string | undefined;

  constructor(findings: readonly [Finding, ...Finding[]], detour?: string) {
    const [first] = findings;
    const hint = first.hint ?? 'Bring back the file from a copy.';
    super('RESTORE_FINDING', `${first.code}: ${first.message}${placeOf(first)}`, {
      hint: detour === undefined ? hint : `${hint} ${detour}`,
      facts: { finding: first },
    });
    this.findings = findings;
    this.detour = detour;
  }
}

/**
 * Ends the restore if there is anything that speaks against what was just verified.
 * @throws RestoreFindingError
 */
export function requireSound(...contexts: readonly VerifyContext[]): void {
  const [first, ...others] = contexts.flatMap(({ findings }) =>
    findings.kept.filter((finding) => !findings.isAllowed(finding)),
  );
  if (first) throw new RestoreFindingError([first, ...others]);
}
