// The messages in flight: which block of which message is absorbed next. Blocks inside a message are read
// where they lie; the first and the last block are copied and padded, without a branch on the length.
import {
  HASH, HEAD_ROOM, IDLE, KEPT, LAST, PADDING, RATE, SLOT, SLOTS, SLOT_BLOCK, SLOT_BYTES, SLOT_FROM, SLOT_HEAD,
  SLOT_KEEP, SLOT_LEFT, SLOT_PHASE, SLOT_TAIL, SLOT_TARGET, WITHIN,
} from './layout';

// @ts-ignore: decorator
@inline
export function slotAt(scratch: usize, index: u32): usize {
  return scratch + SLOT + <usize>index * SLOT_BYTES;
}

/** Fills the tables that padding reads. */
export function initPadding(scratch: usize): void {
  memory.fill(scratch + KEPT - 144, 0xff, 144);
  memory.fill(scratch + KEPT, 0, 144);
  memory.fill(scratch + PADDING - 144, 0, 304);
  store<u8>(scratch + PADDING, 0x06);
}

/** Writes the seed to where the first block of every message begins; no slot has a message yet. */
export function seedSlots(scratch: usize, seed: usize): void {
  for (let index: u32 = 0; index < SLOTS; index++) {
    const slot = slotAt(scratch, index);
    memory.copy(slot + SLOT_HEAD, seed, HASH);
    store<u32>(slot, IDLE, SLOT_PHASE);
    store<usize>(slot, slot + SLOT_HEAD, SLOT_BLOCK);
  }
}

/** Copies 8 bytes, those from `left` on replaced by the padding. May read behind the message. */
// @ts-ignore: decorator
@inline
function padWord(scratch: usize, from: usize, to: usize, left: usize, at: usize): void {
  const kept = load<u64>(from + at) & load<u64>(scratch + KEPT - left + at);
  store<u64>(to + at, kept | load<u64>(scratch + PADDING - left + at));
}

/** The closing bit of a block, for which room is `room`, if the message ends in it. */
// @ts-ignore: decorator
@inline
function closingBit(left: usize, room: usize): u64 {
  return (<u64>(left < room)) << 63;
}

/** Makes the message at `from` of `size` bytes the slot's, and its first block the one to absorb. */
export function beginMessage(scratch: usize, slot: usize, from: usize, size: usize, target: usize): void {
  const left = min(size, HEAD_ROOM);
  const to = slot + SLOT_HEAD + HASH;
  for (let at: usize = 0; at < HEAD_ROOM; at += 8) padWord(scratch, from, to, left, at);
  store<u64>(slot, load<u64>(slot, SLOT_HEAD + RATE - 8) | closingBit(size, HEAD_ROOM), SLOT_HEAD + RATE - 8);
  store<usize>(slot, slot + SLOT_HEAD, SLOT_BLOCK);
  store<u64>(slot, 0, SLOT_KEEP);
  store<usize>(slot, from + left, SLOT_FROM);
  store<usize>(slot, size - left, SLOT_LEFT);
  store<usize>(slot, target, SLOT_TARGET);
  store<u32>(slot, size < HEAD_ROOM ? LAST : WITHIN, SLOT_PHASE);
}

/** Makes the next block of the slot's message the one to absorb. */
export function continueMessage(scratch: usize, slot: usize): void {
  const from = load<usize>(slot, SLOT_FROM);
  const left = load<usize>(slot, SLOT_LEFT);
  store<u64>(slot, u64.MAX_VALUE, SLOT_KEEP);
  if (left >= RATE) {
    store<usize>(slot, from, SLOT_BLOCK);
    store<usize>(slot, from + RATE, SLOT_FROM);
    store<usize>(slot, left - RATE, SLOT_LEFT);
    return;
  }
  const to = slot + SLOT_TAIL;
  for (let at: usize = 0; at < RATE; at += 8) padWord(scratch, from, to, left, at);
  store<u64>(slot, load<u64>(slot, SLOT_TAIL + RATE - 8) | closingBit(left, RATE), SLOT_TAIL + RATE - 8);
  store<usize>(slot, to, SLOT_BLOCK);
  store<u32>(slot, LAST, SLOT_PHASE);
}
