import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equalBytes, hashFromHex, toHex } from './hash-value.js';

const text = '0b0947eb5327275bc7cfde3cb5c0cd03a0058e3c54c30ba962fbc90e97e664ce';

describe('hash values as text', () => {
  it('are read in either case and written in lower case', () => {
    assert.equal(toHex(hashFromHex(text)), text);
    assert.equal(toHex(hashFromHex(text.toUpperCase())), text);
  });

  for (const wrong of [
    '',
    text.slice(1),
    `${text}0`,
    `0x${text.slice(2)}`,
    `${text.slice(1)}g`,
    ` ${text}`,
  ]) {
    it(`refuses ${JSON.stringify(wrong)}`, () => {
      assert.throws(() => hashFromHex(wrong), { code: 'HASH_TEXT_INVALID' });
    });
  }

  it('writes a view as its own bytes only', () => {
    assert.equal(toHex(new Uint8Array([1, 2, 3, 4]).subarray(1, 3)), '0203');
  });
});

describe('equalBytes', () => {
  it('compares content and length', () => {
    const bytes = new Uint8Array([1, 2, 3]);
    assert.equal(equalBytes(bytes, new Uint8Array([0, 1, 2, 3]).subarray(1)), true);
    assert.equal(equalBytes(bytes, new Uint8Array([1, 2])), false);
    assert.equal(equalBytes(bytes, new Uint8Array([1, 2, 4])), false);
  });
});
