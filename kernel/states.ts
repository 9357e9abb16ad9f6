// Proves the records of a batch of state items to subtrees of the state tree. Each record is walked and its
// parts are hashed where they lie; unless all is plainly right, the batch is left to be judged elsewhere.
import { HASH } from './layout';
import { records as scalarRecords } from './scalar';
import { records as simdRecords } from './simd';
import {
  KEY_END, KEY_START, NODE_HASH, OPEN_BRANCH, OPEN_GAP, OPEN_LEAF, OPEN_NODE, PAIRS, PROGRAM_BYTES, SEED_KEY,
  SEED_LEAF, SEED_VALUE, VALUE_END, VALUE_START, WORK_BYTES, copyHash, wordOf,
} from './state-layout';
import { appendLeaves, beginLeaves, beginTree, hashPairs, open } from './state-tree';
import { walkStates } from './state-walk';

/** Bytes of a subtree in the result: hash, a key, where keys part, the gap behind it. */
const SUBTREE_BYTES: usize = 2 * HASH + 8;

/** Bytes of work memory that `states` needs, of which the first belong to its caller. */
export function stateWorkBytes(): usize {
  return WORK_BYTES;
}

/** The most bytes that the program may have. */
export function stateProgramBytes(): usize {
  return PROGRAM_BYTES;
}

// @ts-ignore: decorator
@inline
function hashRecords(scratch: usize, seed: usize, starts: usize, ends: usize, count: u32, out: usize): void {
  // Places are addresses themselves.
  if (ASC_FEATURE_SIMD) simdRecords(scratch, seed, 0, starts, ends, count, out);
  else scalarRecords(scratch, seed, 0, starts, ends, count, out);
}

/** Hashes leaves to `out`. */
function hashLeaves(scratch: usize, work: usize, keys: usize, values: usize, rows: u32, out: usize): void {
  for (let row: usize = 0; row < <usize>rows; row++) {
    const to = work + PAIRS + 2 * HASH * row;
    copyHash(keys + HASH * row, to);
    copyHash(values + HASH * row, to + HASH);
  }
  hashPairs(scratch, work + SEED_LEAF, work + PAIRS, rows, out);
}

function writeSubtrees(work: usize, keys: usize, subtrees: usize): void {
  for (let index: u32 = 0; index < open; index++) {
    const to = subtrees + SUBTREE_BYTES * <usize>index;
    copyHash(work + NODE_HASH + HASH * <usize>wordOf(work, OPEN_NODE, index), to);
    copyHash(keys + HASH * <usize>wordOf(work, OPEN_LEAF, index), to + HASH);
    store<u32>(to, wordOf(work, OPEN_BRANCH, index), 2 * HASH);
    store<u32>(to, wordOf(work, OPEN_GAP, index), 2 * HASH + 4);
  }
}

/**
 * Hashes `count` records in the `size` bytes at `base`: record i is from `base + starts[i]` up to
 * `base + ends[i]` (arrays of u32). Hashes of keys go to `keys + 32 * i`, those of values to `values + 32 * i`.
 * @param work memory of `stateWorkBytes()` at a multiple of 16, beginning with seeds and program
 * @param subtrees where the subtrees go to, 72 bytes each, room for 1024
 * @returns the number of subtrees; 0 if a record is not plain or keys do not rise: hashes then mean nothing
 */
export function states(
  scratch: usize, work: usize, base: usize, size: usize, starts: usize, ends: usize, count: u32, keys: usize,
  values: usize, subtrees: usize,
): u32 {
  beginTree();
  for (let done: u32 = 0; done < count; ) {
    const skipped = 4 * <usize>done;
    const rows = walkStates(work, base, size, starts + skipped, ends + skipped, count - done);
    if (rows == 0) return 0;
    const rowKeys = keys + HASH * <usize>done;
    const rowValues = values + HASH * <usize>done;
    hashRecords(scratch, work + SEED_KEY, work + KEY_START, work + KEY_END, rows, rowKeys);
    hashRecords(scratch, work + SEED_VALUE, work + VALUE_START, work + VALUE_END, rows, rowValues);
    const leaves = beginLeaves(work);
    hashLeaves(scratch, work, rowKeys, rowValues, rows, leaves);
    if (!appendLeaves(scratch, work, keys, done, rows)) return 0;
    done += rows;
  }
  writeSubtrees(work, keys, subtrees);
  return open;
}
