// Reduces consecutive leaves of the state tree to the subtrees that no leaf outside can fall into, as
// src/merkle/subtree-run.ts explains it. Nodes are noted first and hashed later, all those at once that depend
// on nothing that is still open.
import { HASH } from './layout';
import { nodes as scalarNodes } from './scalar';
import { nodes as simdNodes } from './simd';
import {
  NODES, NODE_HASH, NODE_LEFT, NODE_RIGHT, NODE_WAVE, OPEN, OPEN_BRANCH, OPEN_GAP, OPEN_LEAF, OPEN_NODE, ORDER,
  PAIRS, PLACEHOLDER, ROWS, SEED_NODE, WAVES, WAVE_AT, copyHash, setWord, wordOf,
} from './state-layout';

const KEY_BITS: u32 = 256;

/** Open subtrees of the present batch. */
export let open: u32 = 0;
/** Nodes that are noted; the first one is the placeholder. */
let size: u32 = 0;
let highest: u32 = 0;
/** Set if there is no room for a node or subtree. */
let crowded: bool = false;

// @ts-ignore: decorator
@inline
export function hashPairs(scratch: usize, seed: usize, pairs: usize, count: u32, out: usize): void {
  if (ASC_FEATURE_SIMD) simdNodes(scratch, seed, pairs, count, out);
  else scalarNodes(scratch, seed, pairs, count, out);
}

// @ts-ignore: decorator
@inline
function node(work: usize, left: u32, right: u32): u32 {
  if (size == NODES) {
    crowded = true;
    return 0;
  }
  const wave = max<u32>(wordOf(work, NODE_WAVE, left), wordOf(work, NODE_WAVE, right)) + 1;
  setWord(work, NODE_LEFT, size, left);
  setWord(work, NODE_RIGHT, size, right);
  setWord(work, NODE_WAVE, size, wave);
  if (wave > highest) highest = wave;
  return size++;
}

/** Leading bits that two keys share, or `KEY_BITS` also if the second does not follow the first. */
export function gapBefore(before: usize, key: usize): u32 {
  for (let at: usize = 0; at < HASH; at += 8) {
    const left = bswap<u64>(load<u64>(before + at));
    const right = bswap<u64>(load<u64>(key + at));
    if (left != right) return left < right ? (<u32>at << 3) + <u32>clz<u64>(left ^ right) : KEY_BITS;
  }
  return KEY_BITS;
}

/** The node at a depth not below the subtree's own: the levels between have an empty other side. */
function lift(work: usize, keys: usize, index: u32, depth: u32): u32 {
  let number = wordOf(work, OPEN_NODE, index);
  const branch = wordOf(work, OPEN_BRANCH, index);
  if (branch == KEY_BITS) return number;
  const key = keys + HASH * <usize>wordOf(work, OPEN_LEAF, index);
  for (let level = branch; level > depth; ) {
    level--;
    const bit = (load<u8>(key + <usize>(level >> 3)) >> <u8>(7 - (level & 7))) & 1;
    number = bit ? node(work, 0, number) : node(work, number, 0);
  }
  return number;
}

/** Joins what no leaf behind the gap can part. The gap on the left of all is not known, so it may be any. */
function joinAbove(work: usize, keys: usize, gap: u32): void {
  while (open > 2) {
    const right = open - 1;
    const left = open - 2;
    const last = wordOf(work, OPEN_GAP, left);
    if (last <= gap || last <= wordOf(work, OPEN_GAP, left - 1)) return;
    const number = node(work, lift(work, keys, left, last + 1), lift(work, keys, right, last + 1));
    setWord(work, OPEN_NODE, left, number);
    setWord(work, OPEN_BRANCH, left, last);
    open = right;
  }
}

/** Makes room for leaves of a run: nodes are forgotten but for those of open subtrees, whose hashes are known. */
export function beginLeaves(work: usize): usize {
  for (let index: u32 = 0; index < open; index++) {
    const hash = work + NODE_HASH + HASH * <usize>wordOf(work, OPEN_NODE, index);
    copyHash(hash, work + PAIRS + HASH * <usize>index);
  }
  copyHash(work + PLACEHOLDER, work + NODE_HASH);
  setWord(work, NODE_WAVE, 0, 0);
  for (let index: u32 = 0; index < open; index++) {
    copyHash(work + PAIRS + HASH * <usize>index, work + NODE_HASH + HASH * <usize>(index + 1));
    setWord(work, OPEN_NODE, index, index + 1);
    setWord(work, NODE_WAVE, index + 1, 0);
  }
  size = open + 1;
  highest = 0;
  return work + NODE_HASH + HASH * <usize>size;
}

/**
 * Appends leaves `first` up to `first + count` of the batch, whose hashes lie where `beginLeaves` said, and
 * hashes their subtrees. False if a key does not follow the one before, or if there is no room.
 */
export function appendLeaves(scratch: usize, work: usize, keys: usize, first: u32, count: u32): bool {
  const leaves = size;
  crowded = false;
  memory.fill(work + NODE_WAVE + 4 * <usize>leaves, 0, 4 * <usize>count);
  size += count;
  for (let index: u32 = 0; index < count; index++) {
    const key = keys + HASH * <usize>(first + index);
    if (open > 0) {
      const gap = gapBefore(key - HASH, key);
      if (gap == KEY_BITS) return false;
      joinAbove(work, keys, gap);
      if (crowded || open == OPEN) return false;
      setWord(work, OPEN_GAP, open - 1, gap);
    }
    setWord(work, OPEN_LEAF, open, first + index);
    setWord(work, OPEN_BRANCH, open, KEY_BITS);
    setWord(work, OPEN_NODE, open, leaves + index);
    open++;
  }
  if (highest >= WAVES) return false;
  hashNoted(scratch, work);
  return true;
}

/** Before the first leaves of a batch. */
export function beginTree(): void {
  open = 0;
}

/** Puts the numbers of nodes in the order of their waves; a wave then ends where `WAVE_AT` says. */
function sortWaves(work: usize): void {
  memory.fill(work + WAVE_AT, 0, 4 * <usize>(highest + 2));
  for (let number: u32 = 0; number < size; number++) {
    const behind = wordOf(work, NODE_WAVE, number) + 1;
    setWord(work, WAVE_AT, behind, wordOf(work, WAVE_AT, behind) + 1);
  }
  for (let wave: u32 = 1; wave <= highest; wave++) {
    setWord(work, WAVE_AT, wave, wordOf(work, WAVE_AT, wave) + wordOf(work, WAVE_AT, wave - 1));
  }
  for (let number: u32 = 0; number < size; number++) {
    const wave = wordOf(work, NODE_WAVE, number);
    const place = wordOf(work, WAVE_AT, wave);
    setWord(work, ORDER, place, number);
    setWord(work, WAVE_AT, wave, place + 1);
  }
}

function hashNoted(scratch: usize, work: usize): void {
  if (highest == 0) return;
  sortWaves(work);
  for (let wave: u32 = 1; wave <= highest; wave++) {
    const end = wordOf(work, WAVE_AT, wave);
    for (let at = wordOf(work, WAVE_AT, wave - 1); at < end; at += ROWS) {
      hashSome(scratch, work, at, min(ROWS, end - at));
    }
  }
}

/** Hashes nodes whose children's hashes are known. */
function hashSome(scratch: usize, work: usize, at: u32, count: u32): void {
  const hashes = work + NODE_HASH;
  const pairs = work + PAIRS;
  for (let index: u32 = 0; index < count; index++) {
    const number = wordOf(work, ORDER, at + index);
    const to = pairs + 2 * HASH * <usize>index;
    copyHash(hashes + HASH * <usize>wordOf(work, NODE_LEFT, number), to);
    copyHash(hashes + HASH * <usize>wordOf(work, NODE_RIGHT, number), to + HASH);
  }
  hashPairs(scratch, work + SEED_NODE, pairs, count, pairs);
  for (let index: u32 = 0; index < count; index++) {
    const number = wordOf(work, ORDER, at + index);
    copyHash(pairs + HASH * <usize>index, hashes + HASH * <usize>number);
  }
}
