/**
 * SipHash-1-3 under the key 0, the reference's standard hash: it names the files of a metadata cache
 * (spec: backup-format.md, section 6). 64-bit words are pairs of 32-bit halves, since `bigint` would be
 * the slowest part of opening a large cache.
 */

/** Initial state under the key 0: the four words of the algorithm, high half first. */
const INITIAL = Int32Array.of(
  0x736f6d65,
  0x70736575,
  0x646f7261,
  0x6e646f6d,
  0x6c796765,
  0x6e657261,
  0x74656462,
  0x79746573,
);

/** v0 high, v0 low, v1 high, ... */
type State = Int32Array;

/** `a += b` for the words at those places. */
function add(state: State, a: number, b: number): void {
  const low = ((state[a + 1] ?? 0) >>> 0) + ((state[b + 1] ?? 0) >>> 0);
  state[a + 1] = low;
  state[a] = (state[a] ?? 0) + (state[b] ?? 0) + (low > 0xffffffff ? 1 : 0);
}

/** `a = rotl(a, bits) ^ b` for 0 < bits < 32. */
function rotateXor(state: State, a: number, bits: number, b: number): void {
  const high = state[a] ?? 0;
  const low = state[a + 1] ?? 0;
  state[a] = ((high << bits) | (low >>> (32 - bits))) ^ (state[b] ?? 0);
  state[a + 1] = ((low << bits) | (high >>> (32 - bits))) ^ (state[b + 1] ?? 0);
}

/** `a = rotl(a, 32)`. */
function swapHalves(state: State, a: number): void {
  const high = state[a] ?? 0;
  state[a] = state[a + 1] ?? 0;
  state[a + 1] = high;
}

const V0 = 0;
const V1 = 2;
const V2 = 4;
const V3 = 6;

function round(state: State): void {
  add(state, V0, V1);
  rotateXor(state, V1, 13, V0);
  swapHalves(state, V0);
  add(state, V2, V3);
  rotateXor(state, V3, 16, V2);
  add(state, V0, V3);
  rotateXor(state, V3, 21, V0);
  add(state, V2, V1);
  rotateXor(state, V1, 17, V2);
  swapHalves(state, V2);
}

function absorb(state: State, high: number, low: number): void {
  state[V3] = (state[V3] ?? 0) ^ high;
  state[V3 + 1] = (state[V3 + 1] ?? 0) ^ low;
  round(state);
  state[V0] = (state[V0] ?? 0) ^ high;
  state[V0 + 1] = (state[V0 + 1] ?? 0) ^ low;
}

/** Four bytes from `offset` on as a little-endian word; zeros stand where the bytes have ended. */
function half(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] ?? 0) |
    ((bytes[offset + 1] ?? 0) << 8) |
    ((bytes[offset + 2] ?? 0) << 16) |
    ((bytes[offset + 3] ?? 0) << 24)
  );
}

/** The hash of the bytes in lower-case hex without leading zeros, at least one digit. */
export function siphash13Hex(bytes: Uint8Array): string {
  const state = INITIAL.slice();
  const tail = bytes.length - (bytes.length % 8);
  for (let offset = 0; offset < tail; offset += 8)
    absorb(state, half(bytes, offset + 4), half(bytes, offset));
  // The last word holds what is left over, and the length in its highest byte.
  const rest = bytes.subarray(tail);
  absorb(state, half(rest, 4) | (bytes.length << 24), half(rest, 0));
  state[V2 + 1] = (state[V2 + 1] ?? 0) ^ 0xff;
  for (let count = 0; count < 3; count++) round(state);
  const fold = (low: 0 | 1): number =>
    ((state[V0 + low] ?? 0) ^ (state[V1 + low] ?? 0) ^ (state[V2 + low] ?? 0) ^ (state[V3 + low] ?? 0)) >>> 0;
  const high = fold(0);
  const low = fold(1).toString(16);
  return high === 0 ? low : high.toString(16) + low.padStart(8, '0');
}

/** The key of a text as the reference's library hashes texts: its UTF-8 bytes and a byte ff. */
export function siphash13HexOfText(text: string): string {
  // A UTF-16 unit needs at most three bytes.
  const bytes = Buffer.allocUnsafe(text.length * 3 + 1);
  const end = bytes.write(text, 'utf8');
  bytes[end] = 0xff;
  return siphash13Hex(bytes.subarray(0, end + 1));
}
