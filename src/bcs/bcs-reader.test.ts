import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { refusal } from '../test-support/bcs-refusal.js';
import type { BcsErrorCode } from './bcs-error.js';
import { BcsReader } from './bcs-reader.js';
import { BcsWriter } from './bcs-writer.js';
import { type Codec, check, decode, encode } from './codec.js';
import { enumeration, map, newtype, option, struct, tuple, vector } from './containers.js';
import { bool, bytes, fixedBytes, i256, string, u8, u16, u64, u128, u256 } from './primitives.js';

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

const pair = struct('Pair', { first: u16, second: bool });
const shape = enumeration('Shape', ['Dot', null], ['Boxed', struct('Boxed', { pairs: vector(pair) })]);
const word = newtype('Word', string);

/** [what, codec, input, code, offset, path, a part of the message] */
type Refused = readonly [string, Codec<unknown>, string, BcsErrorCode, number, string, string];

const REFUSED: readonly Refused[] = [
  ['an empty input', u64, '', 'BCS_EOF', 0, '', 'unexpected end of input'],
  ['a short integer', u64, '01020304050607', 'BCS_EOF', 0, '', 'unexpected end of input'],
  ['a short second field', pair, '0100', 'BCS_EOF', 2, 'second', 'unexpected end of input'],
  ['a boolean above 1', pair, '010002', 'BCS_EXPECTED_BOOLEAN', 2, 'second', 'expected boolean'],
  ['an option tag above 1', option(u8), '0205', 'BCS_EXPECTED_OPTION', 0, '', 'expected option type'],
  ['a byte behind the value', u16, '010203', 'BCS_REMAINING_INPUT', 2, '', 'remaining input'],
  ['a string that is no UTF-8', word, '03ff6162', 'BCS_UTF8', 1, '', 'malformed utf8'],
  ['a string that encodes a surrogate', string, '03eda080', 'BCS_UTF8', 1, '', 'malformed utf8'],
  ['an overlong UTF-8 form', string, '02c080', 'BCS_UTF8', 1, '', 'malformed utf8'],
  ['a string that ends inside a character', string, '02f09f', 'BCS_UTF8', 1, '', 'malformed utf8'],
  ['bytes that are missing', bytes, '050102', 'BCS_EOF', 1, '', 'unexpected end of input'],
  ['a claim of gigabytes', bytes, 'ffffffff07', 'BCS_EOF', 5, '', 'unexpected end of input'],
  ['a count of billions', vector(string), 'ffffffff07', 'BCS_EOF', 5, '[0]', 'unexpected end of input'],
  ['a count of billions of hashes', vector(u256), 'ffffffff0700', 'BCS_EOF', 5, '[0]', 'unexpected end'],
  ['a length of 2^31', bytes, '8080808008', 'BCS_EXCEEDED_MAX_LENGTH', 0, '', 'length: 2147483648'],
  ['a count of 2^31', vector(u8), '8080808008', 'BCS_EXCEEDED_MAX_LENGTH', 0, '', 'length: 2147483648'],
  ['a map of 2^31', map(u8, u8), '8080808008', 'BCS_EXCEEDED_MAX_LENGTH', 0, '', 'length: 2147483648'],
  ['a padded zero', bytes, '8000', 'BCS_NON_CANONICAL_ULEB128', 0, '', 'not minimal in size'],
  ['a padded length', bytes, '818000', 'BCS_NON_CANONICAL_ULEB128', 0, '', 'not minimal in size'],
  ['five padded groups', bytes, '8080808000', 'BCS_NON_CANONICAL_ULEB128', 0, '', 'not minimal in size'],
  ['a length above 32 bits', bytes, 'ffffffff10', 'BCS_ULEB128_OVERFLOW', 0, '', 'did not fit'],
  ['a length of six groups', bytes, '8080808080', 'BCS_ULEB128_OVERFLOW', 0, '', 'did not fit'],
  ['a length that ends early', bytes, '80', 'BCS_EOF', 1, '', 'unexpected end of input'],
  ['an unknown variant', shape, '02', 'BCS_UNKNOWN_VARIANT', 0, '', 'Shape: invalid value: integer `2`'],
  ['a huge variant', shape, 'ffffffff0f', 'BCS_UNKNOWN_VARIANT', 0, '', 'integer `4294967295`'],
  ['a padded variant', shape, '8000', 'BCS_NON_CANONICAL_ULEB128', 0, '', 'not minimal in size'],
  [
    'a field deep inside',
    tuple(u8, option(shape)),
    '07 01 01 02 010001 020005',
    'BCS_EXPECTED_BOOLEAN',
    9,
    '1.Boxed.pairs[1].second',
    'expected boolean',
  ],
  ['map keys that fall', map(u8, u8), '020200 0100', 'BCS_NON_CANONICAL_MAP', 3, '[1]', 'increasing order'],
  ['equal map keys', map(u8, u8), '020100 0100', 'BCS_NON_CANONICAL_MAP', 3, '[1]', 'increasing order'],
  [
    'map keys in the order of their numbers and not of their bytes',
    map(u16, bool),
    '02 ff00 00 0001 00',
    'BCS_NON_CANONICAL_MAP',
    4,
    '[1]',
    'increasing order',
  ],
  [
    'a longer map key before the shorter one that begins it',
    map(bytes, u8),
    '02 0161 00 00 00',
    'BCS_NON_CANONICAL_MAP',
    4,
    '[1]',
    'increasing order',
  ],
  [
    'a damaged map value',
    map(u8, bool),
    '02 0100 0202',
    'BCS_EXPECTED_BOOLEAN',
    4,
    '[1]',
    'expected boolean',
  ],
];

describe('strict decoding', () => {
  for (const [what, codec, input, code, offset, path, message] of REFUSED) {
    it(`refuses ${what}`, () => {
      const refused = refusal(() => void decode(codec, hex(input)));
      assert.deepEqual([refused?.code, refused?.offset, refused?.path], [code, offset, path]);
      assert(refused?.message.includes(message), refused?.message);
      assert(refused?.message.includes(`at byte ${offset}`), refused?.message);
      const unbuilt = refusal(() => check(codec, hex(input)));
      assert.equal(unbuilt?.code, code);
    });
  }

  it('takes the largest ULEB128 integer of 32 bits', () => {
    assert.equal(new BcsReader(hex('ffffffff0f')).uleb128(), 4_294_967_295);
    assert.equal(new BcsReader(hex('ffffffff07')).sequenceLength(), 2 ** 31 - 1);
  });

  it('counts offsets from the beginning of the buffer when it reads a window', () => {
    const buffer = hex('eeee 010002 eeee');
    const refused = refusal(() => void decode(pair, buffer, { start: 2, end: 5 }));
    assert.deepEqual([refused?.code, refused?.offset], ['BCS_EXPECTED_BOOLEAN', 4]);
    assert.deepEqual(decode(pair, hex('eeee 010001 eeee'), { start: 2, end: 5 }), { first: 1, second: true });
  });

  it('never reads beyond its window, even where the buffer goes on', () => {
    const buffer = hex('0100 01');
    assert.equal(refusal(() => void decode(pair, buffer, { end: 2 }))?.code, 'BCS_EOF');
    assert.equal(refusal(() => check(pair, buffer, { end: 2 }))?.code, 'BCS_EOF');
  });

  it('reads a view of a larger buffer as that view alone', () => {
    const view = hex('ff 0500 ff').subarray(1, 3);
    assert.equal(decode(u16, view), 5);
    assert.equal(refusal(() => void decode(u64, view))?.code, 'BCS_EOF');
  });

  it('refuses a window outside of its buffer as a mistake of the caller', () => {
    for (const options of [{ start: 4 }, { end: 4 }, { start: 2, end: 1 }, { start: -1 }]) {
      assert.throws(() => new BcsReader(new Uint8Array(3), options), RangeError);
    }
  });

  it('gives views of byte fields and no copies', () => {
    const input = hex('02abcd');
    assert.equal(decode(bytes, input).buffer, input.buffer);
    assert.equal(decode(fixedBytes('three', 3), input).buffer, input.buffer);
  });

  it('starts again after a failure as if nothing had happened', () => {
    const reader = new BcsReader(hex('07 01 02 010001 020005'));
    assert.equal(refusal(() => tuple(u8, shape).skip(reader))?.code, 'BCS_EXPECTED_BOOLEAN');
    const good = hex('ee 00 ee');
    reader.restart(good, 1, 2, 1);
    assert.deepEqual(shape.read(reader), { variant: 'Dot' });
    assert.deepEqual([reader.offset, reader.remaining, reader.dialect], [2, 0, 1]);
    reader.finish();
  });
});

describe('integers', () => {
  const widths = [
    ['u64', u64, 64n],
    ['u128', u128, 128n],
    ['u256', u256, 256n],
  ] as const;
  for (const [name, codec, bits] of widths) {
    it(`${name} is exact at its extremes and in between`, () => {
      const max = 2n ** bits - 1n;
      const size = Number(bits / 8n);
      assert.deepEqual(encode(codec, max), new Uint8Array(size).fill(0xff));
      assert.deepEqual(encode(codec, 0n), new Uint8Array(size));
      assert.equal(encode(codec, 2n ** (bits - 8n))[size - 1], 1);
      fc.assert(
        fc.property(fc.bigInt({ min: 0n, max }), (value) => {
          const encoded = encode(codec, value);
          assert.equal(decode(codec, encoded), value);
          const bigEndian = Buffer.from(encoded).reverse().toString('hex');
          assert.equal(BigInt(`0x${bigEndian}`), value);
        }),
      );
    });

    it(`${name} refuses to write what it cannot hold`, () => {
      for (const value of [-1n, 2n ** bits]) assert.throws(() => encode(codec, value), RangeError);
    });
  }

  it('of every signed width are two complements', () => {
    const signed = [8, 16, 32, 64, 128, 256] as const;
    for (const bits of signed) {
      fc.assert(
        fc.property(
          fc.bigInt({ min: -(2n ** BigInt(bits - 1)), max: 2n ** BigInt(bits - 1) - 1n }),
          (value) => {
            const writer = new BcsWriter();
            if (bits === 8 || bits === 16 || bits === 32) writer[`i${bits}`](Number(value));
            else writer[`i${bits}`](value);
            const encoded = writer.toBytes();
            assert.equal(encoded.length, bits / 8);
            assert.equal(BigInt(new BcsReader(encoded)[`i${bits}`]()), value);
            const bigEndian = Buffer.from(encoded).reverse().toString('hex');
            assert.equal(BigInt.asIntN(bits, BigInt(`0x${bigEndian}`)), value);
          },
        ),
        { numRuns: 40 },
      );
    }
    assert.throws(() => encode(i256, 2n ** 255n), RangeError);
    assert.throws(() => new BcsWriter().i8(128), RangeError);
  });

  it('of up to 32 bits refuse fractions and what they cannot hold', () => {
    for (const value of [-1, 256, 0.5, Number.NaN]) assert.throws(() => encode(u8, value), RangeError);
    assert.throws(() => new BcsWriter().u32(2 ** 32), RangeError);
    assert.throws(() => new BcsWriter().uleb128(2 ** 32), RangeError);
    assert.throws(() => new BcsWriter().sequenceLength(2 ** 31), RangeError);
  });

  it('in ULEB128 are minimal and come back', () => {
    const known = { 0: '00', 1: '01', 127: '7f', 128: '8001', 16384: '808001', 4294967295: 'ffffffff0f' };
    for (const [value, expected] of Object.entries(known)) {
      const writer = new BcsWriter();
      writer.uleb128(Number(value));
      assert.equal(Buffer.from(writer.toBytes()).toString('hex'), expected);
    }
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 32 - 1 }), (value) => {
        const writer = new BcsWriter();
        writer.uleb128(value);
        const reader = new BcsReader(writer.toBytes());
        assert.equal(reader.uleb128(), value);
        reader.finish();
      }),
    );
  });

  it('in ULEB128 have one form only: what is read is written back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 6 }), (input) => {
        const reader = new BcsReader(input);
        let value = 0;
        const refused = refusal(() => {
          value = reader.uleb128();
        });
        if (refused) return;
        const writer = new BcsWriter();
        writer.uleb128(value);
        assert.deepEqual(writer.toBytes(), input.slice(0, reader.offset));
      }),
      { numRuns: 500 },
    );
  });
});
