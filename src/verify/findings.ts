import { BcsError } from '../bcs/bcs-error.js';
import { HoldfastError } from '../errors/holdfast-error.js';
import type { FileHandle } from '../storage/backup-storage.js';
import { type Finding, type FindingCode, isFindingCode } from './finding.js';

/** A file that is damaged throughout says the same thing millions of times. */
const KEPT_PER_FILE = 20;
/** Bounds memory where thousands of files are damaged; the rest is counted. */
const KEPT_IN_ALL = 20_000;

/** Thrown by `--fail-fast` as soon as something that is not allowed was found. */
export class StoppedAtFinding extends Error {
  override readonly name = 'StoppedAtFinding';
}

export interface FindingsOptions {
  readonly failFast?: boolean;
  /** Codes that are reported but do not count as faults. */
  readonly allow?: ReadonlySet<FindingCode>;
  /** Called for each finding as it is made. */
  readonly onFinding?: (finding: Finding, allowed: boolean) => void;
}

/** Collects findings, bounded in number, and decides what counts. */
export class Findings {
  readonly kept: Finding[] = [];
  readonly #options: FindingsOptions;
  readonly #perFile = new Map<string, number>();
  #faults = 0;
  #allowed = 0;
  #suppressed = 0;

  constructor(options: FindingsOptions = {}) {
    this.#options = options;
  }

  /** Findings that are not allowed by name. */
  get faults(): number {
    return this.#faults;
  }
  get allowed(): number {
    return this.#allowed;
  }
  /** Counted, but too many of one file or in all to be kept. */
  get suppressed(): number {
    return this.#suppressed;
  }

  isAllowed(finding: Finding): boolean {
    return this.#options.allow?.has(finding.code) ?? false;
  }

  /** @throws StoppedAtFinding with `failFast`, unless the finding is allowed */
  add(finding: Finding): void {
    const allowed = this.isAllowed(finding);
    if (allowed) this.#allowed++;
    else this.#faults++;
    const file = finding.file ?? '';
    const ofThisFile = (this.#perFile.get(file) ?? 0) + 1;
    this.#perFile.set(file, ofThisFile);
    if ((file !== '' && ofThisFile > KEPT_PER_FILE) || this.kept.length >= KEPT_IN_ALL) this.#suppressed++;
    else {
      this.kept.push(finding);
      this.#options.onFinding?.(finding, allowed);
    }
    if (!allowed && this.#options.failFast) throw new StoppedAtFinding(finding.message);
  }
}

/** What is known about the place when an error becomes a finding. */
export interface FindingPlace {
  readonly file: FileHandle;
  readonly otherFiles?: readonly FileHandle[];
  readonly record?: number;
  readonly offset?: number;
  readonly versions?: readonly [bigint, bigint];
  readonly epochs?: readonly [bigint, bigint];
}

function textFact(error: HoldfastError, name: string): string | undefined {
  const fact = error.facts[name];
  return fact === undefined ? undefined : String(fact);
}

/**
 * Turns an expected failure into a finding. Errors of other kinds are mistakes of ours or an abort, and
 * are thrown on. BCS errors become RECORD_INVALID, or `bcsCode`.
 */
export function findingOf(
  error: unknown,
  place: FindingPlace,
  bcsCode: 'RECORD_INVALID' | 'PROOF_INVALID' = 'RECORD_INVALID',
): Finding {
  if (error instanceof BcsError) {
    const offset = (place.offset ?? 0) + error.offset;
    const where = error.path === '' ? '' : ` in ${error.path}`;
    const message = `${error.message.split(' at byte ')[0]}${where}`;
    return { ...place, code: bcsCode, message, offset };
  }
  if (!(error instanceof HoldfastError) || !isFindingCode(error.code)) throw error;
  const expected = textFact(error, 'expected');
  const actual = textFact(error, 'actual');
  const { recordIndex, byteOffset } = error.facts;
  const record = typeof recordIndex === 'number' ? recordIndex : place.record;
  const offset = typeof byteOffset === 'number' ? byteOffset : place.offset;
  return {
    ...place,
    code: error.code,
    message: error.message,
    ...(record === undefined ? {} : { record }),
    ...(offset === undefined ? {} : { offset }),
    ...(expected === undefined ? {} : { expected }),
    ...(actual === undefined ? {} : { actual }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}
