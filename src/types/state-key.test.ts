import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BcsError } from '../bcs/bcs-error.js';
import { check, decode, encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { arbitraryEncoding } from '../test-support/arbitrary-value.js';
import { DIALECT_2023, DIALECT_CURRENT } from './ledger-family.js';
import { Path, StateKey, stateKeyPreimage, writeStateKeyPreimage } from './state-key.js';

const address = new Uint8Array(32).fill(1);

function accessPath(path: Uint8Array): Uint8Array {
  return encode(StateKey, { variant: 'AccessPath', value: { address, path } });
}

describe('a state key', () => {
  it('with an access path holds the BCS of a path', () => {
    const resource = { address, module: 'stake', name: 'ValidatorSet', type_args: [] };
    const path = encode(Path, { variant: 'Resource', value: resource });
    assert.equal(toHex(path), `01${'01'.repeat(32)}057374616b650c56616c696461746f7253657400`);
    assert.deepEqual(decode(StateKey, accessPath(path)), { variant: 'AccessPath', value: { address, path } });
  });

  for (const [what, path] of Object.entries({
    'is empty': Uint8Array.of(),
    'has an unknown variant': Uint8Array.of(9),
    'ends early': Uint8Array.of(0, 1, 2),
    'goes on behind its value': Uint8Array.of(...[0, ...address], 1, 0x61, 0),
  })) {
    it(`is refused when its path ${what}, unless an older dialect is read`, () => {
      const bytes = accessPath(path);
      const refused = (error: unknown): boolean =>
        error instanceof BcsError && error.code === 'BCS_INVALID_VALUE' && error.offset === 34;
      assert.throws(() => decode(StateKey, bytes, { dialect: DIALECT_CURRENT }), refused);
      assert.throws(() => check(StateKey, bytes, { dialect: DIALECT_CURRENT }), refused);
      decode(StateKey, bytes, { dialect: DIALECT_2023 });
      check(StateKey, bytes, { dialect: DIALECT_2023 });
    });
  }

  it('is hashed as its own bytes when it is an access path', () => {
    const bytes = accessPath(Uint8Array.of(...[0, ...address], 1, 0x61));
    assert.equal(stateKeyPreimage(bytes), bytes);
  });

  it('is hashed without its length when it is a table item or raw', () => {
    const handle = new Uint8Array(32).fill(2);
    for (const size of [0, 3, 127, 128, 20_000]) {
      const key = new Uint8Array(size).fill(7);
      const tableItem = encode(StateKey, { variant: 'TableItem', value: { handle, key } });
      assert.equal(toHex(stateKeyPreimage(tableItem)), `01${toHex(handle)}${toHex(key)}`);
      assert.equal(
        toHex(stateKeyPreimage(encode(StateKey, { variant: 'Raw', value: key }))),
        `ff${toHex(key)}`,
      );
    }
  });

  it('writes the same preimage into memory of the caller', () => {
    fc.assert(
      fc.property(arbitraryEncoding(StateKey), (bytes) => {
        const source = Uint8Array.of(0xaa, ...bytes, 0xaa);
        const out = new Uint8Array(bytes.length + 2).fill(0xbb);
        const end = writeStateKeyPreimage(source, 1, source.length - 1, out, 1);
        assert.equal(toHex(out.subarray(1, end)), toHex(stateKeyPreimage(bytes)));
        assert.equal(out[0], 0xbb);
        assert(out.subarray(end).every((byte) => byte === 0xbb));
      }),
    );
  });
});
