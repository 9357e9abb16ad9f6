import { BCS_DEPTH_MAX, BCS_LENGTH_MAX } from './bcs-reader.js';

const utf8 = new TextEncoder();

/**
 * A growing buffer that values are encoded into. Out-of-range values are mistakes of the caller and
 * throw `RangeError`.
 */
export class BcsWriter {
  readonly dialect: number;
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  #depth = 0;

  constructor(options: { readonly dialect?: number; readonly initialSize?: number } = {}) {
    this.dialect = options.dialect ?? 0;
    this.#bytes = new Uint8Array(options.initialSize ?? 256);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** A copy of what was written. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** What was written from `start` on, as a copy. */
  slice(start: number): Uint8Array {
    return this.#bytes.slice(start, this.#length);
  }

  /** Takes back everything from `length` on. */
  truncate(length: number): void {
    this.#length = length;
  }

  #reserve(count: number): number {
    const start = this.#length;
    const needed = start + count;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = needed;
    return start;
  }

  #integer(value: number, bytes: number, min: number, max: number): number {
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new RangeError(`${value} is no integer from ${min} to ${max}`);
    }
    return this.#reserve(bytes);
  }

  #words(value: bigint, words: number, signed: boolean): void {
    const bits = words * 64;
    if (value !== (signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value))) {
      throw new RangeError(`${value} does not fit ${signed ? 'i' : 'u'}${bits}`);
    }
    const start = this.#reserve(words * 8);
    let rest = BigInt.asUintN(bits, value);
    for (let word = 0; word < words; word++) {
      this.#view.setBigUint64(start + word * 8, BigInt.asUintN(64, rest), true);
      rest >>= 64n;
    }
  }

  u8(value: number): void {
    const start = this.#integer(value, 1, 0, 0xff);
    this.#view.setUint8(start, value);
  }
  u16(value: number): void {
    const start = this.#integer(value, 2, 0, 0xffff);
    this.#view.setUint16(start, value, true);
  }
  u32(value: number): void {
    const start = this.#integer(value, 4, 0, 0xffffffff);
    this.#view.setUint32(start, value, true);
  }
  u64(value: bigint): void {
    this.#words(value, 1, false);
  }
  u128(value: bigint): void {
    this.#words(value, 2, false);
  }
  u256(value: bigint): void {
    this.#words(value, 4, false);
  }
  i8(value: number): void {
    const start = this.#integer(value, 1, -0x80, 0x7f);
    this.#view.setInt8(start, value);
  }
  i16(value: number): void {
    const start = this.#integer(value, 2, -0x8000, 0x7fff);
    this.#view.setInt16(start, value, true);
  }
  i32(value: number): void {
    const start = this.#integer(value, 4, -0x80000000, 0x7fffffff);
    this.#view.setInt32(start, value, true);
  }
  i64(value: bigint): void {
    this.#words(value, 1, true);
  }
  i128(value: bigint): void {
    this.#words(value, 2, true);
  }
  i256(value: bigint): void {
    this.#words(value, 4, true);
  }

  bool(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  uleb128(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      throw new RangeError(`${value} is no 32-bit unsigned integer`);
    }
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.u8(rest);
  }

  sequenceLength(value: number): void {
    if (value > BCS_LENGTH_MAX) throw new RangeError(`a sequence of ${value} is too long for BCS`);
    this.uleb128(value);
  }

  /** Bytes as they are, without a length. */
  raw(value: Uint8Array): void {
    const start = this.#reserve(value.length);
    this.#bytes.set(value, start);
  }

  byteVector(value: Uint8Array): void {
    this.sequenceLength(value.length);
    this.raw(value);
  }

  string(value: string): void {
    this.byteVector(utf8.encode(value));
  }

  enter(containerName: string): void {
    if (this.#depth >= BCS_DEPTH_MAX) {
      throw new RangeError(`exceeded max container depth while entering: ${containerName}`);
    }
    this.#depth++;
  }
  leave(): void {
    this.#depth--;
  }
}
