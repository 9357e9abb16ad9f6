import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { siphash13Hex, siphash13HexOfText } from './siphash13.js';

test('the keys of handles are those of the reference (spec: backup-format.md, section 6)', () => {
  for (const [text, key] of [
    ['metadata/identity.meta', 'c3ae0a73496d02da'],
    ['metadata/epoch_ending_0-0.meta', 'a70e6ec015d069c9'],
    ['metadata/transaction_10000001-10100000.meta', 'ee2d485c77046d6b'],
    ['', '30406ea523c53def'],
    ['a', '719b50b9a4f0e9f3'],
  ] as const)
    assert.equal(siphash13HexOfText(text), key);
});

/** The same algorithm in plain 64-bit arithmetic. */
function siphash13ByBigInt(bytes: Uint8Array): string {
  const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
  const rotl = (value: bigint, bits: bigint): bigint => u64((value << bits) | (value >> (64n - bits)));
  let [v0, v1, v2, v3] = [0x736f6d6570736575n, 0x646f72616e646f6dn, 0x6c7967656e657261n, 0x7465646279746573n];
  const round = (): void => {
    v0 = u64(v0 + v1);
    v1 = rotl(v1, 13n) ^ v0;
    v0 = rotl(v0, 32n);
    v2 = u64(v2 + v3);
    v3 = rotl(v3, 16n) ^ v2;
    v0 = u64(v0 + v3);
    v3 = rotl(v3, 21n) ^ v0;
    v2 = u64(v2 + v1);
    v1 = rotl(v1, 17n) ^ v2;
    v2 = rotl(v2, 32n);
  };
  const padded = Buffer.alloc((Math.floor(bytes.length / 8) + 1) * 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length & 0xff;
  for (let offset = 0; offset < padded.length; offset += 8) {
    const word = padded.readBigUInt64LE(offset);
    v3 ^= word;
    round();
    v0 ^= word;
  }
  v2 ^= 0xffn;
  for (let count = 0; count < 3; count++) round();
  return (v0 ^ v1 ^ v2 ^ v3).toString(16);
}

test('the halves compute what whole words compute, on bytes of any length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      assert.equal(siphash13Hex(bytes), siphash13ByBigInt(bytes));
    }),
    { numRuns: 500 },
  );
});
