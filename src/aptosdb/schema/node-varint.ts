import type { BcsReader } from '../../bcs/bcs-reader.js';
import type { BcsWriter } from '../../bcs/bcs-writer.js';

/** Groups of seven bits; what is left after them stands in one byte as it is. */
const GROUPS_MAX = 8;
const U64_MAX = 2n ** 64n - 1n;

/**
 * The integers of tree nodes: like ULEB128 up to 56 bits, but a ninth byte holds eight plain bits
 * (spec: aptosdb-schema.md, 8.2).
 */
export function writeNodeVarint(writer: BcsWriter, value: bigint): void {
  if (value < 0n || value > U64_MAX) throw new RangeError(`${value} does not fit u64`);
  let rest = value;
  for (let group = 0; group < GROUPS_MAX; group++) {
    if (rest < 0x80n) {
      writer.u8(Number(rest));
      return;
    }
    writer.u8(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  writer.u8(Number(rest));
}

/** Refuses a superfluous last byte. @throws BcsError */
export function readNodeVarint(reader: BcsReader): bigint {
  const start = reader.offset;
  let value = 0n;
  for (let group = 0; group <= GROUPS_MAX; group++) {
    const byte = reader.u8();
    const digit = group === GROUPS_MAX ? byte : byte & 0x7f;
    value |= BigInt(digit) << BigInt(7 * group);
    if (group < GROUPS_MAX && byte >= 0x80) continue;
    if (group > 0 && digit === 0) break;
    return value;
  }
  return reader.fail('BCS_NON_CANONICAL_ULEB128', 'varint was not minimal in size', start);
}
