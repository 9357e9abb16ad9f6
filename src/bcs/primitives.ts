import { isUtf8 } from 'node:buffer';
import type { BcsReader } from './bcs-reader.js';
import type { BcsWriter } from './bcs-writer.js';
import type { Codec } from './codec.js';

type NumberKind = 'u8' | 'u16' | 'u32' | 'i8' | 'i16' | 'i32';
type BigintKind = 'u64' | 'u128' | 'u256' | 'i64' | 'i128' | 'i256';

/** Integers of up to 32 bits are numbers. */
function smallInteger(name: NumberKind): Codec<number> {
  const size = Number(name.slice(1)) / 8;
  return {
    name,
    anyBytes: size,
    read: (reader: BcsReader) => reader[name](),
    write: (writer: BcsWriter, value: number) => writer[name](value),
    skip: (reader: BcsReader) => void reader.advance(size),
  };
}

/** Integers of 64 bits and more are bigints: versions above 2^53 survive. */
function largeInteger(name: BigintKind): Codec<bigint> {
  const size = Number(name.slice(1)) / 8;
  return {
    name,
    anyBytes: size,
    read: (reader: BcsReader) => reader[name](),
    write: (writer: BcsWriter, value: bigint) => writer[name](value),
    skip: (reader: BcsReader) => void reader.advance(size),
  };
}

export const u8 = smallInteger('u8');
export const u16 = smallInteger('u16');
export const u32 = smallInteger('u32');
export const u64 = largeInteger('u64');
export const u128 = largeInteger('u128');
export const u256 = largeInteger('u256');
export const i8 = smallInteger('i8');
export const i16 = smallInteger('i16');
export const i32 = smallInteger('i32');
export const i64 = largeInteger('i64');
export const i128 = largeInteger('i128');
export const i256 = largeInteger('i256');

export const bool: Codec<boolean> = {
  name: 'bool',
  shape: { kind: 'bool' },
  read: (reader) => reader.bool(),
  write: (writer, value) => writer.bool(value),
  skip: (reader) => void reader.bool(),
};

/** Length-prefixed bytes; reading gives a view of the input. */
export const bytes: Codec<Uint8Array> = {
  name: 'bytes',
  shape: { kind: 'bytes' },
  read: (reader) => reader.byteVector(),
  write: (writer, value) => writer.byteVector(value),
  skip: (reader) => void reader.advance(reader.sequenceLength()),
};

/** Nearly every string of a ledger is a short ASCII name: looking at it here saves a view and a call. */
function isAscii(source: Uint8Array, start: number, end: number): boolean {
  for (let index = start; index < end; index++) if ((source[index] ?? 0) >= 0x80) return false;
  return true;
}

export const string: Codec<string> = {
  name: 'string',
  shape: { kind: 'text' },
  read: (reader) => reader.string(),
  write: (writer, value) => writer.string(value),
  skip: (reader) => {
    const length = reader.sequenceLength();
    const start = reader.advance(length);
    if (isAscii(reader.bytes, start, reader.offset)) return;
    if (!isUtf8(reader.bytes.subarray(start, reader.offset)))
      reader.fail('BCS_UTF8', 'malformed utf8', start);
  },
};

/** A fixed number of bytes without a length; reading gives a view of the input. */
export function fixedBytes(name: string, size: number): Codec<Uint8Array> {
  return {
    name,
    anyBytes: size,
    read: (reader) => reader.fixed(size),
    write: (writer, value) => {
      if (value.length !== size) throw new RangeError(`${name} takes ${size} bytes, not ${value.length}`);
      writer.raw(value);
    },
    skip: (reader) => void reader.advance(size),
  };
}
