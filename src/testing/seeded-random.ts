import assert from 'node:assert';
import { createHash } from 'node:crypto';
import { uniformBigInt } from 'pure-rand/distribution/uniformBigInt';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { JumpableRandomGenerator } from 'pure-rand/types/JumpableRandomGenerator';

/** What a run is repeated with: equal seeds give equal bytes on every machine. */
export type Seed = number | string;

/**
 * A repeatable source of random values. `fork(label)` gives a source whose values depend on the seed and
 * the path of labels only, so that one part of a program drawing more does not shift another's draws.
 */
export class SeededRandom {
  readonly #key: Uint8Array;
  readonly #generator: JumpableRandomGenerator;

  private constructor(key: Uint8Array) {
    this.#key = key;
    const words = new DataView(key.buffer, key.byteOffset, key.byteLength);
    const state = Array.from({ length: 4 }, (_, index) => words.getInt32(4 * index, true));
    // The one state that the generator cannot leave.
    if (!state.some((word) => word !== 0)) state.fill(1);
    this.#generator = xoroshiro128plusFromState(state);
  }

  /** The root of all sources with this seed. */
  static fromSeed(seed: Seed): SeededRandom {
    return new SeededRandom(
      createHash('sha256')
        .update(`${typeof seed}:${seed}`)
        .digest(),
    );
  }

  /** A source of its own, see above; takes nothing from this one. */
  fork(label: string): SeededRandom {
    return new SeededRandom(createHash('sha256').update(this.#key).update(label).digest());
  }

  /** An integer from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return uniformInt(this.#generator, min, max);
  }

  /** A bigint from `min` to `max`, both included. */
  bigint(min: bigint, max: bigint): bigint {
    return uniformBigInt(this.#generator, min, max);
  }

  /** Any 64-bit unsigned integer. */
  u64(): bigint {
    return this.bigint(0n, 0xffff_ffff_ffff_ffffn);
  }

  /** A new array of `count` bytes. */
  bytes(count: number): Uint8Array {
    const out = new Uint8Array(count);
    const words = new DataView(out.buffer);
    let offset = 0;
    for (; offset + 4 <= count; offset += 4) words.setInt32(offset, this.#generator.next(), true);
    for (; offset < count; offset++) out[offset] = this.#generator.next() & 0xff;
    return out;
  }

  /** True in about `probability` of all calls. */
  chance(probability: number): boolean {
    return this.int(0, 0xffff) < probability * 0x10000;
  }

  /** One of the items, each as likely. */
  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, 'cannot pick from nothing');
    return items[this.int(0, items.length - 1)] as T;
  }

  /** The items in random order, a new array. */
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let last = out.length - 1; last > 0; last--) {
      const other = this.int(0, last);
      [out[last], out[other]] = [out[other] as T, out[last] as T];
    }
    return out;
  }
}

/**
 * Deals all of its cards in random order before it deals any of them again, so that as many draws as
 * there are cards show every card: how short ledgers come to hold every variant.
 */
export class Deck<T> {
  readonly #random: SeededRandom;
  readonly #cards: readonly T[];
  #left: T[] = [];

  constructor(random: SeededRandom, cards: readonly T[]) {
    assert(cards.length > 0, 'a deck without cards');
    this.#random = random;
    this.#cards = cards;
  }

  /** The next card. */
  deal(): T {
    if (this.#left.length === 0) this.#left = this.#random.shuffle(this.#cards);
    return this.#left.pop() as T;
  }
}
