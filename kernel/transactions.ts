// Proves the records of a batch of transactions against their own transaction infos. Each record is walked
// and its parts are hashed where they lie; what does not plainly agree is left to be judged elsewhere.
import { HASH } from './layout';
import { nodes as scalarNodes, records as scalarRecords } from './scalar';
import { nodes as simdNodes, records as simdRecords } from './simd';
import { skipValue } from './skip-program';

/** Records, and events of all of them, that are hashed at once: their digests stay in cache. */
const ROWS: u32 = 512;
const EVENTS: u32 = 2048;

// What the caller writes to the beginning of the work memory, once: see src/hashing/kernel-transactions.ts.
const SEED_TRANSACTION: usize = 0;
const SEED_WRITE_SET: usize = 32;
const SEED_AUXILIARY: usize = 64;
const SEED_INFO: usize = 96;
const SEED_EVENT: usize = 128;
const SEED_EVENT_NODE: usize = 160;
const PLACEHOLDER: usize = 192;
const ENTRY_TRANSACTION: usize = 224;
const ENTRY_AUXILIARY: usize = 228;
const ENTRY_STATUS: usize = 232;
const ENTRY_EVENT: usize = 236;
const ENTRY_WRITE_SET: usize = 240;
const ENTRY_ENCRYPTED_PAYLOAD: usize = 244;
const ENTRY_ENCRYPTED_INNER: usize = 248;
const PROGRAM: usize = 256;
const PROGRAM_BYTES: usize = 32 * 1024;

/** What is open in the value that is stepped over: a few words a level, and types allow some 30 levels. */
const SKIP_STACK: usize = PROGRAM + PROGRAM_BYTES;
const SKIP_STACK_BYTES: usize = 4096;

// One u32 a row each.
const ROW_WORDS: usize = 4 * <usize>ROWS;
const TRANSACTION_START: usize = SKIP_STACK + SKIP_STACK_BYTES;
const TRANSACTION_END: usize = TRANSACTION_START + ROW_WORDS;
const AUXILIARY_START: usize = TRANSACTION_END + ROW_WORDS;
const AUXILIARY_END: usize = AUXILIARY_START + ROW_WORDS;
const INFO_START: usize = AUXILIARY_END + ROW_WORDS;
const INFO_END: usize = INFO_START + ROW_WORDS;
const WRITE_SET_START: usize = INFO_END + ROW_WORDS;
const WRITE_SET_END: usize = WRITE_SET_START + ROW_WORDS;
/** Address of the hash of the transaction; those of the event root and of the write set follow it. */
const HASHES_AT: usize = WRITE_SET_END + ROW_WORDS;
/** Address of the hash of the auxiliary info, or 0. */
const AUXILIARY_HASH_AT: usize = HASHES_AT + ROW_WORDS;
/** Nodes of the level of the row's event accumulator, 0 once it has its root. */
const WIDTH: usize = AUXILIARY_HASH_AT + ROW_WORDS;
/** 1 if the row is not plain. */
const DOUBT: usize = WIDTH + ROW_WORDS;
const DIGESTS: usize = DOUBT + ROW_WORDS;
const EVENT_START: usize = DIGESTS + HASH * <usize>ROWS;
const EVENT_END: usize = EVENT_START + 4 * <usize>EVENTS;
/** Levels of event accumulators, one behind the other; room for a placeholder behind each. */
const LEVEL_BYTES: usize = HASH * <usize>(EVENTS + ROWS);
const LEVEL: usize = EVENT_END + 4 * <usize>EVENTS;
const PAIRS: usize = LEVEL + LEVEL_BYTES;
/** Transactions whose hash is over other bytes than those that lie there, as they are hashed. */
const COMMITTED: usize = PAIRS + LEVEL_BYTES;
const COMMITTED_BYTES: usize = 256 * 1024;
/** Behind all, since hashing reads a little further than its messages. */
const WORK_BYTES: usize = COMMITTED + COMMITTED_BYTES + 256;

// Of records whose transaction hash is not over the bytes as they lie.
const PAYLOAD_AT: usize = 1 + 32 + 8;
const USER_TRANSACTION: u32 = 0;
const ENCRYPTED_PAYLOAD: u32 = 5;
const FAILED_DECRYPTION: u32 = 1;
const DECRYPTED: u32 = 2;
const AUXILIARY_V1: u32 = 1;
const GAS_USED: usize = 8;

/** Bytes of work memory that `transactions` needs, of which the first belong to its caller. */
export function transactionWorkBytes(): usize {
  return WORK_BYTES;
}

/** The most bytes that the program may have. */
export function transactionProgramBytes(): usize {
  return PROGRAM_BYTES;
}

// @ts-ignore: decorator
@inline
function hashRecords(scratch: usize, seed: usize, starts: usize, ends: usize, count: u32, out: usize): void {
  // Places are addresses themselves.
  if (ASC_FEATURE_SIMD) simdRecords(scratch, seed, 0, starts, ends, count, out);
  else scalarRecords(scratch, seed, 0, starts, ends, count, out);
}

// @ts-ignore: decorator
@inline
function hashNodes(scratch: usize, seed: usize, pairs: usize, count: u32): void {
  if (ASC_FEATURE_SIMD) simdNodes(scratch, seed, pairs, count, pairs);
  else scalarNodes(scratch, seed, pairs, count, pairs);
}

// @ts-ignore: decorator
@inline
function copyHash(from: usize, to: usize): void {
  for (let at: usize = 0; at < HASH; at += 8) store<u64>(to + at, load<u64>(from + at));
}

// @ts-ignore: decorator
@inline
function sameHash(left: usize, right: usize): bool {
  let difference: u64 = 0;
  for (let at: usize = 0; at < HASH; at += 8) difference |= load<u64>(left + at) ^ load<u64>(right + at);
  return difference == 0;
}

// @ts-ignore: decorator
@inline
function setRow(work: usize, list: usize, row: u32, value: usize): void {
  store<u32>(work + list + 4 * <usize>row, <u32>value);
}

// @ts-ignore: decorator
@inline
function ofRow(work: usize, list: usize, row: u32): usize {
  return <usize>load<u32>(work + list + 4 * <usize>row);
}

/** Events of the present run. */
let events: u32 = 0;
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
function walkRun(
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

/** Doubts the rows whose digest is not the hash that lies `shift` behind their hashes. */
function compareDigests(work: usize, rows: u32, shift: usize): void {
  for (let row: u32 = 0; row < rows; row++) {
    if (ofRow(work, DOUBT, row) != 0) continue;
    const expected = ofRow(work, HASHES_AT, row) + shift;
    if (!sameHash(work + DIGESTS + HASH * <usize>row, expected)) setRow(work, DOUBT, row, 1);
  }
}

function checkParts(scratch: usize, work: usize, seed: usize, list: usize, rows: u32, shift: usize): void {
  hashRecords(scratch, work + seed, work + list, work + list + ROW_WORDS, rows, work + DIGESTS);
  compareDigests(work, rows, shift);
}

function checkAuxiliaryInfos(scratch: usize, work: usize, rows: u32): void {
  const list = work + AUXILIARY_START;
  hashRecords(scratch, work + SEED_AUXILIARY, list, list + ROW_WORDS, rows, work + DIGESTS);
  for (let row: u32 = 0; row < rows; row++) {
    const expected = ofRow(work, AUXILIARY_HASH_AT, row);
    if (expected == 0) continue;
    if (!sameHash(work + DIGESTS + HASH * <usize>row, expected)) setRow(work, DOUBT, row, 1);
  }
}

/** Roots of the event accumulators of all rows, level by level together, against those of the infos. */
function checkEvents(scratch: usize, work: usize, rows: u32): void {
  hashRecords(scratch, work + SEED_EVENT, work + EVENT_START, work + EVENT_END, events, work + LEVEL);
  const digests = work + DIGESTS;
  for (let row: u32 = 0; row < rows; row++) {
    if (ofRow(work, WIDTH, row) == 0) copyHash(work + PLACEHOLDER, digests + HASH * <usize>row);
  }
  let level = work + LEVEL;
  let pairs = work + PAIRS;
  while (true) {
    const nodes = pairLevel(work, rows, level, pairs);
    if (nodes == 0) break;
    hashNodes(scratch, work + SEED_EVENT_NODE, pairs, nodes);
    const other = level;
    level = pairs;
    pairs = other;
  }
  compareDigests(work, rows, HASH);
}

/** Puts away the roots of a level and pairs its other nodes; returns the number of pairs. */
function pairLevel(work: usize, rows: u32, level: usize, pairs: usize): u32 {
  let from = level;
  let to = pairs;
  for (let row: u32 = 0; row < rows; row++) {
    const width = <u32>ofRow(work, WIDTH, row);
    if (width == 0) continue;
    if (width == 1) {
      copyHash(from, work + DIGESTS + HASH * <usize>row);
      from += HASH;
      setRow(work, WIDTH, row, 0);
      continue;
    }
    for (let node: u32 = 0; node < width; node++, from += HASH, to += HASH) copyHash(from, to);
    if (width & 1) {
      copyHash(work + PLACEHOLDER, to);
      to += HASH;
    }
    setRow(work, WIDTH, row, (width + 1) >> 1);
  }
  return <u32>((to - pairs) / (2 * HASH));
}

/**
 * Proves `count` records in the `size` bytes at `base`: record i is from `base + starts[i]` up to
 * `base + ends[i]` (arrays of u32). The hash of its transaction info goes to `out + 32 * i`; that of a record
 * in doubt means nothing.
 * @param work memory of `transactionWorkBytes()` at a multiple of 16, beginning with seeds and program
 * @param doubts where to note the indices of records that are not plainly right, u32 each, room for all
 * @returns how many records are in doubt
 */
export function transactions(
  scratch: usize, work: usize, base: usize, size: usize, starts: usize, ends: usize, count: u32,
  hasAuxiliary: bool, out: usize, doubts: usize,
): u32 {
  let doubtful: u32 = 0;
  for (let done: u32 = 0; done < count; ) {
    const skipped = 4 * <usize>done;
    const rows = walkRun(work, base, size, starts + skipped, ends + skipped, count - done, hasAuxiliary);
    checkParts(scratch, work, SEED_TRANSACTION, TRANSACTION_START, rows, 0);
    checkParts(scratch, work, SEED_WRITE_SET, WRITE_SET_START, rows, 2 * HASH);
    if (hasAuxiliary) checkAuxiliaryInfos(scratch, work, rows);
    checkEvents(scratch, work, rows);
    const infos = work + INFO_START;
    hashRecords(scratch, work + SEED_INFO, infos, infos + ROW_WORDS, rows, out + HASH * <usize>done);
    for (let row: u32 = 0; row < rows; row++) {
      if (ofRow(work, DOUBT, row) == 0) continue;
      store<u32>(doubts + 4 * <usize>doubtful, done + row);
      doubtful++;
    }
    done += rows;
  }
  return doubtful;
}
