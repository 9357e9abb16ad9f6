import { BcsError, type BcsErrorCode } from './bcs-error.js';
import type { AnyCodec } from './codec.js';

/** Lengths and counts above this are refused (spec: formats.md, section 1). */
export const BCS_LENGTH_MAX = 2 ** 31 - 1;
/** Named containers (structs and enums) that may be nested. */
export const BCS_DEPTH_MAX = 500;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Where a reader stands in a buffer, and the dialect of the types that it reads. */
export interface BcsReaderOptions {
  readonly start?: number;
  readonly end?: number;
  /** Which revision of types with several layouts is read; codecs made by `byDialect` look at it. */
  readonly dialect?: number;
}

/**
 * A strict cursor over BCS bytes. Every method either advances past a canonical value or throws a
 * `BcsError` that names the offset; nothing is ever allocated from a claimed length before the bytes
 * are known to be there. Byte results are views of the input: copy them to keep them.
 */
export class BcsReader {
  /** Absolute position in `bytes`. */
  offset = 0;
  /** Levels of a recursive type that are open; codecs made by `boxed` count here. */
  nesting = 0;
  #bytes: Uint8Array;
  #view: DataView;
  #end = 0;
  #dialect: number;
  #depth = 0;

  constructor(bytes: Uint8Array, options: BcsReaderOptions = {}) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#dialect = options.dialect ?? 0;
    this.#window(options.start ?? 0, options.end ?? bytes.length);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }
  /** Where the window ends, absolute in `bytes`. */
  get end(): number {
    return this.#end;
  }
  get dialect(): number {
    return this.#dialect;
  }
  get remaining(): number {
    return this.#end - this.offset;
  }

  /** Starts again over `bytes[start..end]`, also after a failure: one reader serves any number of records. */
  restart(bytes: Uint8Array, start: number, end: number, dialect: number): void {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.#dialect = dialect;
    this.nesting = 0;
    this.#depth = 0;
    this.#window(start, end);
  }

  #window(start: number, end: number): void {
    if (start < 0 || start > end || end > this.#bytes.length) {
      throw new RangeError(`BCS window ${start}..${end} lies outside of ${this.#bytes.length} bytes`);
    }
    this.offset = start;
    this.#end = end;
  }

  fail(code: BcsErrorCode, reason: string, offset = this.offset): never {
    throw new BcsError(code, reason, offset);
  }

  /** Steps over `count` bytes and returns where they began. */
  advance(count: number): number {
    const start = this.offset;
    if (count > this.#end - start) this.fail('BCS_EOF', 'unexpected end of input');
    this.offset = start + count;
    return start;
  }

  u8(): number {
    return this.#view.getUint8(this.advance(1));
  }
  u16(): number {
    return this.#view.getUint16(this.advance(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.advance(4), true);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.advance(8), true);
  }
  u128(): bigint {
    return this.#unsigned(2);
  }
  u256(): bigint {
    return this.#unsigned(4);
  }
  i8(): number {
    return this.#view.getInt8(this.advance(1));
  }
  i16(): number {
    return this.#view.getInt16(this.advance(2), true);
  }
  i32(): number {
    return this.#view.getInt32(this.advance(4), true);
  }
  i64(): bigint {
    return this.#view.getBigInt64(this.advance(8), true);
  }
  i128(): bigint {
    return BigInt.asIntN(128, this.#unsigned(2));
  }
  i256(): bigint {
    return BigInt.asIntN(256, this.#unsigned(4));
  }

  #unsigned(words: number): bigint {
    const start = this.advance(words * 8);
    let value = 0n;
    for (let word = words - 1; word >= 0; word--) {
      value = (value << 64n) | this.#view.getBigUint64(start + word * 8, true);
    }
    return value;
  }

  bool(): boolean {
    const start = this.offset;
    const byte = this.u8();
    if (byte > 1) this.fail('BCS_EXPECTED_BOOLEAN', 'expected boolean', start);
    return byte === 1;
  }

  /** The tag of an option: true when a value follows. */
  optionTag(): boolean {
    const start = this.offset;
    const byte = this.u8();
    if (byte > 1) this.fail('BCS_EXPECTED_OPTION', 'expected option type', start);
    return byte === 1;
  }

  /** A minimal ULEB128 integer of at most 32 bits: an enum's variant index. */
  uleb128(): number {
    const start = this.offset;
    // Nearly all of them are a single byte.
    const first = start < this.#end ? (this.#bytes[start] ?? 0x80) : 0x80;
    if (first < 0x80) {
      this.offset = start + 1;
      return first;
    }
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      const digit = byte & 0x7f;
      if (shift === 28 && (digit > 0x0f || byte > 0x7f)) break;
      // Multiplication, since a shift by 28 would leave the range of 32-bit integers.
      value += digit * 2 ** shift;
      if (byte < 0x80) {
        if (shift > 0 && digit === 0) {
          this.fail('BCS_NON_CANONICAL_ULEB128', 'ULEB128 encoding was not minimal in size', start);
        }
        return value;
      }
    }
    return this.fail('BCS_ULEB128_OVERFLOW', 'ULEB128-encoded integer did not fit in the target size', start);
  }

  /** Which of `variantCount` variants of an enum follows. */
  variantIndex(enumName: string, variantCount: number): number {
    const start = this.offset;
    const index = this.uleb128();
    if (index >= variantCount) {
      const expected = `expected variant index 0 <= i < ${variantCount}`;
      this.fail(
        'BCS_UNKNOWN_VARIANT',
        `${enumName}: invalid value: integer \`${index}\`, ${expected}`,
        start,
      );
    }
    return index;
  }

  /** A length or count. The caller checks it against what is left before it allocates. */
  sequenceLength(): number {
    const start = this.offset;
    const value = this.uleb128();
    if (value > BCS_LENGTH_MAX) {
      this.fail('BCS_EXCEEDED_MAX_LENGTH', `exceeded max sequence length: ${value}`, start);
    }
    return value;
  }

  /** `size` bytes as a view. */
  fixed(size: number): Uint8Array {
    const start = this.advance(size);
    return this.#bytes.subarray(start, start + size);
  }

  /** Length-prefixed bytes as a view. */
  byteVector(): Uint8Array {
    return this.fixed(this.sequenceLength());
  }

  /**
   * Steps over length-prefixed bytes that must hold one value of `codec` and nothing else, and returns
   * where they began. What is wrong inside is `BCS_INVALID_VALUE`; its message begins with `refusal`.
   */
  vectorOf(codec: AnyCodec, refusal: string): number {
    const start = this.advance(this.sequenceLength());
    const after = this.offset;
    const end = this.#end;
    const nesting = this.nesting;
    const depth = this.#depth;
    this.offset = start;
    this.#end = after;
    this.nesting = 0;
    this.#depth = 0;
    try {
      codec.skip(this);
      this.finish();
    } catch (error) {
      if (!(error instanceof BcsError)) throw error;
      this.fail('BCS_INVALID_VALUE', `${refusal}: ${error.message}`, start);
    }
    this.offset = after;
    this.#end = end;
    this.nesting = nesting;
    this.#depth = depth;
    return start;
  }

  string(): string {
    const length = this.sequenceLength();
    const start = this.advance(length);
    try {
      return utf8.decode(this.#bytes.subarray(start, start + length));
    } catch {
      // TextDecoder's own error says nothing more than this.
      return this.fail('BCS_UTF8', 'malformed utf8', start);
    }
  }

  /** Opens a struct or enum; `leave` closes it. */
  enter(containerName: string): void {
    if (this.#depth >= BCS_DEPTH_MAX) {
      this.fail('BCS_EXCEEDED_DEPTH', `exceeded max container depth while entering: ${containerName}`);
    }
    this.#depth++;
  }
  leave(): void {
    this.#depth--;
  }

  /** Refuses input behind the value. */
  finish(): void {
    if (this.offset !== this.#end) this.fail('BCS_REMAINING_INPUT', 'remaining input');
  }
}
