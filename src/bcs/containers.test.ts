import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { refusal } from '../test-support/bcs-refusal.js';
import { BCS_DEPTH_MAX, BcsReader } from './bcs-reader.js';
import { BcsWriter } from './bcs-writer.js';
import { type AnyCodec, type Codec, check, decode, encode } from './codec.js';
import { boxed, byDialect, checkedSpan, lazy } from './combinators.js';
import { enumeration, map, newtype, option, struct, tuple, vector } from './containers.js';
import { bool, bytes, fixedBytes, string, u8, u16, u32, u64 } from './primitives.js';

const text = (value: Uint8Array): string => Buffer.from(value).toString('hex');

interface Chain {
  readonly next: Chain | undefined;
}
/** One named container a level. */
const Chain: Codec<Chain> = struct('Chain', { next: option(lazy('Chain', () => Chain)) });

/** The bytes of a chain of `levels` containers. */
function chainBytes(levels: number): Uint8Array {
  return new Uint8Array(levels).fill(1, 0, levels - 1);
}

function chainValue(levels: number): Chain {
  let chain: Chain = { next: undefined };
  for (let level = 1; level < levels; level++) chain = { next: chain };
  return chain;
}

describe('the depth limit', () => {
  it('lets 500 named containers nest', () => {
    assert.deepEqual(encode(Chain, chainValue(BCS_DEPTH_MAX)), chainBytes(BCS_DEPTH_MAX));
    assert.deepEqual(decode(Chain, chainBytes(BCS_DEPTH_MAX)), chainValue(BCS_DEPTH_MAX));
    check(Chain, chainBytes(BCS_DEPTH_MAX));
  });

  it('refuses the next one, by name, while reading, skipping and writing', () => {
    const tooDeep = chainBytes(BCS_DEPTH_MAX + 1);
    for (const attempt of [() => void decode(Chain, tooDeep), () => check(Chain, tooDeep)]) {
      const refused = refusal(attempt);
      assert.equal(refused?.code, 'BCS_EXCEEDED_DEPTH');
      assert.equal(refused.offset, BCS_DEPTH_MAX);
      assert.match(refused.message, /entering: Chain/);
    }
    assert.throws(() => encode(Chain, chainValue(BCS_DEPTH_MAX + 1)), /entering: Chain/);
  });

  it('is not reached by any number of values side by side', () => {
    const many = vector(enumeration('One', ['One', newtype('Two', struct('Three', { byte: u8 }))]));
    const value = Array.from({ length: 2000 }, () => ({ variant: 'One', value: { byte: 1 } }) as const);
    assert.deepEqual(decode(many, encode(many, value)), value);
    check(many, encode(many, value));
  });

  it('does not count tuples, vectors, maps and options', () => {
    let codec: AnyCodec = u8;
    let value: unknown = 7;
    for (let level = 0; level < 200; level++) {
      codec = tuple(option(vector(map(u8, codec))));
      value = [[[[1, value]]]];
    }
    assert.deepEqual(decode(codec, encode(codec, value)), value);
  });
});

describe('maps', () => {
  const numbers = map(u16, u8);

  it('are written in the order of their keys bytes, the first of equal keys kept', () => {
    const entries = [
      [256, 1],
      [1, 2],
      [255, 3],
      [256, 4],
    ] as const;
    // Little-endian keys: 0001 (256) < 0100 (1) < ff00 (255).
    assert.equal(text(encode(numbers, entries)), '03000101010002ff0003');
  });

  it('come back as they were written, whatever the order they are given in', () => {
    const entries = fc.uniqueArray(fc.tuple(fc.string({ unit: 'grapheme' }), fc.nat({ max: 255 })), {
      selector: ([key]) => key,
    });
    const codec = map(string, u8);
    fc.assert(
      fc.property(entries, (given) => {
        const encoded = encode(codec, given);
        const read = decode(codec, encoded);
        assert.deepEqual(new Map(read), new Map(given.map(([key, value]) => [key, value])));
        assert.deepEqual(encode(codec, [...read].reverse()), encoded);
        check(codec, encoded);
      }),
    );
  });
});

describe('containers', () => {
  const everything = struct('Everything', {
    flag: bool,
    hash: fixedBytes('hash', 4),
    name: string,
    blob: bytes,
    maybe: option(option(u8)),
    list: vector(u32),
    nested: tuple(u8, struct('Inner', { id: u64 })),
    choice: enumeration('Choice', ['None', null], ['Some', u16], ['Map', map(u8, bool)]),
  });

  it('lay their parts one after the other', () => {
    const value = {
      flag: true,
      hash: Uint8Array.of(1, 2, 3, 4),
      name: 'é',
      blob: Uint8Array.of(9),
      maybe: 5,
      list: [1, 2],
      nested: [3, { id: 4n }],
      choice: { variant: 'Map', value: [[7, true]] },
    } as const;
    const expected = [
      '01',
      '01020304',
      '02c3a9',
      '0109',
      '010105',
      '020100000002000000',
      '030400000000000000',
      '02010701',
    ];
    assert.equal(text(encode(everything, value)), expected.join(''));
    assert.deepEqual(decode(everything, encode(everything, value)), value);
  });

  it('are skipped over exactly when they decode, and end at the same place', () => {
    const likely = fc.array(fc.nat({ max: 3 }), { maxLength: 60 }).map((items) => Uint8Array.from(items));
    fc.assert(
      fc.property(fc.oneof(likely, fc.uint8Array({ maxLength: 60 })), (input) => {
        const [reader, skipper] = [new BcsReader(input), new BcsReader(input)];
        const read = refusal(() => void everything.read(reader));
        const skipped = refusal(() => everything.skip(skipper));
        assert.equal(skipped === undefined, read === undefined);
        if (read === undefined) assert.equal(skipper.offset, reader.offset);
      }),
      { numRuns: 1000 },
    );
  });

  it('of a fixed size know it, others do not', () => {
    assert.equal(struct('Fixed', { a: u8, b: struct('Inner', { c: u64 }), d: tuple(u16, u16) }).anyBytes, 13);
    assert.equal(newtype('New', u64).anyBytes, 8);
    assert.equal(struct('Flag', { a: u8, b: bool }).anyBytes, undefined);
    assert.equal(everything.anyBytes, undefined);
  });

  it('refuse to write values of the wrong size or of no variant', () => {
    assert.throws(() => encode(fixedBytes('hash', 4), new Uint8Array(3)), RangeError);
    const choice: AnyCodec = enumeration('Choice', ['None', null]);
    assert.throws(() => encode(choice, { variant: 'Other' }), /no variant Other/);
  });

  it('tell an absent option from a present one that is empty', () => {
    const codec = option(bytes);
    assert.equal(text(encode(codec, undefined)), '00');
    assert.equal(text(encode(codec, new Uint8Array())), '0100');
  });
});

describe('combinators', () => {
  it('byDialect reads and writes the layout of the dialect', () => {
    const codec = byDialect('Number', u8, u16);
    assert.equal(text(encode(codec, 5)), '05');
    assert.equal(text(encode(codec, 5, { dialect: 1 })), '0500');
    assert.equal(decode(codec, Uint8Array.of(5, 0), { dialect: 1 }), 5);
    check(codec, Uint8Array.of(5, 0), { dialect: 1 });
    assert.throws(() => encode(codec, 5, { dialect: 2 }), /no layout for dialect 2/);
  });

  it('boxed limits how many levels are open at once', () => {
    interface Nest {
      readonly inner: readonly Nest[];
    }
    const Nest: Codec<Nest> = struct('Nest', {
      inner: vector(
        boxed(
          lazy('Nest', () => Nest),
          (dialect) => 2 + dialect,
          'nested too deep',
        ),
      ),
    });
    const two = Uint8Array.of(2, 1, 0, 1, 0);
    const three = Uint8Array.of(1, 1, 1, 0);
    check(Nest, two);
    decode(Nest, two);
    const refused = refusal(() => void decode(Nest, three));
    assert.deepEqual([refused?.code, refused?.offset], ['BCS_INVALID_VALUE', 3]);
    assert.equal(refusal(() => check(Nest, three))?.code, 'BCS_INVALID_VALUE');
    decode(Nest, three, { dialect: 1 });
  });

  it('checkedSpan shows the bytes of a value to a further rule', () => {
    const spans: string[] = [];
    const codec = tuple(
      u8,
      checkedSpan(bytes, (input, start, end) => void spans.push(text(input.subarray(start, end)))),
    );
    decode(codec, Uint8Array.of(1, 2, 3, 4));
    check(codec, Uint8Array.of(1, 2, 3, 4));
    assert.deepEqual(spans, ['020304', '020304']);
  });

  it('vectorOf reads length-prefixed bytes as a value of their own', () => {
    const inside = (input: Uint8Array): number => new BcsReader(input).vectorOf(string, 'no text');
    assert.equal(inside(Uint8Array.of(3, 2, 0x61, 0x62)), 1);
    for (const input of [Uint8Array.of(2, 2, 0x61, 0x62), Uint8Array.of(4, 2, 0x61, 0x62, 0)]) {
      const refused = refusal(() => void inside(input));
      assert.deepEqual([refused?.code, refused?.offset], ['BCS_INVALID_VALUE', 1]);
      assert.match(refused?.message ?? '', /^no text: /);
    }
    assert.equal(refusal(() => void inside(Uint8Array.of(9, 2)))?.code, 'BCS_EOF');
  });
});

describe('a writer', () => {
  it('grows without losing what it holds, and hands out copies', () => {
    const writer = new BcsWriter({ initialSize: 1 });
    for (let byte = 0; byte < 1000; byte++) writer.u8(byte % 256);
    const copy = writer.toBytes();
    assert.equal(copy.length, 1000);
    assert(copy.every((byte, index) => byte === index % 256));
    writer.truncate(2);
    writer.u8(0xaa);
    assert.deepEqual([copy[2], ...writer.toBytes()], [2, 0, 1, 0xaa]);
    assert.deepEqual(writer.slice(1), Uint8Array.of(1, 0xaa));
  });
});
