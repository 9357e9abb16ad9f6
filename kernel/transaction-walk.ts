// Finds where the parts of transaction records lie, and notes that in rows.
import { HASH } from './layout';
import { skipValue } from './skip-program';
import {
  AUXILIARY_END, AUXILIARY_HASH_AT, AUXILIARY_START, COMMITTED, COMMITTED_BYTES, DOUBT, ENTRY_AUXILIARY,
  ENTRY_ENCRYPTED_INNER, ENTRY_ENCRYPTED_PAYLOAD, ENTRY_EVENT, ENTRY_STATUS, ENTRY_TRANSACTION,
  ENTRY_WRITE_SET, EVENTS, EVENT_END, EVENT_START, HASHES_AT, INFO_END, INFO_START, PROGRAM, ROWS,
  SKIP_STACK, TRANSACTION_END, TRANSACTION_START, WIDTH, WRITE_SET_END, WRITE_SET_START, setRow,
} from './transaction-layout';

// Of records whose transaction hash is not over the bytes as they lie.
const PAYLOAD_AT: usize = 1 + 32 + 8;
const USER_TRANSACTION: u32 = 0;
const ENCRYPTED_PAYLOAD: u32 = 5;
const FAILED_DECRYPTION: u32 = 1;
const DECRYPTED: u32 = 2;
const AUXILIARY_V1: u32 = 1;
const GAS_USED: usize = 8;

/** Events of the present run. */
export let events: u32 = 0;
/** Bytes of transactions that the run has written as they are hashed. */
let committed: usize = 0;
/** Set if a record has no place in the run. */
let full: bool = false;

/** An option's tag at `at`: where what follows ends if it has `size` bytes, or 0. */
// @ts-ignore: decorator
@inline
function optionEnd(at: usize, end: usize, size: usize): usize {
  if (at >= end) return 0;
  const tag = load<u8>(at);
  if (tag > 1) return 0;
  const after = at + 1 + (tag == 1 ? size : 0);
  return after > end ? 0 : after;
}

/** Whether the hash of the transaction at `at` is over other bytes: validators tried to open its payload. */
// @ts-ignore: decorator
@inline
function isOpened(at: usize, end: usize): bool {
  if (end - at <= PAYLOAD_AT + 1 || load<u8>(at) != USER_TRANSACTION) return false;
  if (load<u8>(at, PAYLOAD_AT) != ENCRYPTED_PAYLOAD) return false;
  const state = <u32>load<u8>(at, PAYLOAD_AT + 1);
  return state == FAILED_DECRYPTION || state == DECRYPTED;
}

/** Where the part at `at` ends whose program begins at the word that `entry` names, or 0. */
// @ts-ignore: decorator
@inline
function skipPart(work: usize, entry: usize, at: usize, end: usize): usize {
  return skipValue(work + PROGRAM, load<u32>(work + entry), at, end, work + SKIP_STACK);
}

/**
 * Writes the transaction `start..end` as its sender encrypted it, and notes that in its row: what validators
 * made of its payload is replaced by 00 and what they began with (spec: formats.md, section 3, case 1).
 */
function commitOpened(work: usize, row: u32, start: usize, end: usize): bool {
  const payload = start + PAYLOAD_AT + 1;
  const payloadEnd = skipPart(work, ENTRY_ENCRYPTED_PAYLOAD, payload, end);
  const innerEnd = skipPart(work, ENTRY_ENCRYPTED_INNER, payload + 1, end);
  if (payloadEnd == 0 || innerEnd == 0) return false;
  const kept = innerEnd - start;
  const size = kept + (end - payloadEnd);
  if (size > COMMITTED_BYTES - committed) {
    full = true;
    return false;
  }
  const to = work + COMMITTED + committed;
  memory.copy(to, start, kept);
  store<u8>(to + (payload - start), 0);
  memory.copy(to + kept, payloadEnd, end - payloadEnd);
  committed += size;
  setRow(work, TRANSACTION_START, row, to);
  setRow(work, TRANSACTION_END, row, to + size);
  return true;
}

/** Where the transaction at `at` ends, or 0, also if there is no room to write it as it is hashed. */
function walkTransaction(work: usize, row: u32, at: usize, end: usize): usize {
  const after = skipPart(work, ENTRY_TRANSACTION, at, end);
  if (after == 0) return 0;
  if (isOpened(at, after)) return commitOpened(work, row, at, after) ? after : 0;
  setRow(work, TRANSACTION_START, row, at);
  setRow(work, TRANSACTION_END, row, after);
  return after;
}

/**
 * Notes in row `row` where the parts of the record `at..end` lie; false if it is not plain. Events are
 * counted as they are noted.
 */
function walkRecord(work: usize, row: u32, at: usize, end: usize, hasAuxiliary: bool): bool {
  at = walkTransaction(work, row, at, end);
  if (at == 0) return false;
  let hashed = false;
  if (hasAuxiliary) {
    const start = at;
    at = skipPart(work, ENTRY_AUXILIARY, at, end);
    if (at == 0) return false;
    hashed = <u32>load<u8>(start) == AUXILIARY_V1;
    setRow(work, AUXILIARY_START, row, hashed ? start : 0);
    setRow(work, AUXILIARY_END, row, hashed ? at : 0);
  }
  at = walkInfo(work, row, at, end, hasAuxiliary, hashed);
  if (at == 0) return false;
  at = walkEvents(work, row, at, end);
  if (at == 0) return false;
  setRow(work, WRITE_SET_START, row, at);
  at = skipPart(work, ENTRY_WRITE_SET, at, end);
  setRow(work, WRITE_SET_END, row, at);
  return at == end;
}

/** Where the transaction info at `at` ends, or 0; 0 too unless it has a hash for what is hashed. */
function walkInfo(work: usize, row: u32, at: usize, end: usize, hasAuxiliary: bool, hashed: bool): usize {
  setRow(work, INFO_START, row, at);
  if (end - at < 1 + GAS_USED || load<u8>(at) != 0) return 0;
  at = skipPart(work, ENTRY_STATUS, at + 1 + GAS_USED, end);
  if (at == 0 || end - at < 3 * HASH) return 0;
  setRow(work, HASHES_AT, row, at);
  const checkpoint = optionEnd(at + 3 * HASH, end, HASH);
  if (checkpoint == 0) return 0;
  at = optionEnd(checkpoint, end, HASH);
  if (at == 0) return 0;
  const present = at - checkpoint > 1;
  if (hasAuxiliary && present != hashed) return 0;
  setRow(work, AUXILIARY_HASH_AT, row, hasAuxiliary && present ? checkpoint + 1 : 0);
  setRow(work, INFO_END, row, at);
  return at;
}

/** Where the events at `at` end, or 0, also if there is no room for them any more. */
function walkEvents(work: usize, row: u32, at: usize, end: usize): usize {
  if (at >= end) return 0;
  const first = <u32>load<u8>(at);
  let count = first;
  at++;
  if (first >= 0x80) {
    // More than fit are not plain, so two bytes are enough.
    if (at >= end) return 0;
    const second = <u32>load<u8>(at++);
    if (second == 0 || second >= 0x80) return 0;
    count = (first & 0x7f) | (second << 7);
  }
  if (count > EVENTS - events) {
    full = true;
    return 0;
  }
  for (let index: u32 = 0; index < count; index++) {
    const place = 4 * <usize>events;
    store<u32>(work + EVENT_START + place, <u32>at);
    at = skipPart(work, ENTRY_EVENT, at, end);
    if (at == 0) return 0;
    store<u32>(work + EVENT_END + place, <u32>at);
    events++;
  }
  setRow(work, WIDTH, row, count);
  return at;
}

/** A row that hashes nothing and is nobody's. */
function leaveRow(work: usize, row: u32): void {
  setRow(work, TRANSACTION_START, row, 0);
  setRow(work, TRANSACTION_END, row, 0);
  setRow(work, AUXILIARY_START, row, 0);
  setRow(work, AUXILIARY_END, row, 0);
  setRow(work, INFO_START, row, 0);
  setRow(work, INFO_END, row, 0);
  setRow(work, WRITE_SET_START, row, 0);
  setRow(work, WRITE_SET_END, row, 0);
  setRow(work, AUXILIARY_HASH_AT, row, 0);
  setRow(work, WIDTH, row, 0);
  setRow(work, DOUBT, row, 1);
}

/** Walks records into rows as long as there is room; returns their number, at least one. */
export function walkRun(
  work: usize, base: usize, size: usize, starts: usize, ends: usize, count: u32, hasAuxiliary: bool,
): u32 {
  events = 0;
  committed = 0;
  const limit = min(count, ROWS);
  for (let row: u32 = 0; row < limit; row++) {
    const eventsBefore = events;
    const committedBefore = committed;
    full = false;
    const start = <usize>load<u32>(starts + 4 * <usize>row);
    const end = <usize>load<u32>(ends + 4 * <usize>row);
    setRow(work, DOUBT, row, 0);
    if (start <= end && end <= size && walkRecord(work, row, base + start, base + end, hasAuxiliary)) continue;
    events = eventsBefore;
    committed = committedBefore;
    // What is too large for a run of its own is not plain.
    if (full && row > 0) return row;
    leaveRow(work, row);
  }
  return limit;
}
