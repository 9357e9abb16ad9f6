import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { RecordBatch } from '../archive/record-file.js';
import { decode, encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { KernelTransactions, TRANSACTIONS_AREA_BYTES } from '../hashing/kernel-transactions.js';
import { accumulatorRoot } from '../merkle/accumulator-root.js';
import { arbitraryDamage, inventValue } from '../test-support/arbitrary-value.js';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { recordFrames } from '../test-support/record-frames.js';
import { generateLedger } from '../testing/index.js';
import { ContractEvent } from '../types/contract-event.js';
import { EncryptedPayload } from '../types/encrypted-payload.js';
import { hashAuxiliaryInfo, hashEvent, hashTransaction, hashWriteSet } from '../types/hashes.js';
import { LEDGER_FAMILIES, type LedgerHashers, ledgerHashers } from '../types/ledger-family.js';
import {
  type TransactionRecord,
  type TransactionRecordFormat,
  TransactionRecordV0,
  TransactionRecordV1,
  transactionRecord,
} from '../types/transaction-record.js';
import { KERNEL_VARIANTS, KernelBatchMemory, type KernelVariant } from './kernel-batch.test.support.js';
import type { RecordFault } from './record-fault.js';
import { kernelSetup, TransactionBatchProver } from './transaction-batch-prover.js';
import { TransactionRecordChecker } from './transaction-records.js';

/** One batch's memory with a prover on it. */
class Bench {
  readonly hashers: LedgerHashers;
  readonly #memory: KernelBatchMemory;
  readonly #prover: TransactionBatchProver;
  readonly #kernel: KernelTransactions;

  constructor(hashers: LedgerHashers, variant: KernelVariant) {
    this.hashers = hashers;
    this.#memory = new KernelBatchMemory(TRANSACTIONS_AREA_BYTES, variant);
    const { memory } = this.#memory;
    this.#kernel = new KernelTransactions(memory, 0, kernelSetup(hashers), variant.kind);
    this.#prover = new TransactionBatchProver(hashers, memory, 0, variant.kind);
  }

  batch(records: readonly Uint8Array[]): RecordBatch {
    return this.#memory.batch(records);
  }

  /** Proves a batch, requires the verdict of the checker, and returns the faults. */
  prove(batch: RecordBatch, format: TransactionRecordFormat): readonly RecordFault[] {
    const { hashes } = this.#memory;
    const faults: RecordFault[] = [];
    const verdict = this.#prover.prove(batch, format, hashes, (fault) => faults.push(fault));
    const expected: RecordFault[] = [];
    const checker = new TransactionRecordChecker(this.hashers, format);
    const { infoHashes, complete } = checker.check(batch, (fault) => expected.push(fault));
    assert.deepEqual(faults, expected);
    assert.equal(verdict.complete, complete);
    assert.equal(toHex(hashes.subarray(0, 32 * verdict.hashCount)), toHex(infoHashes));
    return faults;
  }

  /** Indices that the kernel by itself doubts. */
  doubts(batch: RecordBatch, format: TransactionRecordFormat): readonly number[] {
    const { bytes: base, starts, ends, count } = batch;
    return [...this.#kernel.prove({ base, starts, ends, count }, format === 'V1', this.#memory.hashes)];
  }
}

/** A record of invented parts whose info has their hashes. */
function inventRecord(hashers: LedgerHashers, format: TransactionRecordFormat, seed: number): Uint8Array {
  const { dialect } = hashers.family;
  const codec = format === 'V0' ? TransactionRecordV0 : TransactionRecordV1;
  const bytes = encode<never>(codec as never, inventValue(codec as never, seed, dialect), { dialect });
  const record = decode(transactionRecord(format), bytes, { dialect });
  return encode(transactionRecord(format), withRightHashes(hashers, record), { dialect });
}

function withRightHashes(hashers: LedgerHashers, record: TransactionRecord): TransactionRecord {
  const leaves = Buffer.concat(record.events.map((event) => hashEvent(hashers, event)));
  const value = {
    ...record.transaction_info.value,
    transaction_hash: hashTransaction(hashers, record.transaction),
    event_root_hash: accumulatorRoot(hashers.eventAccumulator, leaves, record.events.length),
    state_change_hash: hashWriteSet(hashers, record.write_set),
    auxiliary_info_hash: hashAuxiliaryInfo(hashers, record.auxiliary_info),
  };
  return { ...record, transaction_info: { variant: 'V0', value } };
}

for (const variant of KERNEL_VARIANTS) {
  describe(`proving batches of transactions with ${variant.title}`, { skip: variant.skip }, () => {
    for (const family of Object.values(LEDGER_FAMILIES)) {
      for (const format of ['V0', 'V1'] as const) {
        const bench = new Bench(ledgerHashers(family), variant);
        const some = fc.nat().map((seed) => inventRecord(bench.hashers, format, seed));

        it(`says of ${family.name} records of format ${format} what the checker says`, () => {
          const damaged = some.chain(arbitraryDamage);
          const records = fc.array(fc.oneof(some, damaged), { minLength: 1, maxLength: 6 });
          fc.assert(
            fc.property(records, (batch) => void bench.prove(bench.batch(batch), format)),
            { numRuns: 150 },
          );
        });

        it(`doubts no right ${family.name} record of format ${format}`, () => {
          fc.assert(
            fc.property(some, (bytes) => {
              assert.deepEqual(bench.doubts(bench.batch([bytes]), format), []);
            }),
            { numRuns: 150 },
          );
        });
      }
    }

    const ledger = generateLedger({ seed: 'batches', epochs: 2, transactions: 900, stateItems: 50 });
    const bench = new Bench(ledger.hashers, variant);
    const all = Array.from({ length: ledger.transactionCount }, (_, version) => ledger.record(version, 'V1'));

    it('finds flipped bits all over a long batch, and nothing in a good one', () => {
      const spoilt = all.map((record, index) => {
        if (index % 7 !== 3) return record;
        const copy = record.slice();
        const at = (index * 31) % copy.length;
        copy[at] = (copy[at] ?? 0) ^ (1 << (index % 8));
        return copy;
      });
      const faults = bench.prove(bench.batch(spoilt), 'V1');
      assert(new Set(faults.map(({ record }) => record)).size > all.length / 10);
      assert.deepEqual(bench.prove(bench.batch(all), 'V1'), []);
    });

    it('proves records of many events, and one of more than are hashed at once', () => {
      const source = decode(transactionRecord('V1'), all[0] ?? new Uint8Array());
      const [event] = source.events.length > 0 ? source.events : [inventValue(ContractEvent, 1)];
      assert(event);
      const manyEvents = (count: number): Uint8Array => {
        const record = { ...source, events: new Array<ContractEvent>(count).fill(event) };
        return encode(transactionRecord('V1'), withRightHashes(bench.hashers, record));
      };
      const records = [0, 1, 2, 3, 127, 128, 129, 1000, 900, 2047, 1, 2048, 2, 2049].map(manyEvents);
      assert.deepEqual(bench.prove(bench.batch(records), 'V1'), []);
      assert.deepEqual(bench.doubts(bench.batch(records), 'V1'), [records.length - 1]);
      const wrong = records.map((record) => record.slice());
      for (const record of wrong) record[record.length - 1] = (record.at(-1) ?? 0) ^ 1;
      assert.equal(bench.prove(bench.batch(wrong), 'V1').length, wrong.length);
    });

    it('proves transactions whose payloads were opened, and one that is too long to write as it is hashed', () => {
      const source = all.map((record) => decode(transactionRecord('V1'), record));
      const user = source.find(({ transaction }) => transaction.variant === 'UserTransaction');
      assert(user?.transaction.variant === 'UserTransaction');
      const { raw_txn, authenticator } = user.transaction.value;
      const withPayload = (payload: EncryptedPayload, size: number): Uint8Array => {
        // What the sender wrote is part of what is hashed.
        if (payload.variant !== 'Encrypted')
          Object.assign(payload.value.original.ciphertext, { vk: new Uint8Array(size) });
        const value = {
          raw_txn: { ...raw_txn, payload: { variant: 'EncryptedPayload', value: payload } as const },
          authenticator,
        };
        const record: TransactionRecord = { ...user, transaction: { variant: 'UserTransaction', value } };
        return encode(transactionRecord('V1'), withRightHashes(bench.hashers, record));
      };
      const opened = Array.from({ length: 200 }, (_, seed) => inventValue(EncryptedPayload, seed));
      const records = opened.map((payload, index) => withPayload(payload, 7 * index));
      const [last] = opened.filter((payload) => payload.variant === 'Decrypted');
      assert(last);
      records.push(withPayload(last, 200_000), withPayload(last, 200_000), withPayload(last, 300_000));
      assert.deepEqual(bench.prove(bench.batch(records), 'V1'), []);
      assert.deepEqual(bench.doubts(bench.batch(records), 'V1'), [records.length - 1]);
    });

    it('refuses a record that does not lie in its batch, as the checker does', () => {
      const batch = bench.batch(all.slice(0, 3));
      batch.ends[1] = batch.bytes.length + 1;
      assert.throws(() => bench.prove(batch, 'V1'), RangeError);
    });

    it('proves a batch that lies elsewhere', () => {
      const { bytes, ...places } = bench.batch(all.slice(0, 20));
      assert.deepEqual(bench.prove({ ...places, bytes: bytes.slice() }, 'V1'), []);
    });

    it('proves the records of real archives, and doubts none', {
      skip: withoutFixture('reference-ledger', 'archive'),
    }, () => {
      let proven = 0;
      const root = fixturePath('reference-ledger', 'archive');
      for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
        if (!/transaction_.*\.chunk$/.test(name)) continue;
        const file = readFileSync(path.join(root, name));
        const chunk = file[0] === 0x1f ? gunzipSync(file) : file;
        const records = recordFrames(chunk).map(({ start, end }) => chunk.subarray(start, end));
        assert.deepEqual(bench.prove(bench.batch(records), 'V1'), []);
        assert.deepEqual(bench.doubts(bench.batch(records), 'V1'), []);
        proven += records.length;
      }
      assert(proven > 0);
    });
  });
}
