// The scalar state. This file fills it; the permutation itself is written by permutations.mjs.
import { RATE, ROUND_CONSTANTS, SCALAR_SLOT, SCALAR_STATE, SLOT_BLOCK, SLOT_KEEP } from './layout';
import { slotAt } from './slots';

/** Writes the round constants, made by the shift register of FIPS 202, section 3.2.5. */
export function initRoundConstants(scratch: usize): void {
  let register: u32 = 1;
  for (let round: usize = 0; round < 24; round++) {
    let constant: u64 = 0;
    for (let bit: u32 = 0; bit < 7; bit++) {
      if (register & 1) constant |= (<u64>1) << ((1 << bit) - 1);
      register <<= 1;
      if (register & 0x100) register ^= 0x171;
    }
    store<u64>(scratch + ROUND_CONSTANTS + 8 * round, constant);
  }
}

/** XORs the block of the scalar slot into its state, which begins as zero if the slot says so. */
export function absorbOne(scratch: usize): void {
  const slot = slotAt(scratch, SCALAR_SLOT);
  const block = load<usize>(slot, SLOT_BLOCK);
  const keep = load<u64>(slot, SLOT_KEEP);
  const state = scratch + SCALAR_STATE;
  for (let at: usize = 0; at < RATE; at += 8) {
    store<u64>(state + at, load<u64>(block + at) ^ (load<u64>(state + at) & keep));
  }
  for (let at: usize = RATE; at < 200; at += 8) store<u64>(state + at, load<u64>(state + at) & keep);
}

/**
 * Inverts the six lanes that the permutation keeps complemented: on its way in, and again on its way out.
 */
// @ts-ignore: decorator
@inline
export function complementLanes(state: usize): void {
  store<u64>(state, ~load<u64>(state, 8), 8);
  store<u64>(state, ~load<u64>(state, 16), 16);
  store<u64>(state, ~load<u64>(state, 64), 64);
  store<u64>(state, ~load<u64>(state, 96), 96);
  store<u64>(state, ~load<u64>(state, 136), 136);
  store<u64>(state, ~load<u64>(state, 160), 160);
}
