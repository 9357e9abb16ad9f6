// The kernel where vectors are missing: one message after the other. Same exports as the vector one.
import { permuteOne } from './generated/permute-one';
import { absorbOne, initRoundConstants } from './keccak-one';
import { HASH, LAST, SCALAR_SLOT, SCALAR_STATE, SCRATCH_BYTES, SLOT_PHASE, SLOT_TARGET } from './layout';
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

/** Hashes the message that the scalar slot has begun. */
function finish(scratch: usize): void {
  const slot = slotAt(scratch, SCALAR_SLOT);
  while (true) {
    absorbOne(scratch);
    permuteOne(scratch);
    if (load<u32>(slot, SLOT_PHASE) == LAST) break;
    continueMessage(scratch, slot);
  }
  memory.copy(load<usize>(slot, SLOT_TARGET), scratch + SCALAR_STATE, HASH);
}

/**
 * SHA3-256(seed || message) of `count` messages: message i is from `base + starts[i]` up to `base + ends[i]`
 * (arrays of u32). Digests go to `out`, which may overlap nothing. Reads up to 136 bytes behind a message.
 */
export function records(
  scratch: usize,
  seed: usize,
  base: usize,
  starts: usize,
  ends: usize,
  count: u32,
  out: usize,
): void {
  seedSlots(scratch, seed);
  const slot = slotAt(scratch, SCALAR_SLOT);
  for (let index: usize = 0; index < count; index++) {
    const start = <usize>load<u32>(starts + 4 * index);
    const size = <usize>load<u32>(ends + 4 * index) - start;
    beginMessage(scratch, slot, base + start, size, out + HASH * index);
    finish(scratch);
  }
}

/** SHA3-256(seed || pair) of `count` pairs of 64 bytes; `out` may be `pairs`. Reads a little behind them. */
export function nodes(scratch: usize, seed: usize, pairs: usize, count: u32, out: usize): void {
  seedSlots(scratch, seed);
  const slot = slotAt(scratch, SCALAR_SLOT);
  for (let index: usize = 0; index < count; index++) {
    beginMessage(scratch, slot, pairs + 2 * HASH * index, 2 * HASH, out + HASH * index);
    finish(scratch);
  }
}
