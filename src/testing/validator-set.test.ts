import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fastAggregateVerify, PublicKey, Signature } from '@chainsafe/blst';
import { bitIsSet } from '../types/basic.js';
import { SeededRandom } from './seeded-random.js';
import { ValidatorSet } from './validator-set.js';

const message = new TextEncoder().encode('ledger info');

function signersOf(set: ValidatorSet, random: SeededRandom) {
  const { validator_bitmask, sig } = set.sign(random, message);
  const signers = set.validators.filter((_, index) => bitIsSet(validator_bitmask, index));
  assert(sig);
  return { signers, sig, maskBytes: validator_bitmask.inner.length };
}

test('every signature is that of a quorum and verifies', () => {
  const random = SeededRandom.fromSeed('signers');
  for (const count of [1, 4, 9, 17]) {
    const set = ValidatorSet.random(random, count);
    const { signers, sig, maskBytes } = signersOf(set, random);
    assert.equal(maskBytes, Math.ceil(count / 8));
    const power = signers.reduce((sum, { votingPower }) => sum + votingPower, 0n);
    assert(power >= set.quorumPower);
    const keys = signers.map(({ publicKey }) => PublicKey.fromBytes(publicKey, true));
    assert(fastAggregateVerify(message, keys, Signature.fromBytes(sig, true), true), `${count} validators`);
    assert(!fastAggregateVerify(new Uint8Array(3), keys, Signature.fromBytes(sig), true));
  }
});

test('not always the same validators sign', () => {
  const random = SeededRandom.fromSeed('who');
  const set = ValidatorSet.random(random, 7);
  const counts = Array.from({ length: 20 }, () => signersOf(set, random).signers.length);
  assert(new Set(counts).size > 1);
});

test('validators leave, join and change their power over the epochs', () => {
  const random = SeededRandom.fromSeed('rotation');
  const addresses = (set: ValidatorSet) =>
    set.validators.map(({ address }) => Buffer.from(address).toString('hex'));
  const seen = { left: 0, joined: 0, changed: 0 };
  let set = ValidatorSet.random(random, 4);
  for (let epoch = 0; epoch < 20; epoch++) {
    const next = set.rotate(random);
    const [before, after] = [addresses(set), addresses(next)];
    seen.left += before.filter((address) => !after.includes(address)).length;
    seen.joined += after.filter((address) => !before.includes(address)).length;
    seen.changed += next.totalPower === set.totalPower ? 0 : 1;
    assert(next.validators.length >= 1 && new Set(after).size === after.length);
    set = next;
  }
  assert(seen.left > 0 && seen.joined > 0 && seen.changed > 0, JSON.stringify(seen));
});
