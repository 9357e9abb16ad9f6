import { MerkleError } from '../merkle/merkle-error.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import { TrustError } from '../trust/trust-error.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import type { LedgerInfo, LedgerInfoWithSignatures } from '../types/ledger-info.js';
import { ServiceError } from './service-error.js';

/** What the caller relies on; the history must know the epochs before those that are read. */
export interface LedgerTrust {
  readonly hashers: LedgerHashers;
  readonly history: EpochHistory;
}

function refused(subject: string, cause: TrustError | undefined): ServiceError {
  const why = cause?.message ?? 'no chain leads from the trust root to its signers';
  return new ServiceError('SERVICE_LEDGER_INFO_REFUSED', `the ledger info of ${subject}: ${why}`, {
    ...(cause ? { cause } : {}),
    hint: cause?.hint ?? 'Bring the epoch history up to the epoch before.',
    facts: { subject },
  });
}

/**
 * The ledger info of a proof, once the caller's trust vouches for it.
 * @param subject what it is said to prove, for the error
 * @throws ServiceError SERVICE_LEDGER_INFO_REFUSED
 */
export function trustedLedgerInfo(
  { history }: LedgerTrust,
  signed: LedgerInfoWithSignatures,
  subject: string,
): LedgerInfo {
  try {
    if (history.verify(signed).anchored) return signed.value.ledger_info;
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    throw refused(subject, error);
  }
  throw refused(subject, undefined);
}

/**
 * Takes an epoch ending into the caller's history.
 * @throws ServiceError SERVICE_LEDGER_INFO_REFUSED
 */
export function addTrustedEnding({ history }: LedgerTrust, signed: LedgerInfoWithSignatures): void {
  const subject = `the ending of epoch ${signed.value.ledger_info.commit_info.epoch}`;
  try {
    if (history.add(signed).anchored) return;
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    throw refused(subject, error);
  }
  throw refused(subject, undefined);
}

/**
 * Runs a Merkle check.
 * @throws ServiceError SERVICE_PROOF_MISMATCH, or SERVICE_KEYS_NOT_INCREASING where the order is wrong
 */
export function requireProof<T>(subject: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (!(cause instanceof MerkleError)) throw cause;
    const unordered = cause.code === 'MERKLE_KEYS_NOT_INCREASING';
    throw new ServiceError(
      unordered ? 'SERVICE_KEYS_NOT_INCREASING' : 'SERVICE_PROOF_MISMATCH',
      `${subject}: ${cause.message}`,
      {
        cause,
        hint: 'The service sends what the validators did not sign: do not store it.',
        facts: { subject, ...cause.facts },
      },
    );
  }
}
