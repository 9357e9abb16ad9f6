import { EpochHistory, type Vouched } from '../trust/epoch-history.js';
import { TrustError } from '../trust/trust-error.js';
import type { LedgerInfoWithSignatures } from '../types/ledger-info.js';

/**
 * The epoch endings that an archive happens to have: what they say nothing of passes, and is remembered so
 * that the report can say that its signatures were not checked. What contradicts them is refused.
 */
export class OneoffHistory extends EpochHistory {
  readonly #unchecked = new Set<bigint>();
  #checked = 0;

  /** Epochs, each once, of ledger infos for whose signers no ending vouches. */
  get uncheckedEpochs(): readonly bigint[] {
    return [...this.#unchecked].sort((left, right) => (left < right ? -1 : 1));
  }

  /** How often a ledger info could be held against its signers. */
  get checked(): number {
    return this.#checked;
  }

  override verify(signed: LedgerInfoWithSignatures): Vouched {
    try {
      const vouched = super.verify(signed);
      if (!vouched.anchored) this.#unchecked.add(signed.value.ledger_info.commit_info.epoch);
      else this.#checked++;
      return { ...vouched, anchored: true };
    } catch (error) {
      if (!(error instanceof TrustError) || error.code !== 'VALIDATORS_UNKNOWN') throw error;
      this.#unchecked.add(signed.value.ledger_info.commit_info.epoch);
      return { by: 'root', anchored: true };
    }
  }
}
