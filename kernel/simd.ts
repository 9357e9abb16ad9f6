// The kernel on vectors: three messages in flight, a slot is refilled as soon as its message ends.
import { permuteOne } from './generated/permute-one';
import { permuteThree } from './generated/permute-three';
import { absorbOne, initRoundConstants } from './keccak-one';
import { absorbThree, absorbThreePairs } from './keccak-three';
import {
  HASH, IDLE, LAST, SCALAR_SLOT, SCALAR_STATE, SCRATCH_BYTES, SLOTS, SLOT_BLOCK, SLOT_PHASE, SLOT_TARGET,
  VECTOR_STATE,
} from './layout';
import { beginMessage, continueMessage, initPadding, seedSlots, slotAt } from './slots';

export { skipValue } from './skip-program';
export { stateProgramBytes, stateWorkBytes, states } from './states';
export { transactionProgramBytes, transactions, transactionWorkBytes } from './transactions';

/** Bytes of scratch memory that an instance needs. */
export function scratchBytes(): usize {
  return SCRATCH_BYTES;
}

/** Prepares the scratch memory at `scratch`, a multiple of 16. Once before anything else. */
export function init(scratch: usize): void {
  initRoundConstants(scratch);
  initPadding(scratch);
}

/** Writes the digest of a slot to its place. */
function writeDigest(scratch: usize, index: u32): void {
  const target = load<usize>(slotAt(scratch, index), SLOT_TARGET);
  const scalar = index == SCALAR_SLOT;
  const state = scratch + (scalar ? SCALAR_STATE : VECTOR_STATE + 8 * <usize>index);
  const stride: usize = scalar ? 8 : 16;
  store<u64>(target, load<u64>(state));
  store<u64>(target, load<u64>(state + stride), 8);
  store<u64>(target, load<u64>(state + 2 * stride), 16);
  store<u64>(target, load<u64>(state + 3 * stride), 24);
}

/** Moves the last message in flight to the scalar slot, which is faster by itself, and ends it there. */
function finishAlone(scratch: usize, index: u32): void {
  const slot = slotAt(scratch, SCALAR_SLOT);
  if (index != SCALAR_SLOT) {
    const lane = scratch + VECTOR_STATE + 8 * <usize>index;
    for (let at: usize = 0; at < 200; at += 8) {
      store<u64>(scratch + SCALAR_STATE + at, load<u64>(lane + 2 * at));
    }
    // The head or tail block that is next stays where it is, in the other slot.
    const other = slotAt(scratch, index);
    memory.copy(slot + SLOT_BLOCK, other + SLOT_BLOCK, SLOT_PHASE + 4 - SLOT_BLOCK);
  }
  while (true) {
    absorbOne(scratch);
    permuteOne(scratch);
    if (load<u32>(slot, SLOT_PHASE) == LAST) break;
    continueMessage(scratch, slot);
  }
  writeDigest(scratch, SCALAR_SLOT);
}

/**
 * SHA3-256(seed || message) of `count` messages: message i is from `base + starts[i]` up to `base + ends[i]`
 * (arrays of u32). Digests go to `out`, which may overlap nothing. Reads up to 136 bytes behind a message.
 */
export function records(
  scratch: usize, seed: usize, base: usize, starts: usize, ends: usize, count: u32, out: usize,
): void {
  seedSlots(scratch, seed);
  let next: u32 = 0;
  let busy: u32 = 0;
  for (; next < min(count, SLOTS); next++, busy++) begin(scratch, next, base, starts, ends, next, out);
  while (busy > 1) {
    absorbThree(scratch);
    permuteThree(scratch);
    for (let index: u32 = 0; index < SLOTS; index++) {
      const slot = slotAt(scratch, index);
      const phase = load<u32>(slot, SLOT_PHASE);
      if (phase == LAST) {
        writeDigest(scratch, index);
        if (next < count) {
          begin(scratch, index, base, starts, ends, next++, out);
        } else {
          store<u32>(slot, IDLE, SLOT_PHASE);
          store<usize>(slot, slot, SLOT_BLOCK);
          busy--;
        }
      } else if (phase != IDLE) continueMessage(scratch, slot);
    }
  }
  if (busy == 0) return;
  let last: u32 = 0;
  while (load<u32>(slotAt(scratch, last), SLOT_PHASE) == IDLE) last++;
  finishAlone(scratch, last);
}

// @ts-ignore: decorator
@inline
function begin(
  scratch: usize, index: u32, base: usize, starts: usize, ends: usize, message: u32, out: usize,
): void {
  const start = <usize>load<u32>(starts + 4 * <usize>message);
  const size = <usize>load<u32>(ends + 4 * <usize>message) - start;
  beginMessage(scratch, slotAt(scratch, index), base + start, size, out + HASH * <usize>message);
}

/** SHA3-256(seed || pair) of `count` pairs of 64 bytes; `out` may be `pairs`. Reads a little behind them. */
export function nodes(scratch: usize, seed: usize, pairs: usize, count: u32, out: usize): void {
  seedSlots(scratch, seed);
  let done: usize = 0;
  for (; done + SLOTS <= count; done += SLOTS) {
    // All three pairs are read before a digest may overwrite one.
    absorbThreePairs(scratch, seed, pairs + 2 * HASH * done);
    permuteThree(scratch);
    const target = out + HASH * done;
    for (let at: usize = 0; at < HASH; at += 8) {
      const pair = v128.load(scratch + VECTOR_STATE + 2 * at);
      v128.store_lane<u64>(target + at, pair, 0);
      v128.store_lane<u64>(target + at, pair, 1, HASH);
      store<u64>(target + at, load<u64>(scratch + SCALAR_STATE + at), 2 * HASH);
    }
  }
  const slot = slotAt(scratch, SCALAR_SLOT);
  for (; done < count; done++) {
    beginMessage(scratch, slot, pairs + 2 * HASH * done, 2 * HASH, out + HASH * done);
    finishAlone(scratch, SCALAR_SLOT);
  }
}

