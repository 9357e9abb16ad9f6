import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import type { RecordBatch } from '../archive/record-file.js';
import { toHex } from '../hashing/hash-value.js';
import type { RecordFault } from '../records/record-fault.js';
import { TransactionRecordChecker } from '../records/transaction-records.js';
import { memoryFolder } from '../test-support/memory-folder.js';
import { generateLedger } from '../testing/index.js';
import { openProvingPool, proversPool } from './open-proving-pool.js';
import { ProverThreads } from './prover-threads.js';
import { ProvingMemory } from './proving-memory.js';
import type { ProvenTransactionBatch, ProvingPool, RecordSource } from './proving-pool.js';
import { batchOf, plainFault, sourceOf, sourceOfFile } from './record-sources.test.support.js';

const ledger = generateLedger({ seed: 'proving', epochs: 2, transactions: 1500, stateItems: 300 });
const { hashers } = ledger;
const { family } = hashers;
const transactions = Array.from({ length: ledger.transactionCount }, (_, at) => ledger.record(at, 'V1'));
/** What the pool found out about a whole source, in a form that can be compared. */
interface Found {
  readonly faults: readonly unknown[];
  readonly hashes: string;
  readonly complete: boolean;
  readonly count: number;
}

function byRecord(faults: readonly RecordFault[]): RecordFault[] {
  return faults.toSorted((left, right) => left.record - right.record);
}

async function findTransactions(pool: ProvingPool, source: RecordSource): Promise<Found> {
  const faults: unknown[] = [];
  let hashes = '';
  let complete = true;
  let count = 0;
  for await (const batch of pool.transactions(source, { format: 'V1' })) {
    assert.equal(batch.firstRecord, count);
    for (const fault of byRecord(batch.faults)) faults.push(plainFault(fault, batch.fileOffset));
    hashes += toHex(batch.infoHashes.slice());
    complete &&= batch.complete;
    count += batch.count;
  }
  return { faults, hashes, complete, count };
}

/** The same by the checker, record by record. */
function expectTransactions(records: readonly Uint8Array[]): Found {
  const faults: unknown[] = [];
  let hashes = '';
  let complete = true;
  let offset = 0;
  const checker = new TransactionRecordChecker(hashers, 'V1');
  records.forEach((record, index) => {
    const found: RecordFault[] = [];
    const result = checker.check(batchOf([record], index), (fault) => found.push(fault));
    for (const fault of found) faults.push(plainFault(fault, offset));
    hashes += toHex(result.infoHashes);
    complete &&= result.complete;
    offset += 4 + record.length;
  });
  return { faults, hashes, complete, count: records.length };
}

const folder = memoryFolder({ after });

for (const threads of [1, 2, 3]) {
  describe(`a pool of ${threads} thread${threads === 1 ? '' : 's'}`, () => {
    let pool: ProvingPool;
    before(() => {
      pool = openProvingPool({ family, threads });
    });
    after(() => pool.close());

    it('finds what the checker finds in the records of a file, bare or gzip', async () => {
      const expected = expectTransactions(transactions);
      assert.deepEqual(expected.faults, []);
      for (const gzip of [false, true]) {
        const found = await findTransactions(
          pool,
          await sourceOfFile(path.join(folder, `t${threads}`), transactions, gzip),
        );
        assert.deepEqual(found, expected);
      }
    });

    it('finds what the checker finds in damaged records, wherever they lie', async () => {
      const damage = fc.record({ record: fc.nat(), byte: fc.nat(), bits: fc.integer({ min: 1, max: 255 }) });
      await fc.assert(
        fc.asyncProperty(fc.array(damage, { maxLength: 6 }), fc.nat(1400), async (damages, first) => {
          const records = transactions.slice(first, first + 60).map((record) => record.slice());
          for (const { record, byte, bits } of damages) {
            const bytes = records[record % records.length];
            assert(bytes);
            const at = byte % bytes.length;
            bytes[at] = (bytes[at] ?? 0) ^ bits;
          }
          const expected = expectTransactions(records);
          assert.deepEqual(await findTransactions(pool, sourceOf(batchOf(records))), expected);
        }),
        { numRuns: 60 },
      );
    });

    it('finds a planted fault at every place of a batch and of a file, and only that', async () => {
      for (const at of [0, 1, 749, 1498, 1499]) {
        const records = transactions.with(at, Uint8Array.of(9, 9, 9));
        const { faults, complete, count } = await findTransactions(
          pool,
          await sourceOfFile(path.join(folder, 'planted'), records),
        );
        assert.deepEqual(
          faults.map((fault) => (fault as RecordFault).record),
          [at],
        );
        assert.equal(complete, false);
        assert.equal(count, records.length);
      }
    });

    it('proves many files at once, in whatever order their batches are taken', async () => {
      const expected = expectTransactions(transactions);
      const source = await sourceOfFile(path.join(folder, 'many'), transactions);
      const all = await Promise.all(Array.from({ length: 12 }, () => findTransactions(pool, source)));
      for (const found of all) assert.deepEqual(found, expected);
      const opened = [1, 2].map(() => pool.transactions(source, { format: 'V1' })[Symbol.asyncIterator]());
      for (const batches of opened) assert.equal((await batches.next()).done, false);
      // The later one goes on to its end while nobody takes from the earlier one.
      for (const batches of opened.toReversed()) while (!(await batches.next()).done);
    });

    it('tells the format from the first batch', async () => {
      const first = transactions.slice(0, 50);
      const seen: number[] = [];
      const format = ({ count }: RecordBatch): 'V1' => {
        seen.push(count);
        return 'V1';
      };
      const source = sourceOf(batchOf(first), batchOf(first, 50));
      for await (const batch of pool.transactions(source, { format })) assert.deepEqual(batch.faults, []);
      assert.deepEqual(seen, [50]);
    });

    it('gives the batches before an error of the source, then the error', async () => {
      const failing: RecordSource = async function* () {
        yield batchOf(transactions.slice(0, 10));
        throw new Error('the disk is gone');
      };
      let count = 0;
      await assert.rejects(async () => {
        for await (const batch of pool.transactions(failing, { format: 'V1' })) count += batch.count;
      }, /the disk is gone/);
      assert.equal(count, 10);
    });

    it('ends with the reason of an abort, at any time, and then proves other files', async () => {
      const source = await sourceOfFile(path.join(folder, 'aborted'), [
        ...transactions,
        ...transactions,
        ...transactions,
      ]);
      for (let round = 0; round < 12; round++) {
        const controller = new AbortController();
        const reason = new Error(`round ${round}`);
        const reading = (async () => {
          let taken = 0;
          const { signal } = controller;
          for await (const _ of pool.transactions(source, { format: 'V1', signal })) {
            if (++taken === round % 4) controller.abort(reason);
          }
        })();
        if (round % 4 === 0) setImmediate(() => controller.abort(reason));
        await assert.rejects(reading, reason);
      }
      assert.equal((await findTransactions(pool, source)).count, 3 * transactions.length);
    });

    it('can be left at any batch', async () => {
      const source = await sourceOfFile(path.join(folder, 'left'), [...transactions, ...transactions]);
      for (let round = 0; round < 12; round++) {
        let closed = false;
        const watched: RecordSource = async function* (buffers, signal) {
          try {
            yield* source(buffers, signal);
          } finally {
            closed = true;
          }
        };
        for await (const _ of pool.transactions(watched, { format: 'V1' })) break;
        assert.ok(closed, 'the source was ended');
      }
    });

    it('keeps a batch as it is until the next one is asked for', async () => {
      const source = await sourceOfFile(path.join(folder, 'kept'), [...transactions, ...transactions]);
      const other = await sourceOfFile(path.join(folder, 'other'), transactions.toReversed());
      for await (const batch of pool.transactions(source, { format: 'V1' })) {
        const copy = [batch.bytes.slice(), batch.infoHashes.slice(), batch.starts.slice()];
        await findTransactions(pool, other);
        assert.deepEqual([batch.bytes.slice(), batch.infoHashes.slice(), batch.starts.slice()], copy);
      }
    });
  });
}

describe('threads of a pool', () => {
  const takeAll = async (batches: AsyncIterable<ProvenTransactionBatch>): Promise<void> => {
    for await (const _ of batches);
  };

  it('that die make everything fail that is being proven, and all that follows', async () => {
    const slots = 8;
    const memory = ProvingMemory.create(2, slots);
    const entry = new URL('./lost-thread.test.support.js', import.meta.url);
    const provers = new ProverThreads({ family, memory: memory.memory, threads: 2 }, entry);
    await using pool = proversPool(2, memory, slots, provers);
    const source = sourceOf(batchOf(transactions.slice(0, 5)), batchOf(transactions.slice(5, 9), 5));
    for (let round = 0; round < 2; round++) {
      await assert.rejects(takeAll(pool.transactions(source, { format: 'V1' })), {
        code: 'PROVING_THREAD_LOST',
        message: /exit code 3/,
      });
    }
  });

  it('that are closed while they are used end what is being proven', async () => {
    const pool = openProvingPool({ family, threads: 2 });
    const batches = pool.transactions(sourceOf(batchOf(transactions)), { format: 'V1' });
    const failing = assert.rejects(takeAll(batches), { code: 'PROVING_CLOSED' });
    await new Promise((resolve) => setImmediate(resolve));
    await pool.close();
    await failing;
    await pool.close();
  });

  it('rest when nothing is being proven, and start again with the next work', async () => {
    await using pool = openProvingPool({ family, threads: 2 });
    const batch = batchOf(transactions);
    const prove = async (): Promise<number> => {
      let count = 0;
      for await (const proven of pool.transactions(sourceOf(batch), { format: 'V1' })) {
        await pool.rest();
        assert.deepEqual(proven.faults, []);
        count += proven.count;
      }
      return count;
    };
    for (let round = 0; round < 2; round++) {
      assert.equal(await prove(), transactions.length);
      await pool.rest();
    }
  });

  it('do not keep a program alive that never closes them', async () => {
    const program = new URL('./unclosed-pool.test.support.js', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 30_000 });
    assert.equal(stdout, '1 item');
  });
});
