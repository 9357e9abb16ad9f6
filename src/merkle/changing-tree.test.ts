import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HASH_SIZE, toHex } from '../hashing/hash-value.js';
import { kernelSha3 } from '../hashing/kernel-sha3.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import { ChangingTree } from './changing-tree.js';
import { NodeArena } from './node-arena.js';
import { packedLeafHashes, sparseMerkleHashers } from './sparse-merkle-hashers.js';
import { SparseMerkleTree } from './sparse-merkle-tree.js';

const hashers = sparseMerkleHashers(ledgerHashers(LEDGER_FAMILIES.aptos));
const ITEMS = 24_000;

function digest(text: string): Uint8Array {
  return kernelSha3.digest(Buffer.from(text));
}

describe('a changing tree', () => {
  it('has every root that was noted, also where more changed in between than is hashed at once', () => {
    const keys = new Uint8Array(ITEMS * HASH_SIZE);
    for (let item = 0; item < ITEMS; item++) keys.set(digest(`key ${item}`), item * HASH_SIZE);
    const keyOf = (item: number) => keys.slice(item * HASH_SIZE, (item + 1) * HASH_SIZE);
    const tree = new ChangingTree(hashers, new NodeArena(keys, ITEMS));
    let model = SparseMerkleTree.empty(hashers);
    const expected: string[] = [];
    const round = (items: readonly number[], number: number): void => {
      const valueHash = digest(`value ${number}`);
      const isGone = (item: number) => (item + number) % 5 === 4;
      for (const item of items) {
        if (isGone(item)) tree.remove(item);
        else tree.put(item, packedLeafHashes(hashers.leaf, keyOf(item), valueHash, 0, 1));
      }
      model = model.update(items.map((item) => [keyOf(item), isGone(item) ? undefined : valueHash] as const));
      tree.noteRoot();
      expected.push(toHex(model.root));
    };
    tree.noteRoot();
    expected.push(toHex(model.root));
    round(
      Array.from({ length: ITEMS }, (_, item) => item),
      0,
    );
    for (let number = 1; number < 60; number++) {
      round(
        Array.from({ length: 100 }, (_, step) => (number * 7919 + step * 104_729) % ITEMS),
        number,
      );
    }
    assert.deepEqual(tree.takeRoots().map(toHex), expected);
    assert.deepEqual(tree.takeRoots(), []);
  });
});
