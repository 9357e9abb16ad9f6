import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { writeThrough } from './write-through.js';

/** Notes what is written and committed, in order. */
class Notes {
  readonly all: string[] = [];
  readonly #failAt: string | undefined;

  constructor(failAt?: string) {
    this.#failAt = failAt;
  }

  target(commitEveryMs: number, signal?: AbortSignal) {
    return {
      partsOf: (chunk: string) => [...chunk],
      write: async (part: string) => {
        if (part === this.#failAt) throw new Error(`cannot write ${part}`);
        this.all.push(part);
      },
      commit: async () => void this.all.push('commit'),
      commitEveryMs,
      signal,
    };
  }
}

async function* chunks(...items: readonly (string | Error)[]): AsyncGenerator<string, void, undefined> {
  for (const item of items) {
    if (item instanceof Error) throw item;
    yield item;
  }
}

describe('writing what a source gives', () => {
  it('commits from time to time, and leaves the last commit to the caller', async () => {
    const [often, seldom] = [new Notes(), new Notes()];
    await writeThrough(chunks('ab', 'c'), often.target(0));
    assert.deepEqual(often.all, ['a', 'commit', 'b', 'commit', 'c', 'commit']);
    await writeThrough(chunks('ab', 'c'), seldom.target(60_000));
    assert.deepEqual(seldom.all, ['a', 'b', 'c']);
  });

  it('makes a commit point of what came before the source failed, and nothing where that is nothing', async () => {
    const some = new Notes();
    await assert.rejects(writeThrough(chunks('ab', new Error('damaged')), some.target(60_000)), /damaged/);
    assert.deepEqual(some.all, ['a', 'b', 'commit']);
    const none = new Notes();
    await assert.rejects(writeThrough(chunks(new Error('damaged')), none.target(60_000)), /damaged/);
    assert.deepEqual(none.all, []);
  });

  it('makes a commit point within a chunk when it is to stop', async () => {
    const notes = new Notes();
    const stopping = new AbortController();
    const target = notes.target(60_000, stopping.signal);
    const write = async (part: string): Promise<void> => {
      await target.write(part);
      if (part === 'b') stopping.abort(new Error('enough'));
    };
    await assert.rejects(writeThrough(chunks('abcd', 'e'), { ...target, write }), /enough/);
    assert.deepEqual(notes.all, ['a', 'b', 'commit']);
  });

  it('commits nothing after a write has failed, and gives the source back', async () => {
    const notes = new Notes('c');
    let isReturned = false;
    const source = async function* (): AsyncGenerator<string, void, undefined> {
      try {
        yield 'abc';
        yield 'd';
      } finally {
        isReturned = true;
      }
    };
    await assert.rejects(writeThrough(source(), notes.target(60_000)), /cannot write c/);
    assert.deepEqual(notes.all, ['a', 'b']);
    assert.ok(isReturned);
  });
});
