// Steps over one BCS value. What the value looks like is a program, made from the codecs of the types
// (src/bcs/skip-program.ts, where the operations are explained); here it only runs. Whatever is not plainly
// valid ends it: the caller then has the value judged by the codecs themselves.

const DONE: i32 = 0;
const FIXED: i32 = 1;
const BYTES: i32 = 2;
const TEXT: i32 = 3;
const BOOL: i32 = 4;
const ENUM: i32 = 5;
const OPTION: i32 = 6;
const ARRAY: i32 = 7;
const VECTOR: i32 = 8;
const NEXT_ITEM: i32 = 9;
const MAP: i32 = 10;
const KEY_END: i32 = 11;
const NEXT_ENTRY: i32 = 12;
const WINDOW: i32 = 13;
const WINDOW_END: i32 = 14;
const CALL: i32 = 15;
const RETURN: i32 = 16;
const LEVEL: i32 = 17;
const LEVEL_END: i32 = 18;
const JUMP: i32 = 19;

/** Where the integer behind the last length ends. */
let lengthEnd: usize = 0;

/** A length at `at`, a minimal ULEB128 integer, and sets `lengthEnd`; `u32.MAX_VALUE` if there is none. */
// @ts-ignore: decorator
@inline
function lengthAt(at: usize, end: usize): u32 {
  if (at >= end) return u32.MAX_VALUE;
  const first = <u32>load<u8>(at);
  if (first < 0x80) {
    lengthEnd = at + 1;
    return first;
  }
  return longLengthAt(at, end, first);
}

/** More than one byte; lengths of 2^28 and more are above all that comes here. */
function longLengthAt(at: usize, end: usize, first: u32): u32 {
  let value = first & 0x7f;
  for (let shift: u32 = 7; shift < 28; shift += 7) {
    if (++at >= end) return u32.MAX_VALUE;
    const byte = <u32>load<u8>(at);
    value |= (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    lengthEnd = at + 1;
    return byte == 0 ? u32.MAX_VALUE : value;
  }
  return u32.MAX_VALUE;
}

/** Whether the bytes are ASCII, as nearly every string of a ledger is. Reads up to 7 bytes behind them. */
// @ts-ignore: decorator
@inline
function isAscii(from: usize, size: u32): bool {
  let seen: u64 = 0;
  let left = size;
  for (; left > 8; left -= 8, from += 8) seen |= load<u64>(from);
  // Of the last word, 1 to 8 bytes count.
  if (left > 0) seen |= load<u64>(from) << (8 * (8 - <u64>left));
  return (seen & 0x8080_8080_8080_8080) == 0;
}

/** Whether the bytes are UTF-8 in its shortest form, without surrogates (Unicode 15, table 3-7). */
function isUtf8(from: usize, size: u32): bool {
  const end = from + size;
  while (from < end) {
    const lead = <u32>load<u8>(from++);
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return false;
    let more: u32 = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (end - from < more) return false;
    const second = <u32>load<u8>(from);
    if (lead == 0xe0 && second < 0xa0) return false;
    if (lead == 0xed && second > 0x9f) return false;
    if (lead == 0xf0 && second < 0x90) return false;
    if (lead == 0xf4 && second > 0x8f) return false;
    for (; more > 0; more--) if ((load<u8>(from++) & 0xc0) != 0x80) return false;
  }
  return true;
}

/** Whether the first bytes come before the second ones, a prefix before what is longer. */
function isBefore(left: usize, leftEnd: usize, right: usize, rightEnd: usize): bool {
  const shared = min(leftEnd - left, rightEnd - right);
  let at: usize = 0;
  for (; at + 8 <= shared; at += 8) {
    const first = load<u64>(left + at);
    const second = load<u64>(right + at);
    if (first != second) return bswap(first) < bswap(second);
  }
  for (; at < shared; at++) {
    const first = load<u8>(left + at);
    const second = load<u8>(right + at);
    if (first != second) return first < second;
  }
  return leftEnd - left < rightEnd - right;
}

// @ts-ignore: decorator
@inline
function word(code: usize, index: usize): u32 {
  return load<u32>(code + 4 * index);
}

/**
 * Runs the program at `code` from `entry` on, a word index, over the value that begins at `at`; nothing from
 * `end` on belongs to it. `stack` is memory for what is open: nothing checks its size.
 * @returns where the value ends, or 0 if that is not plain
 */
export function skipValue(code: usize, entry: u32, at: usize, end: usize, stack: usize): usize {
  let op = code + 4 * <usize>entry;
  let top = stack;
  let nesting: u32 = 0;
  while (true) {
    // Bytes of fixed size that come before are part of each operation.
    const before = word(op, 1);
    if (before > end - at) return 0;
    at += before;
    switch (<i32>word(op, 0)) {
      case DONE:
        return at;
      case FIXED: {
        op += 8;
        break;
      }
      case BYTES: {
        const size = lengthAt(at, end);
        if (size > word(op, 2)) return 0;
        at = lengthEnd;
        if (size > end - at) return 0;
        at += size;
        op += 12;
        break;
      }
      case TEXT: {
        const size = lengthAt(at, end);
        if (size == u32.MAX_VALUE) return 0;
        at = lengthEnd;
        if (size > end - at) return 0;
        if (!isAscii(at, size) && !isUtf8(at, size)) return 0;
        at += size;
        op += 8;
        break;
      }
      case BOOL: {
        if (at >= end || load<u8>(at++) > 1) return 0;
        op += 8;
        break;
      }
      case ENUM: {
        if (at >= end) return 0;
        const variant = <u32>load<u8>(at++);
        if (variant >= word(op, 2)) return 0;
        op = code + 4 * <usize>word(op, 3 + variant);
        break;
      }
      case OPTION: {
        if (at >= end) return 0;
        const tag = load<u8>(at++);
        if (tag > 1) return 0;
        op = tag == 1 ? op + 12 : code + 4 * <usize>word(op, 2);
        break;
      }
      case ARRAY: {
        const count = lengthAt(at, end);
        if (count == u32.MAX_VALUE) return 0;
        at = lengthEnd;
        const size = <u64>count * <u64>word(op, 2);
        if (size > <u64>(end - at)) return 0;
        at += <usize>size;
        op += 12;
        break;
      }
      case VECTOR: {
        const count = lengthAt(at, end);
        if (count == u32.MAX_VALUE) return 0;
        at = lengthEnd;
        if (count == 0) op = code + 4 * <usize>word(op, 2);
        else {
          store<u32>(top, count);
          top += 4;
          op += 12;
        }
        break;
      }
      case NEXT_ITEM: {
        const left = load<u32>(top - 4) - 1;
        if (left == 0) {
          top -= 4;
          op += 12;
        } else {
          store<u32>(top - 4, left);
          op = code + 4 * <usize>word(op, 2);
        }
        break;
      }
      case MAP: {
        const count = lengthAt(at, end);
        if (count == u32.MAX_VALUE) return 0;
        at = lengthEnd;
        if (count == 0) op = code + 4 * <usize>word(op, 2);
        else {
          // Entries left, the key before from where to where, and where this key begins.
          store<u32>(top, count);
          store<usize>(top, 0, 4);
          store<usize>(top, at, 12);
          top += 16;
          op += 12;
        }
        break;
      }
      case KEY_END: {
        const previous = load<usize>(top - 12);
        const start = load<usize>(top - 4);
        if (previous != 0 && !isBefore(previous, load<usize>(top - 8), start, at)) return 0;
        store<usize>(top - 12, start);
        store<usize>(top - 8, at);
        op += 8;
        break;
      }
      case NEXT_ENTRY: {
        const left = load<u32>(top - 16) - 1;
        if (left == 0) {
          top -= 16;
          op += 12;
        } else {
          store<u32>(top - 16, left);
          store<usize>(top - 4, at);
          op = code + 4 * <usize>word(op, 2);
        }
        break;
      }
      case WINDOW: {
        const size = lengthAt(at, end);
        if (size == u32.MAX_VALUE) return 0;
        at = lengthEnd;
        if (size > end - at) return 0;
        store<usize>(top, end);
        store<u32>(top, nesting, 4);
        top += 8;
        end = at + size;
        nesting = 0;
        op += 8;
        break;
      }
      case WINDOW_END: {
        if (at != end) return 0;
        top -= 8;
        end = load<usize>(top);
        nesting = load<u32>(top, 4);
        op += 8;
        break;
      }
      case CALL: {
        store<usize>(top, op + 12);
        top += 4;
        op = code + 4 * <usize>word(op, 2);
        break;
      }
      case RETURN: {
        top -= 4;
        op = load<usize>(top);
        break;
      }
      case LEVEL: {
        if (nesting >= word(op, 2)) return 0;
        nesting++;
        op += 12;
        break;
      }
      case LEVEL_END: {
        nesting--;
        op += 8;
        break;
      }
      case JUMP: {
        op = code + 4 * <usize>word(op, 2);
        break;
      }
      default:
        return 0;
    }
  }
}
