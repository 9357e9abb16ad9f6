import type { Codec, Infer } from '../bcs/codec.js';
import { newtype, struct } from '../bcs/containers.js';
import { bytes, fixedBytes, string, u8 } from '../bcs/primitives.js';

/** 32 bytes (spec: aptos-types.md, section 3). */
export const HashValue = fixedBytes('HashValue', 32);
export type HashValue = Infer<typeof HashValue>;

/** 32 bytes. */
export const AccountAddress = fixedBytes('AccountAddress', 32);
export type AccountAddress = Infer<typeof AccountAddress>;

export const ChainId = newtype('ChainId', u8);
export type ChainId = Infer<typeof ChainId>;

/** Any UTF-8: the reference does not check names while it decodes. */
export const Identifier = newtype('Identifier', string);
export type Identifier = Infer<typeof Identifier>;

export const ModuleId = struct('ModuleId', { address: AccountAddress, name: Identifier });
export type ModuleId = Infer<typeof ModuleId>;

/** The address of a Move table. */
export const TableHandle = newtype('TableHandle', AccountAddress);
export type TableHandle = Infer<typeof TableHandle>;

/** Bytes that a bit vector may have (spec: formats.md, section 1). */
export const BIT_VEC_BYTES_MAX = 8192;

const BitVecFields = struct('BitVec', { inner: bytes });
export type BitVec = Infer<typeof BitVecFields>;

/** Bits, the most significant of each byte first; at most `BIT_VEC_BYTES_MAX` bytes. */
export const BitVec: Codec<BitVec> = {
  name: 'BitVec',
  shape: { kind: 'bytes', max: BIT_VEC_BYTES_MAX },
  read(reader) {
    const start = reader.offset;
    const value = BitVecFields.read(reader);
    if (value.inner.length > BIT_VEC_BYTES_MAX) {
      reader.fail('BCS_INVALID_VALUE', `BitVec too long: ${value.inner.length}`, start);
    }
    return value;
  },
  write(writer, value) {
    if (value.inner.length > BIT_VEC_BYTES_MAX) {
      throw new RangeError(`BitVec too long: ${value.inner.length}`);
    }
    BitVecFields.write(writer, value);
  },
  skip(reader) {
    const start = reader.offset;
    const length = reader.sequenceLength();
    reader.advance(length);
    if (length > BIT_VEC_BYTES_MAX) reader.fail('BCS_INVALID_VALUE', `BitVec too long: ${length}`, start);
  },
};

/** Bit `index`, counted from the most significant bit of the first byte; false beyond the end. */
export function bitIsSet(bits: BitVec, index: number): boolean {
  return ((bits.inner[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0;
}
