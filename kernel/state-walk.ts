// Finds where what is hashed of state records lies, and notes that in rows.
import { skipValue } from './skip-program';
import {
  ENTRY_KEY, ENTRY_VALUE, KEY_END, KEY_START, PREIMAGES, PREIMAGE_BYTES, PROGRAM, ROWS, SKIP_STACK, VALUE_END,
  VALUE_START, setWord,
} from './state-layout';

// Kinds of keys, as their first byte; table keys and raw keys are hashed without their length.
const ACCESS_PATH: u32 = 0;
const TABLE_ITEM: u32 = 1;
const RAW_TAG: u8 = 0xff;
const TABLE_ITEM_HEAD: usize = 33;

/** Bytes of keys that the present run has written as they are hashed. */
let written: usize = 0;
/** Set if a record has no place in the run. */
let full: bool = false;

/** Notes what is hashed of the valid key `at..end`; false if there is no room to write it. */
function walkKey(work: usize, row: u32, at: usize, end: usize): bool {
  const kind = <u32>load<u8>(at);
  if (kind == ACCESS_PATH) {
    setWord(work, KEY_START, row, <u32>at);
    setWord(work, KEY_END, row, <u32>end);
    return true;
  }
  if (end - at > PREIMAGE_BYTES - written) {
    full = true;
    return false;
  }
  const to = work + PREIMAGES + written;
  const head: usize = kind == TABLE_ITEM ? TABLE_ITEM_HEAD : 1;
  memory.copy(to, at, head);
  if (kind != TABLE_ITEM) store<u8>(to, RAW_TAG);
  let from = at + head;
  while (load<u8>(from++) >= 0x80);
  memory.copy(to + head, from, end - from);
  const size = head + (end - from);
  written += size;
  setWord(work, KEY_START, row, <u32>to);
  setWord(work, KEY_END, row, <u32>(to + size));
  return true;
}

/** Notes in row `row` where the parts of the record `at..end` lie; false if it is not plain. */
function walkRecord(work: usize, row: u32, at: usize, end: usize): bool {
  const code = work + PROGRAM;
  const stack = work + SKIP_STACK;
  const value = skipValue(code, load<u32>(work + ENTRY_KEY), at, end, stack);
  if (value == 0) return false;
  if (skipValue(code, load<u32>(work + ENTRY_VALUE), value, end, stack) != end) return false;
  setWord(work, VALUE_START, row, <u32>value);
  setWord(work, VALUE_END, row, <u32>end);
  return walkKey(work, row, at, value);
}

/** Walks records into rows as long as there is room; returns their number, 0 if one is not plain. */
export function walkStates(
  work: usize, base: usize, size: usize, starts: usize, ends: usize, count: u32,
): u32 {
  written = 0;
  full = false;
  const limit = min(count, ROWS);
  for (let row: u32 = 0; row < limit; row++) {
    const start = <usize>load<u32>(starts + 4 * <usize>row);
    const end = <usize>load<u32>(ends + 4 * <usize>row);
    if (start <= end && end <= size && walkRecord(work, row, base + start, base + end)) continue;
    return full ? row : 0;
  }
  return limit;
}
