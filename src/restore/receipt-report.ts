import { emptyTally } from './archive-reading.js';
import type { RestoreReceipt } from './restore-journal.js';
import type { RestoreIdentity } from './restore-identity.js';
import type { RestoreReport } from './restore-report.js';

/** What stays in the target of a restore that did this. */
export function receiptOf(identity: RestoreIdentity, report: RestoreReport): RestoreReceipt {
  const { version, epoch, stateRoot, stateVersion, hasLastLedgerInfo, trustRoot, trustRootInWords } = report;
  return {
    identity,
    version: String(version),
    ...(epoch === undefined ? {} : { epoch: String(epoch) }),
    ...(stateRoot === undefined ? {} : { rootHash: stateRoot }),
    finishedAt: new Date().toISOString(),
    report: {
      trustRoot,
      trustRootInWords,
      ...(stateVersion === undefined ? {} : { stateVersion: String(stateVersion) }),
      ...(hasLastLedgerInfo === undefined ? {} : { hasLastLedgerInfo }),
    },
  };
}

/** Of a run that read nothing: an earlier one had restored all of it. */
export function receiptReport(
  receipt: RestoreReceipt,
  {
    outcome,
    target,
    startedAt,
  }: {
    readonly outcome: 'restored' | 'already-restored';
    readonly target: string;
    /** By `performance.now`. */
    readonly startedAt: number;
  },
): RestoreReport {
  const { version, epoch, rootHash, identity, report } = receipt;
  const { trustRoot, trustRootInWords, stateVersion, hasLastLedgerInfo } = report;
  const isTrustRoot = trustRoot === 'waypoints' || trustRoot === 'archive';
  return {
    outcome,
    archive: identity.archive.place,
    target,
    version: BigInt(version),
    firstVersion: BigInt(identity.choice.firstVersion),
    ...(epoch === undefined ? {} : { epoch: BigInt(epoch) }),
    ...(typeof stateVersion === 'string' ? { stateVersion: BigInt(stateVersion) } : {}),
    ...(rootHash === undefined ? {} : { stateRoot: rootHash }),
    ...(typeof hasLastLedgerInfo === 'boolean' ? { hasLastLedgerInfo } : {}),
    trustRoot: isTrustRoot ? trustRoot : 'none',
    trustRootInWords: typeof trustRootInWords === 'string' ? trustRootInWords : 'not recorded',
    resumed: outcome === 'restored',
    read: emptyTally(),
    notDone: [],
    elapsedMs: Math.round(performance.now() - startedAt),
  };
}
