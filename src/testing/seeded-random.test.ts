import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deck, SeededRandom } from './seeded-random.js';

test('a seed gives these values on every machine and Node version', () => {
  const random = SeededRandom.fromSeed(42);
  const drawn = [random.int(0, 1_000_000), random.u64(), Buffer.from(random.bytes(7)).toString('hex')];
  assert.deepEqual(drawn, [232_389, 16_898_724_352_834_126_135n, '804b4fe82ad616']);
});

test('the number 7 and the text "7" are different seeds', () => {
  assert.notEqual(SeededRandom.fromSeed(7).u64(), SeededRandom.fromSeed('7').u64());
});

test('what a fork draws does not depend on what was drawn before it was made', () => {
  const early = SeededRandom.fromSeed(1).fork('state').bytes(16);
  const source = SeededRandom.fromSeed(1);
  source.bytes(100);
  source.fork('other').bytes(100);
  assert.deepEqual(source.fork('state').bytes(16), early);
  assert.notDeepEqual(source.fork('stat').bytes(16), early);
});

test('integers and bigints keep to their bounds and reach them', () => {
  const random = SeededRandom.fromSeed('bounds');
  const ints = Array.from({ length: 500 }, () => random.int(3, 5));
  assert.deepEqual([...new Set(ints)].sort(), [3, 4, 5]);
  const bigints = Array.from({ length: 500 }, () => random.bigint(-1n, 1n));
  assert.deepEqual(new Set(bigints), new Set([-1n, 0n, 1n]));
});

test('shuffling keeps every item', () => {
  const random = SeededRandom.fromSeed('shuffle');
  const items = Array.from({ length: 50 }, (_, index) => index);
  const shuffled = random.shuffle(items);
  assert.notDeepEqual(shuffled, items);
  assert.deepEqual(
    shuffled.toSorted((left, right) => left - right),
    items,
  );
});

test('chance is as frequent as it says', () => {
  const random = SeededRandom.fromSeed('chance');
  const hits = Array.from({ length: 4000 }, () => random.chance(0.25)).filter(Boolean).length;
  assert(hits > 850 && hits < 1150, `${hits} of 4000`);
  assert.equal(random.chance(0), false);
  assert.equal(random.chance(1), true);
});

test('a deck deals every card before it deals one again', () => {
  const deck = new Deck(SeededRandom.fromSeed('deck'), ['a', 'b', 'c']);
  for (let round = 0; round < 5; round++) {
    assert.deepEqual([deck.deal(), deck.deal(), deck.deal()].sort(), ['a', 'b', 'c']);
  }
});
