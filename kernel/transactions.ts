// Proves the records of a batch of transactions against their own transaction infos. Each record is walked
// and its parts are hashed where they lie; what does not plainly agree is left to be judged elsewhere.
import { HASH } from './layout';
import { nodes as scalarNodes, records as scalarRecords } from './scalar';
import { nodes as simdNodes, records as simdRecords } from './simd';
import {
  AUXILIARY_HASH_AT, AUXILIARY_START, DIGESTS, DOUBT, EVENT_END, EVENT_START, HASHES_AT, INFO_START,
  LEVEL, PAIRS, PLACEHOLDER, PROGRAM_BYTES, ROW_WORDS, SEED_AUXILIARY, SEED_EVENT, SEED_EVENT_NODE,
  SEED_INFO, SEED_TRANSACTION, SEED_WRITE_SET, TRANSACTION_START, WIDTH, WORK_BYTES, WRITE_SET_START,
  ofRow, setRow,
} from './transaction-layout';
import { events, walkRun } from './transaction-walk';

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
