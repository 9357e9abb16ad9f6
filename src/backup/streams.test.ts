import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { frameRecord, RECORD_PREFIX_SIZE } from '../archive/record-framing.js';
import type { BackupFileWriter } from '../storage/writable-backup-storage.js';
import { cutChunks } from '../testing/archive-files.js';
import { ChunkCutter } from './chunk-cutter.js';
import { GatheringFile } from './gathering-file.js';
import { InFlight } from './in-flight.js';
import { LatestValue } from './latest-value.js';
import { RateLimit } from './rate-limit.js';
import { sideBySide } from './read-ahead.js';
import { RequestGate } from './request-gate.js';
import { VersionWaits } from './version-waits.js';

const records = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 40 });

describe('the cutter of chunks', () => {
  it('cuts any stream, in any batches, as the format says', () => {
    fc.assert(
      fc.property(
        records,
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 7 }),
        (all, max, size) => {
          const cutter = new ChunkCutter(max);
          const chunks: Buffer[] = [];
          for (let at = 0; at < all.length; at += size) {
            const framed = all.slice(at, at + size).map(frameRecord);
            const bytes = Buffer.concat(framed);
            let end = 0;
            const ends = Uint32Array.from(framed, (record) => (end += record.length));
            const starts = Uint32Array.from(framed, (record, index) => {
              return (ends[index] ?? 0) - record.length + RECORD_PREFIX_SIZE;
            });
            const batch = { bytes, starts, ends, count: framed.length, firstRecord: at, fileOffset: 0 };
            for (const part of cutter.cut(batch)) {
              if (part.startsChunk) chunks.push(Buffer.alloc(0));
              chunks.push(Buffer.concat([chunks.pop() ?? assert.fail('a chunk was begun'), part.bytes]));
            }
          }
          const expected = [...cutChunks(all.length, (index) => all[index] ?? assert.fail(), max)];
          assert.deepEqual(
            chunks,
            expected.map(({ bytes }) => Buffer.from(bytes)),
          );
        },
      ),
    );
  });
});

describe('sources that are read side by side', () => {
  it('come in order, with no more of them open than the gate lets in', async () => {
    const gate = new RequestGate(3);
    let open = 0;
    let openMax = 0;
    async function* source(index: number): AsyncGenerator<number> {
      openMax = Math.max(openMax, ++open);
      try {
        for (let item = 0; item < 5; item++) yield index * 5 + item;
      } finally {
        open--;
      }
    }
    const seen: number[] = [];
    for await (const item of sideBySide(10, source, gate, { sizeOf: () => 1, bytesMax: 2 })) seen.push(item);
    assert.deepEqual(
      seen,
      Array.from({ length: 50 }, (_, index) => index),
    );
    assert.ok(openMax <= 3, `${openMax} at a time`);
    assert.equal(open, 0);
  });

  it('are not read further ahead than they may be', async () => {
    let pulled = 0;
    async function* endless(): AsyncGenerator<number> {
      for (;;) yield pulled++;
    }
    for await (const item of sideBySide(2, endless, new RequestGate(2), { sizeOf: () => 1, bytesMax: 4 })) {
      if (item > 100) break;
    }
    assert.ok(pulled < 130, `${pulled} pulled`);
  });

  it('fail where the failure is, after the items before it', async () => {
    async function* failing(index: number): AsyncGenerator<number> {
      yield index;
      if (index === 1) throw new Error('broken');
    }
    const seen: number[] = [];
    const read = async (): Promise<void> => {
      const options = { sizeOf: () => 1, bytesMax: 9 };
      for await (const item of sideBySide(3, failing, new RequestGate(3), options)) seen.push(item);
    };
    await assert.rejects(read(), /broken/);
    assert.deepEqual(seen, [0, 1]);
  });

  it('are told when nobody wants them any more', async () => {
    let told = 0;
    async function* waiting(_index: number, signal: AbortSignal): AsyncGenerator<number> {
      yield 1;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      told++;
    }
    for await (const _ of sideBySide(2, waiting, new RequestGate(2), { sizeOf: () => 1, bytesMax: 9 })) break;
    assert.equal(told, 2);
  });
});

describe('politeness', () => {
  it('halves the requests after a slow answer and comes back one by one', () => {
    const gate = new RequestGate(8);
    gate.observe(20);
    assert.equal(gate.limit, 8);
    gate.observe(3000);
    assert.equal(gate.limit, 4);
    gate.observe(400);
    assert.equal(gate.limit, 2, 'twenty times as long as the fastest');
    for (let answer = 0; answer < 2; answer++) gate.observe(30);
    assert.equal(gate.limit, 3);
    for (let answer = 0; answer < 100; answer++) gate.observe(30);
    assert.equal(gate.limit, 8);
    for (let answer = 0; answer < 9; answer++) gate.observe(9000);
    assert.equal(gate.limit, 1);
  });

  it('spreads bytes over the time that they may take', () => {
    let now = 0;
    const rate = new RateLimit(1000, () => now);
    assert.equal(rate.pauseMs(500), 500);
    assert.equal(rate.pauseMs(500), 1000);
    now = 5000;
    assert.equal(rate.pauseMs(100), 100, 'what was not used is not saved up');
    assert.equal(new RateLimit(undefined).pauseMs(10 ** 9), 0);
  });
});

describe('small parts', () => {
  it('a gathering file writes all bytes in order, in large pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 50 })),
        fc.integer({ min: 1, max: 64 }),
        async (all, size) => {
          const written: Buffer[] = [];
          const file: BackupFileWriter = {
            handle: 'x/y',
            write: async (bytes) => {
              await null;
              written.push(Buffer.from(bytes));
            },
            commit: async () => ({ handle: 'x/y', size: 0, sha256: new Uint8Array(32) }),
            discard: async () => {},
          };
          const gathering = new GatheringFile(file, size);
          for (const bytes of all) await gathering.append(bytes);
          await gathering.commit();
          assert.deepEqual(Buffer.concat(written), Buffer.concat(all));
          assert.ok(written.slice(0, -1).every(({ length }) => length === size));
        },
      ),
    );
  });

  it('tasks in flight are bounded, and the first failure is told once', async () => {
    const failures: unknown[] = [];
    const tasks = new InFlight(2, (error) => failures.push(error));
    let running = 0;
    let runningMax = 0;
    for (let task = 0; task < 6; task++) {
      await tasks.start(async () => {
        runningMax = Math.max(runningMax, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        if (task >= 3) throw new Error(`task ${task}`);
      });
    }
    await assert.rejects(tasks.drain(), /task 3/);
    assert.equal(runningMax, 2);
    assert.equal(failures.length, 1);
  });

  it('only the newest value is handed on', async () => {
    const channel = new LatestValue<number>();
    const { signal } = new AbortController();
    channel.publish(1);
    channel.publish(2);
    assert.equal(await channel.next(signal), 2);
    const waiting = channel.next(signal);
    channel.publish(3);
    assert.equal(await waiting, 3);
    await assert.rejects(channel.next(AbortSignal.abort(new Error('over'))), /over/);
  });

  it('waiting counts from when the oldest missing version was first seen', () => {
    const waits = new VersionWaits();
    assert.equal(waits.waitedMs(undefined, 10), 0);
    waits.seen(5n, 100);
    waits.seen(9n, 200);
    waits.seen(9n, 300);
    assert.equal(waits.waitedMs(undefined, 400), 300);
    assert.equal(waits.waitedMs(5n, 400), 200);
    assert.equal(waits.waitedMs(9n, 400), 0);
    for (let version = 10n; version < 20_000n; version++) waits.seen(version, Number(version));
    assert.equal(waits.waitedMs(9n, 20_000), 19_990);
  });
});
