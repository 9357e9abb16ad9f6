import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BcsError } from '../bcs/bcs-error.js';
import { check, decode, encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { DIALECT_2023, DIALECT_CURRENT } from './ledger-family.js';
import { TypeTag } from './type-tag.js';

const address = new Uint8Array(32).fill(1);

type Wrap = (inner: TypeTag) => TypeTag;

/** The kinds of level that count towards the nesting limit. */
const WRAPPERS: Readonly<Record<string, Wrap>> = {
  vector: (inner) => ({ variant: 'vector', value: inner }),
  struct: (inner) => ({ variant: 'struct', value: { address, module: 'm', name: 'S', type_args: [inner] } }),
  function: (inner) => ({
    variant: 'Function',
    value: { args: [{ variant: 'Reference', value: inner }], results: [], abilities: 3 },
  }),
};

function nested(wrap: Wrap, levels: number): Uint8Array {
  let tag: TypeTag = { variant: 'u8' };
  for (let level = 0; level < levels; level++) tag = wrap(tag);
  return encode(TypeTag, tag);
}

function isTooDeep(error: unknown): boolean {
  return (
    error instanceof BcsError && error.code === 'BCS_INVALID_VALUE' && /nesting exceeded/.test(error.message)
  );
}

describe('a type tag', () => {
  for (const [kind, wrap] of Object.entries(WRAPPERS)) {
    for (const [dialect, limit] of [
      [DIALECT_CURRENT, 8],
      [DIALECT_2023, 9],
    ] as const) {
      it(`may have ${limit} levels of kind ${kind} in dialect ${dialect}, and no more`, () => {
        check(TypeTag, nested(wrap, limit), { dialect });
        decode(TypeTag, nested(wrap, limit), { dialect });
        assert.throws(() => decode(TypeTag, nested(wrap, limit + 1), { dialect }), isTooDeep);
        assert.throws(() => check(TypeTag, nested(wrap, limit + 1), { dialect }), isTooDeep);
      });
    }
  }

  it('counts levels, not tags: siblings do not add up', () => {
    const type_args = Array.from(
      { length: 20 },
      () => ({ variant: 'vector', value: { variant: 'u8' } }) as const,
    );
    const wide = { variant: 'struct', value: { address, module: 'm', name: 'S', type_args } } as const;
    assert.deepEqual(decode(TypeTag, encode(TypeTag, wide)), wide);
  });

  it('has the variants of the specification at their indices', () => {
    const plain = ['bool', 'u8', 'u64', 'u128', 'address', 'signer', '', '', 'u16', 'u32', 'u256', ''];
    const variants = [...plain, 'i8', 'i16', 'i32', 'i64', 'i128', 'i256'];
    for (const [index, variant] of variants.entries()) {
      if (variant) assert.deepEqual(decode(TypeTag, Uint8Array.of(index)), { variant });
    }
    assert.throws(
      () => decode(TypeTag, Uint8Array.of(18)),
      (error) =>
        error instanceof BcsError && error.code === 'BCS_UNKNOWN_VARIANT' && /TypeTag/.test(error.message),
    );
  });

  it('encodes a struct tag as address, module, name and arguments', () => {
    const value = { address, module: 'coin', name: 'Coin', type_args: [{ variant: 'bool' }] } as const;
    assert.equal(
      toHex(encode(TypeTag, { variant: 'struct', value })),
      `07${'01'.repeat(32)}04636f696e04436f696e0100`,
    );
  });
});
