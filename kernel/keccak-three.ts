// Three Keccak states at once: two in the lanes of vectors, one in scalars. This file fills them; the
// permutation itself is written by permutations.mjs.
import { HASH, RATE, SCALAR_STATE, SLOT_BLOCK, SLOT_KEEP, VECTOR_STATE } from './layout';
import { slotAt } from './slots';

/** Rotates both lanes to the left. By one bit, an addition does the shift: more units add than shift. */
// @ts-ignore: decorator
@inline
export function turnPair(pair: v128, bits: i32): v128 {
  if (bits == 1) return v128.or(i64x2.add(pair, pair), i64x2.shr_u(pair, 63));
  return v128.or(i64x2.shl(pair, bits), i64x2.shr_u(pair, 64 - bits));
}

/** XORs the block of each slot into its state, which begins as zero where the slot says so. */
export function absorbThree(scratch: usize): void {
  const slot0 = slotAt(scratch, 0);
  const slot1 = slotAt(scratch, 1);
  const slot2 = slotAt(scratch, 2);
  const block0 = load<usize>(slot0, SLOT_BLOCK);
  const block1 = load<usize>(slot1, SLOT_BLOCK);
  const block2 = load<usize>(slot2, SLOT_BLOCK);
  const keepPair = v128.load_lane<u64>(slot1 + SLOT_KEEP, v128.load_zero<u64>(slot0, SLOT_KEEP), 1);
  const keep = load<u64>(slot2, SLOT_KEEP);
  const vector = scratch + VECTOR_STATE;
  const scalar = scratch + SCALAR_STATE;
  for (let at: usize = 0; at < RATE; at += 8) {
    const pair = v128.load_lane<u64>(block1 + at, v128.load_zero<u64>(block0 + at), 1);
    v128.store(vector + 2 * at, v128.xor(pair, v128.and(v128.load(vector + 2 * at), keepPair)));
    store<u64>(scalar + at, load<u64>(block2 + at) ^ (load<u64>(scalar + at) & keep));
  }
  for (let at: usize = RATE; at < 200; at += 8) {
    v128.store(vector + 2 * at, v128.and(v128.load(vector + 2 * at), keepPair));
    store<u64>(scalar + at, load<u64>(scalar + at) & keep);
  }
}

/**
 * Begins all three states with the one block of a seeded pair of hashes: 8 words at `pairs`, `pairs + 64` and
 * `pairs + 128`. A node is hashed a hundred million times, so it is worth a way around the slots.
 */
export function absorbThreePairs(scratch: usize, seed: usize, pairs: usize): void {
  const vector = scratch + VECTOR_STATE;
  const scalar = scratch + SCALAR_STATE;
  for (let at: usize = 0; at < HASH; at += 8) {
    v128.store(vector + 2 * at, v128.load_splat<u64>(seed + at));
    store<u64>(scalar + at, load<u64>(seed + at));
  }
  for (let at: usize = 0; at < 2 * HASH; at += 8) {
    const pair = v128.load_lane<u64>(pairs + at, v128.load_zero<u64>(pairs + at), 1, 2 * HASH);
    v128.store(vector + 2 * at, pair, 2 * HASH);
    store<u64>(scalar + at, load<u64>(pairs + at, 4 * HASH), HASH);
  }
  for (let at: usize = 3 * HASH; at < 200; at += 8) {
    v128.store(vector + 2 * at, i64x2.splat(0));
    store<u64>(scalar + at, 0);
  }
  v128.store(vector, i64x2.splat(0x06), 6 * HASH);
  store<u64>(scalar, 0x06, 3 * HASH);
  v128.store(vector, i64x2.splat(i64.MIN_VALUE), 2 * (RATE - 8));
  store<u64>(scalar, <u64>1 << 63, RATE - 8);
}
