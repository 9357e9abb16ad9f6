import { encode } from '../bcs/codec.js';
import { equalBytes } from '../hashing/hash-value.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import { type Waypoint, waypointOf } from '../types/waypoint.js';
import { verifyQuorum } from './quorum.js';
import { TrustError } from './trust-error.js';
import type { TrustedWaypoints } from './trusted-waypoints.js';

/** What a ledger info's acceptance rests on. */
export interface Vouched {
  /** `waypoint`: a trusted waypoint; `signature`: a quorum; `root`: it is the root of the history itself. */
  readonly by: 'waypoint' | 'signature' | 'root';
  /**
   * False when the validators who vouch for it stand behind a gap in the chain, so that the chain from
   * the trust root does not reach them.
   */
  readonly anchored: boolean;
}

/** The ending of one epoch, as it was accepted into the history. */
export interface EpochEnding {
  readonly signed: LedgerInfoWithSignatures;
  readonly vouched: Vouched;
}

/**
 * Refuses a ledger info of version 0 that carries anything which only a consensus round gives: nothing
 * vouches for those fields there (spec: formats.md, section 4).
 * @throws TrustError GENESIS_LEDGER_INFO_SIGNED
 */
export function checkGenesisLedgerInfo(signed: LedgerInfoWithSignatures): void {
  const { ledger_info: ledgerInfo, signatures } = signed.value;
  const { version, round, id } = ledgerInfo.commit_info;
  if (version !== 0n) return;
  const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
  const plain = round === 0n && isZero(id) && isZero(ledgerInfo.consensus_data_hash);
  if (plain && signatures.sig === undefined && signatures.validator_bitmask.inner.length === 0) return;
  throw new TrustError(
    'GENESIS_LEDGER_INFO_SIGNED',
    'the ledger info of version 0 has a round, block id, consensus hash or signature that genesis has not',
  );
}

/**
 * The chain of epoch endings: who may sign in which epoch. Endings are added in the order of their
 * epochs; a missing one leaves a gap behind which nothing is anchored until a trusted waypoint is met
 * (spec: formats.md, sections 8.1 and 8.2).
 */
export class EpochHistory {
  readonly #hashers: LedgerHashers;
  readonly #waypoints: TrustedWaypoints;
  #rootWaypoint: Waypoint | undefined;
  readonly #endings = new Map<bigint, EpochEnding>();
  /** The last proof's ledger info, since the chunks of one backup usually share theirs. */
  #lastVerified: { readonly bytes: Uint8Array; readonly vouched: Vouched } | undefined;

  constructor(hashers: LedgerHashers, waypoints: TrustedWaypoints) {
    this.#hashers = hashers;
    this.#waypoints = waypoints;
  }

  /** The waypoint of the first anchored ending; undefined while there is none. */
  get rootWaypoint(): Waypoint | undefined {
    return this.#rootWaypoint;
  }

  /** How many endings are known. */
  get size(): number {
    return this.#endings.size;
  }

  /** The ending of an epoch that was added, anchored or not; undefined where none was. */
  ending(epoch: bigint): EpochEnding | undefined {
    return this.#endings.get(epoch);
  }

  /**
   * Judges an epoch ending against the history so far and adds it. The ending of epoch 0 without a
   * trusted waypoint is the archive's own word: it is the root when no waypoint at all is trusted, and
   * unanchored otherwise. An ending that is refused can still be added with `addUnanchored`.
   * @throws TrustError what is wrong with it; nothing is added then
   */
  add(signed: LedgerInfoWithSignatures): Vouched {
    const { ledger_info: ledgerInfo } = signed.value;
    const { epoch } = ledgerInfo.commit_info;
    checkGenesisLedgerInfo(signed);
    const vouched = this.#judgeEnding(signed, epoch);
    this.#endings.set(epoch, { signed, vouched });
    if (vouched.anchored) this.#rootWaypoint ??= waypointOf(this.#hashers, ledgerInfo);
    return vouched;
  }

  /** Adds an ending that nothing vouches for, so that what follows it can still be checked against it. */
  addUnanchored(signed: LedgerInfoWithSignatures): void {
    const vouched = { by: 'signature', anchored: false } as const;
    this.#endings.set(signed.value.ledger_info.commit_info.epoch, { signed, vouched });
  }

  #judgeEnding(signed: LedgerInfoWithSignatures, epoch: bigint): Vouched {
    if (this.#waypoints.vouchFor(this.#hashers, signed.value.ledger_info)) {
      return { by: 'waypoint', anchored: true };
    }
    if (epoch === 0n) return { by: 'root', anchored: this.#waypoints.size === 0 };
    return this.#judgeBySignature(signed, epoch);
  }

  #judgeBySignature(signed: LedgerInfoWithSignatures, epoch: bigint): Vouched {
    const previous = this.#endings.get(epoch - 1n);
    const validators = previous?.signed.value.ledger_info.commit_info.next_epoch_state;
    if (!previous || !validators) {
      throw new TrustError(
        'VALIDATORS_UNKNOWN',
        `the ending of epoch ${epoch - 1n}, which names the validators of epoch ${epoch}, is not known`,
        { hint: 'Bring back the missing epoch ending, or trust a later waypoint.', facts: { epoch } },
      );
    }
    verifyQuorum(this.#hashers, validators, signed);
    return { by: 'signature', anchored: previous.vouched.anchored };
  }

  /**
   * Judges the ledger info of a proof. Those of the open epoch are verified with the validators that the
   * last ending names, like any other.
   * @throws TrustError VALIDATORS_UNKNOWN when the chain does not reach its epoch, or what is wrong
   */
  verify(signed: LedgerInfoWithSignatures): Vouched {
    const bytes = encode(LedgerInfoWithSignatures, signed);
    if (this.#lastVerified && equalBytes(this.#lastVerified.bytes, bytes)) return this.#lastVerified.vouched;
    checkGenesisLedgerInfo(signed);
    const { ledger_info: ledgerInfo } = signed.value;
    const { epoch } = ledgerInfo.commit_info;
    let vouched: Vouched;
    if (this.#waypoints.vouchFor(this.#hashers, ledgerInfo)) vouched = { by: 'waypoint', anchored: true };
    else if (epoch === 0n) vouched = this.#matchRoot(signed, bytes);
    else vouched = this.#judgeBySignature(signed, epoch);
    this.#lastVerified = { bytes, vouched };
    return vouched;
  }

  /**
   * Nobody signs in epoch 0, so its ledger info must be the root to the byte. Where no ending of epoch 0
   * is known and no waypoint is trusted, this is the archive's own word for its beginning: the root.
   */
  #matchRoot(signed: LedgerInfoWithSignatures, bytes: Uint8Array): Vouched {
    const root = this.#endings.get(0n);
    if (!root && this.#waypoints.size === 0) return this.add(signed);
    if (!root) throw new TrustError('VALIDATORS_UNKNOWN', 'the ending of epoch 0 is not known');
    if (!equalBytes(encode(LedgerInfoWithSignatures, root.signed), bytes)) {
      throw new TrustError(
        'GENESIS_LEDGER_INFO_MISMATCH',
        'a ledger info of epoch 0 differs from the one that the epoch history begins with',
      );
    }
    return root.vouched;
  }
}
