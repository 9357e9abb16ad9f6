import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { loadAhead } from './load-ahead.js';

async function* sizes(items: readonly number[]): AsyncGenerator<number> {
  yield* items;
}

/** Loads sizes as themselves, a turn later, and counts what is held at a time. */
class Loader {
  held = 0;
  heldMax = 0;

  load = async (size: number): Promise<number> => {
    this.held++;
    this.heldMax = Math.max(this.heldMax, this.held);
    await new Promise((resolve) => setImmediate(resolve));
    return size;
  };
}

describe('loading ahead', () => {
  it('gives everything in order, and holds no more than may be ahead and the one in hand', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 300 }),
        async (items, countMax, bytesMax) => {
          const loader = new Loader();
          const options = { sizeOf: (size: number) => size, bytesMax, countMax };
          const received: number[] = [];
          for await (const size of loadAhead(sizes(items), loader.load, options)) {
            received.push(size);
            loader.held--;
          }
          assert.deepEqual(received, items);
          assert.ok(loader.heldMax <= countMax + 1);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('has one of the largest ahead, and more of small ones', async () => {
    for (const [size, ahead] of [
      [100, 1],
      [25, 4],
    ] as const) {
      const loader = new Loader();
      const options = { sizeOf: () => size, bytesMax: 100, countMax: 16 };
      for await (const _ of loadAhead(sizes(Array(20).fill(size)), loader.load, options)) {
        // The receiver is slow: all that may be loaded meanwhile is.
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
        loader.held--;
      }
      assert.equal(loader.heldMax, ahead + 1);
    }
  });

  it('waits for room before it loads ahead, and for none once an item is asked for', async () => {
    for (const hasRoom of [true, false]) {
      const loader = new Loader();
      const asked: number[] = [];
      const whenRoom = (bytes: number): Promise<void> => {
        asked.push(bytes);
        return hasRoom ? Promise.resolve() : new Promise(() => undefined);
      };
      const options = { sizeOf: (size: number) => size, bytesMax: 100, countMax: 2, whenRoom };
      const received: number[] = [];
      for await (const size of loadAhead(sizes([10, 30, 20, 10]), loader.load, options)) {
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
        received.push(size);
        loader.held--;
      }
      assert.deepEqual(received, [10, 30, 20, 10]);
      assert.ok(asked.includes(30));
      assert.equal(loader.heldMax, hasRoom ? 3 : 1);
    }
  });

  it('tells a failure in its turn, of the items as of the loading', async () => {
    const failing = async function* (): AsyncGenerator<number> {
      yield 1;
      yield 2;
      throw new Error('no more items');
    };
    const options = { sizeOf: () => 1, bytesMax: 10, countMax: 4 };
    const received: number[] = [];
    const read = async (items: AsyncIterable<number>, load: (item: number) => Promise<number>) => {
      for await (const item of loadAhead(items, load, options)) received.push(item);
    };
    await assert.rejects(
      read(failing(), async (item) => item),
      /no more items/,
    );
    const load = async (item: number): Promise<number> => {
      if (item === 4) throw new Error('item 4 is bad');
      return item;
    };
    await assert.rejects(read(sizes([3, 4, 5]), load), /item 4 is bad/);
    assert.deepEqual(received, [1, 2, 3]);
  });

  it('ends what is loading when the receiver leaves or the signal is aborted', async () => {
    let ended = 0;
    const hang = (_item: number, signal: AbortSignal): Promise<number> =>
      new Promise((resolve, reject) => {
        if (_item === 0) resolve(0);
        else
          signal.addEventListener('abort', () => {
            ended++;
            reject(signal.reason);
          });
      });
    const options = { sizeOf: () => 1, bytesMax: 10, countMax: 3 };
    for await (const _ of loadAhead(sizes([0, 1, 2, 3, 4]), hang, options)) break;
    assert.equal(ended, 3);
    const stopping = new AbortController();
    const reading = (async () => {
      for await (const _ of loadAhead(sizes([0, 1]), hang, { ...options, signal: stopping.signal })) {
        stopping.abort(new Error('enough'));
      }
    })();
    await assert.rejects(reading, /enough/);
  });
});
