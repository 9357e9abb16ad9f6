import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RecordBatch } from '../archive/record-file.js';
import { decode, encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { generateLedger } from '../testing/index.js';
import { hashTransactionInfo } from '../types/hashes.js';
import { type TransactionRecord, transactionRecord } from '../types/transaction-record.js';
import type { RecordFault } from './record-fault.js';
import { TransactionRecordChecker } from './transaction-records.js';

const ledger = generateLedger({ seed: 'records', epochs: 2, transactions: 700, stateItems: 50 });
const codec = transactionRecord('V1');
const records = Array.from({ length: ledger.transactionCount }, (_, version) => ledger.record(version, 'V1'));

function batchOf(parts: readonly Uint8Array[]): RecordBatch {
  const bytes = Buffer.concat(parts);
  const ends: number[] = [];
  for (const part of parts) ends.push((ends.at(-1) ?? 0) + part.length);
  return {
    bytes,
    count: parts.length,
    starts: Uint32Array.from(ends, (end, index) => end - (parts[index]?.length ?? 0)),
    ends: Uint32Array.from(ends),
    firstRecord: 0,
    fileOffset: 0,
  };
}

function check(parts: readonly Uint8Array[]): {
  faults: RecordFault[];
  infoHashes: Uint8Array;
  complete: boolean;
} {
  const faults: RecordFault[] = [];
  const result = new TransactionRecordChecker(ledger.hashers, 'V1').check(batchOf(parts), (fault) => {
    faults.push(fault);
  });
  return { faults, infoHashes: result.infoHashes.slice(), complete: result.complete };
}

/** The record of the first transaction that `wanted` accepts, after `change`. */
function altered(
  wanted: (record: TransactionRecord) => boolean,
  change: (record: TransactionRecord) => TransactionRecord,
): Uint8Array {
  const found = records.map((bytes) => decode(codec, bytes)).find(wanted);
  assert.ok(found, 'the ledger has such a transaction');
  return encode(codec, change(found));
}

describe('the check of transaction records', () => {
  it('accepts every record of a ledger with all variants, and hashes its infos', () => {
    const { faults, infoHashes, complete } = check(records);
    assert.deepEqual(faults, []);
    assert.ok(complete);
    for (const [version, bytes] of records.entries()) {
      const info = decode(codec, bytes).transaction_info;
      const expected = toHex(hashTransactionInfo(ledger.hashers, info));
      assert.equal(
        toHex(infoHashes.subarray(version * 32, version * 32 + 32)),
        expected,
        `version ${version}`,
      );
    }
  });

  const faulty: readonly [string, string, Uint8Array][] = [
    [
      'a transaction',
      'TRANSACTION_HASH_MISMATCH',
      altered(
        ({ transaction }) => transaction.variant === 'StateCheckpoint',
        (record) => ({
          ...record,
          transaction: { variant: 'StateCheckpoint', value: new Uint8Array(32).fill(7) },
        }),
      ),
    ],
    [
      'events that were dropped',
      'EVENT_ROOT_MISMATCH',
      altered(
        ({ events }) => events.length > 1,
        (record) => ({ ...record, events: record.events.slice(1) }),
      ),
    ],
    [
      'all events dropped',
      'EVENT_ROOT_MISMATCH',
      altered(
        ({ events }) => events.length > 0,
        (record) => ({ ...record, events: [] }),
      ),
    ],
    [
      'a write set',
      'STATE_CHANGE_HASH_MISMATCH',
      altered(
        ({ write_set }) => write_set.value.write_set.length > 0,
        (record) => ({ ...record, write_set: { variant: 'V0', value: { write_set: [] } } }),
      ),
    ],
    [
      'an auxiliary info',
      'AUXILIARY_INFO_HASH_MISMATCH',
      altered(
        ({ auxiliary_info }) => auxiliary_info.variant === 'V1',
        (record) => ({
          ...record,
          auxiliary_info: { variant: 'V1', value: { transaction_index: 0xffff_ffff } },
        }),
      ),
    ],
    [
      'an auxiliary info that is gone',
      'AUXILIARY_INFO_HASH_MISMATCH',
      altered(
        ({ auxiliary_info }) => auxiliary_info.variant === 'V1',
        (record) => ({ ...record, auxiliary_info: { variant: 'None' } }),
      ),
    ],
    ['bytes that are no record', 'RECORD_INVALID', Uint8Array.of(9, 9, 9)],
  ];
  for (const [what, code, bytes] of faulty) {
    it(`finds ${what}, and only that, among good records`, () => {
      const good = records.slice(0, 3);
      const { faults, complete } = check([...good, bytes, ...good]);
      assert.deepEqual(
        faults.map((fault) => [fault.code, fault.record]),
        [[code, 3]],
      );
      assert.equal(complete, code !== 'RECORD_INVALID');
    });
  }
});
