import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { DomainHasher } from './domain-hasher.js';
import { HASH_SIZE, toHex } from './hash-value.js';
import { nodeSha3 } from './node-sha3.js';

/** Seeds of the table in spec formats.md, section 2. */
const SEEDS = [
  ['APTOS::', 'StateKey', '14715f27d7ab9aad7041a4809fbb1dc5bcd80e0c5ee58c18469f1fde7bd347e4'],
  ['APTOS::', 'TransactionInfo', 'a7571b1ac557d1d3f9e884d79f9174c9ff81fd091502dfad0008455b39eca471'],
  ['APTOS::', 'LedgerInfo', '98274d3a1dfd01624eb9df4f2fc4e34fa24f18334a0091ec93d0ea833e1fbaa2'],
  ['APTOS::', 'PersistedAuxiliaryInfo', '83365516453ccf7cd4407bb5d7888ab49a4099e7ac71690272a1b23acda81a58'],
  ['DIEM::', 'StateKey', '6297d34d5da14be9e2fb96134a07ec5e55efed5c7b030aecc2f5f5954996ce05'],
  ['DIEM::', 'SparseMerkleInternal', '0b3ec0481bc00708b043a6dadff482da85a97a91da1ac1b729150f0f44bad4c6'],
  ['DIEM::', 'TransactionAccumulator', 'f113eccd4bfbb5050e49fcac4b812912a8b83c3b32bd3c61917ffc8cab48f420'],
] as const;

describe('DomainHasher', () => {
  const hasher = new DomainHasher('APTOS::', 'TransactionAccumulator', nodeSha3);
  const expected = (message: Uint8Array): string =>
    createHash('sha3-256').update(hasher.seed).update(message).digest('hex');

  for (const [prefix, name, seed] of SEEDS) {
    it(`has the specified seed for ${prefix}${name}`, () => {
      assert.equal(toHex(new DomainHasher(prefix, name, nodeSha3).seed), seed);
    });
  }

  it('hashes a message, a pair and a level alike', () => {
    const pair = new Uint8Array(randomBytes(2 * HASH_SIZE));
    const nodes = pair.slice();
    hasher.level(nodes, 0, 1);
    assert.equal(toHex(hasher.hash(pair)), expected(pair));
    assert.equal(toHex(hasher.pair(pair.subarray(0, HASH_SIZE), pair.subarray(HASH_SIZE))), expected(pair));
    assert.equal(toHex(nodes.subarray(0, HASH_SIZE)), expected(pair));
  });

  it('gives every hash in memory of its own', () => {
    const message = new Uint8Array([1]);
    const first = hasher.hash(message);
    const copy = toHex(first);
    hasher.hash(new Uint8Array([2]));
    hasher.pair(first, first);
    assert.equal(toHex(first), copy);
    assert.notEqual(first, hasher.hash(message));
  });

  it('writes the hashes of a batch one after the other', () => {
    const base = new Uint8Array([1, 2, 3, 4]);
    const out = new Uint8Array(HASH_SIZE + 3 * HASH_SIZE);
    hasher.records({ base, starts: [0, 1, 4], ends: [1, 4, 4], count: 3 }, out, HASH_SIZE);
    const parts = [[], [1], [2, 3, 4], []].map((bytes) => expected(Uint8Array.from(bytes)));
    parts[0] = toHex(new Uint8Array(HASH_SIZE));
    assert.equal(toHex(out), parts.join(''));
  });
});
