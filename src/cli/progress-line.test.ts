import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatDuration, renderProgress } from './progress-line.js';

describe('the progress line', () => {
  it('says what is done of what, how fast, and how long it still takes', () => {
    const event = { stage: 'transactions', done: 5000, total: 20_000, unit: 'transactions' };
    assert.equal(
      renderProgress(
        { ...event, version: 7000n, bytes: 3 * 1024 ** 2 },
        { doneAtStart: 1000, elapsedMs: 2000 },
      ),
      'transactions: 5,000 of 20,000 transactions (25 %), version 7000, 3.0 MiB read, 2,000 transactions/s, 8 s left',
    );
  });

  it('says no rate before a second has gone by, and no end where none is known', () => {
    const event = { stage: 'items', done: 10, unit: 'items' };
    assert.equal(renderProgress(event, { doneAtStart: 0, elapsedMs: 999 }), 'items: 10 items');
    assert.equal(renderProgress(event, { doneAtStart: 0, elapsedMs: 1000 }), 'items: 10 items, 10 items/s');
  });

  it('gives a duration in its two largest units', () => {
    const told = [0.2, 59, 60, 61, 3600, 7325, 90_061].map(formatDuration);
    assert.deepEqual(told, ['1 s', '59 s', '1 min', '1 min 1 s', '1 h', '2 h 2 min', '25 h 1 min']);
  });
});
