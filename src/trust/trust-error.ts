import { HoldfastError } from '../errors/holdfast-error.js';

/** Why a ledger info is not vouched for (spec: formats.md, sections 4, 5 and 8). */
export type TrustErrorCode =
  /** The ledger info is of another epoch than the validators that should have signed it. */
  | 'LEDGER_INFO_EPOCH_UNEXPECTED'
  /** The bit mask of signers does not fit the number of validators. */
  | 'SIGNER_BITMASK_INVALID'
  /** The signers hold less voting power than a quorum. */
  | 'VOTING_POWER_TOO_LOW'
  /** There is no signature. */
  | 'SIGNATURE_MISSING'
  /** A signer's public key is no point of the curve. */
  | 'PUBLIC_KEY_INVALID'
  /** The signature is not the signers' signature of this ledger info. */
  | 'SIGNATURE_INVALID'
  /** A trusted waypoint for this version has another value. */
  | 'WAYPOINT_MISMATCH'
  /** A ledger info of epoch 0 is another one than the root of the epoch history. */
  | 'GENESIS_LEDGER_INFO_MISMATCH'
  /** A ledger info of version 0 carries what only a consensus round could have given it. */
  | 'GENESIS_LEDGER_INFO_SIGNED'
  /** The epoch ending that names the validators is not known, so nothing can be said. */
  | 'VALIDATORS_UNKNOWN'
  /** Two trusted waypoints were given for one version. */
  | 'WAYPOINT_DUPLICATED';

/** A ledger info that is not vouched for, or cannot be judged. */
export class TrustError extends HoldfastError<TrustErrorCode> {}
