import assert from 'node:assert/strict';
import type { Slot } from './proving-memory.js';

/** Slots that everyone who was let in can always get: one to fill while another is proven. */
const SLOTS_RESERVED = 2;

/** Hands over what is waited for, if it can be had now; `queued` if somebody waits to be let in. */
type Attempt = (queued: boolean) => boolean;

interface Waiter {
  readonly attempt: Attempt;
  readonly isNewcomer: boolean;
}

/**
 * Divides the slots among files that are read at once. Everyone may take what nobody needs, but two are kept
 * for each: whoever waits for a slot thus waits only for whoever takes its own batches, never for another
 * file, in whatever order files are read. First come, first served.
 */
export class SlotShares {
  readonly #free: Slot[];
  readonly #sharesMax: number;
  readonly #shares = new Set<SlotShare>();
  readonly #waiters: Waiter[] = [];

  constructor(slots: readonly Slot[]) {
    this.#free = [...slots];
    this.#sharesMax = Math.floor(slots.length / SLOTS_RESERVED);
    assert(this.#sharesMax > 0);
  }

  /** Waits until there are slots for one more. */
  async open(signal: AbortSignal): Promise<SlotShare> {
    const share = new SlotShare(this);
    await this.#wait(signal, true, () => {
      if (this.#shares.size === this.#sharesMax) return false;
      // Others may have taken slots that would be reserved from now on.
      if (this.#free.length < this.#reserved() + SLOTS_RESERVED) return false;
      this.#shares.add(share);
      return true;
    });
    return share;
  }

  /** Called by shares alone. */
  async take(share: SlotShare, signal: AbortSignal): Promise<Slot> {
    let taken: Slot | undefined;
    await this.#wait(signal, false, (queued) => {
      const mayAlways = share.held < SLOTS_RESERVED;
      if (!mayAlways && (queued || this.#free.length <= this.#reserved())) return false;
      taken = this.#free.pop();
      assert(taken, 'reserved slots are there');
      share.held++;
      return true;
    });
    assert(taken);
    return taken;
  }

  /** Called by shares alone. */
  giveBack(share: SlotShare, slot: Slot): void {
    share.held--;
    this.#free.push(slot);
    this.#serve();
  }

  /** Called by shares alone. */
  close(share: SlotShare): void {
    assert(share.held === 0, 'every slot was given back');
    this.#shares.delete(share);
    this.#serve();
  }

  /** Slots that shares have a right to but have not taken. */
  #reserved(): number {
    let reserved = 0;
    for (const { held } of this.#shares) reserved += Math.max(0, SLOTS_RESERVED - held);
    return reserved;
  }

  #serve(): void {
    let queued = false;
    for (let index = 0; index < this.#waiters.length; ) {
      const waiter = this.#waiters[index];
      if (waiter?.attempt(queued)) this.#waiters.splice(index, 1);
      else {
        queued ||= waiter?.isNewcomer ?? false;
        index++;
      }
    }
  }

  #wait(signal: AbortSignal, isNewcomer: boolean, attempt: Attempt): Promise<void> {
    signal.throwIfAborted();
    if (!(isNewcomer && this.#waiters.length > 0) && attempt(this.#waiters.length > 0))
      return Promise.resolve();
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal.reason);
        this.#serve();
      };
      const waiter: Waiter = {
        isNewcomer,
        attempt: (queued) => {
          if (!attempt(queued)) return false;
          signal.removeEventListener('abort', stop);
          resolve();
          return true;
        },
      };
      signal.addEventListener('abort', stop, { once: true });
      this.#waiters.push(waiter);
    });
  }
}

/** The slots of one file. */
export class SlotShare {
  readonly #shares: SlotShares;
  /** Slots that were taken and not given back; only `SlotShares` changes it. */
  held = 0;

  constructor(shares: SlotShares) {
    this.#shares = shares;
  }

  take(signal: AbortSignal): Promise<Slot> {
    return this.#shares.take(this, signal);
  }

  giveBack(slot: Slot): void {
    this.#shares.giveBack(this, slot);
  }

  /** After every slot was given back. */
  close(): void {
    this.#shares.close(this);
  }
}
