// Where things lie in the work memory of `states`: records in rows, open subtrees, nodes that wait for hashes.
import { HASH } from './layout';

/** Records that are hashed at once: what they take stays in cache. */
export const ROWS: u32 = 2048;
/** Subtrees that may be open, and nodes that may be noted at once: more than keys that are hashes bring. */
export const OPEN: u32 = 1024;
export const NODES: u32 = 16384;
/** A node waits for at most so many others, one below the other. */
export const WAVES: u32 = 1024;

// What the caller writes to the beginning of the work memory, once: see src/hashing/kernel-states.ts.
export const SEED_KEY: usize = 0;
export const SEED_VALUE: usize = 32;
export const SEED_LEAF: usize = 64;
export const SEED_NODE: usize = 96;
export const PLACEHOLDER: usize = 128;
export const ENTRY_KEY: usize = 160;
export const ENTRY_VALUE: usize = 164;
export const PROGRAM: usize = 192;
export const PROGRAM_BYTES: usize = 16 * 1024;

/** What is open in the value that is stepped over: a few words a level, and types allow some 30 levels. */
export const SKIP_STACK: usize = PROGRAM + PROGRAM_BYTES;
export const SKIP_STACK_BYTES: usize = 4096;

// One u32 a row each: addresses of what is hashed.
export const ROW_WORDS: usize = 4 * <usize>ROWS;
export const KEY_START: usize = SKIP_STACK + SKIP_STACK_BYTES;
export const KEY_END: usize = KEY_START + ROW_WORDS;
export const VALUE_START: usize = KEY_END + ROW_WORDS;
export const VALUE_END: usize = VALUE_START + ROW_WORDS;

// One u32 an open subtree each: the index of its first leaf, where its keys part, the number of its node, and
// the bits that its last key shares with the first one of the next subtree.
export const OPEN_WORDS: usize = 4 * <usize>OPEN;
export const OPEN_LEAF: usize = VALUE_END + ROW_WORDS;
export const OPEN_BRANCH: usize = OPEN_LEAF + OPEN_WORDS;
export const OPEN_NODE: usize = OPEN_BRANCH + OPEN_WORDS;
export const OPEN_GAP: usize = OPEN_NODE + OPEN_WORDS;

// One u32 a node each: its children, and its wave, 0 if its hash is known and else above those of its children.
export const NODE_WORDS: usize = 4 * <usize>NODES;
export const NODE_LEFT: usize = OPEN_GAP + OPEN_WORDS;
export const NODE_RIGHT: usize = NODE_LEFT + NODE_WORDS;
export const NODE_WAVE: usize = NODE_RIGHT + NODE_WORDS;
/** Numbers of nodes in the order of their waves. */
export const ORDER: usize = NODE_WAVE + NODE_WORDS;
/** Where each wave's numbers are in that order. */
export const WAVE_AT: usize = ORDER + NODE_WORDS;
export const NODE_HASH: usize = WAVE_AT + 4 * <usize>(WAVES + 2);
/** Pairs that are hashed at once, and hashes of open subtrees while nodes are numbered anew. */
export const PAIRS: usize = NODE_HASH + HASH * <usize>NODES;
/** Keys that are not hashed as they lie, as they are hashed; behind the pairs, which are read a little beyond. */
export const PREIMAGES: usize = PAIRS + 2 * HASH * <usize>ROWS;
export const PREIMAGE_BYTES: usize = 256 * 1024;
export const WORK_BYTES: usize = PREIMAGES + PREIMAGE_BYTES + 256;

// @ts-ignore: decorator
@inline
export function setWord(work: usize, list: usize, index: u32, value: u32): void {
  store<u32>(work + list + 4 * <usize>index, value);
}

// @ts-ignore: decorator
@inline
export function wordOf(work: usize, list: usize, index: u32): u32 {
  return load<u32>(work + list + 4 * <usize>index);
}

// @ts-ignore: decorator
@inline
export function copyHash(from: usize, to: usize): void {
  for (let at: usize = 0; at < HASH; at += 8) store<u64>(to + at, load<u64>(from + at));
}
