import type { Finding } from './finding.js';

/** An inclusive range of versions or epochs. */
export interface ProvenRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** A snapshot whose every item, root and signature hold. */
export interface ProvenSnapshot {
  readonly version: bigint;
  readonly epoch: bigint;
  readonly items: bigint;
  /** Lower-case hex. */
  readonly rootHash: string;
}

/** What a verification rests on: `none` only where epoch endings were skipped by flag. */
export type TrustRoot = 'waypoints' | 'archive' | 'none';

/** What a verification did, found and proved. The JSON form has these names; integers are exact. */
export interface VerifyReport {
  readonly archive: string;
  readonly ledgerFamily: string;
  readonly outcome: 'proven' | 'findings' | 'stopped';
  readonly trustRoot: TrustRoot;
  /** The waypoint that the chain starts from, `<version>:<hash>`; absent when nothing anchors it. */
  readonly rootWaypoint?: string;
  /** The same in a sentence. */
  readonly trustRootInWords: string;
  readonly proven: {
    /** The last version that transactions prove; absent when none does. */
    readonly lastVersion?: bigint;
    /** The last epoch whose ending is proven. */
    readonly lastEpoch?: bigint;
    readonly epochEndings: readonly ProvenRange[];
    readonly transactions: readonly ProvenRange[];
    readonly stateSnapshots: readonly ProvenSnapshot[];
  };
  readonly checked: {
    readonly metadataFiles: number;
    readonly manifests: number;
    /** Data and proof files that were read to the end. */
    readonly files: number;
    /** Bytes of them after decompression. */
    readonly bytes: number;
    readonly epochEndings: number;
    readonly transactions: number;
    readonly stateItems: number;
    /** Files without a recorded size and digest, as the reference writes them. */
    readonly unattestedFiles: number;
  };
  readonly findings: readonly (Finding & { readonly allowed?: true })[];
  /** Findings that were counted but not kept. */
  readonly suppressedFindings: number;
  /** What was asked for but is not done, and why. */
  readonly notDone: readonly string[];
  readonly elapsedMs: number;
}

/** Joins a range to a growing list of them, merging where they touch. Ranges come in any order. */
export function addRange(ranges: readonly ProvenRange[], added: ProvenRange): ProvenRange[] {
  const sorted = [...ranges, added].sort((left, right) => (left.first < right.first ? -1 : 1));
  const merged: ProvenRange[] = [];
  for (const range of sorted) {
    const previous = merged.at(-1);
    if (previous && range.first <= previous.last + 1n) {
      if (range.last > previous.last) merged[merged.length - 1] = { first: previous.first, last: range.last };
    } else merged.push(range);
  }
  return merged;
}
