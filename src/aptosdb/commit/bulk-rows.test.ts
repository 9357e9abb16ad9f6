import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../../hashing/hash-value.js';
import { generateLedger } from '../../testing/ledger-generator.js';
import { eventByKeyRows } from '../schema/event-by-key.js';
import { eventByVersionRows } from '../schema/event-by-version.js';
import { eventRows } from '../schema/event.js';
import { staleStateValueRows } from '../schema/stale-state-value-index-by-key-hash.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import { transactionByAccountRows } from '../schema/transaction-by-account.js';
import { transactionRows } from '../schema/transaction.js';
import { LatestValues } from './latest-values.js';
import { RowKeys } from './row-keys.js';
import { StateWrites } from './state-writes.js';
import { writeSetEntries } from './write-set-entries.test.support.js';

const anyU64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const any32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('keys made in bulk', () => {
  it('are those that their column families encode', () => {
    const keys = new RowKeys();
    fc.assert(
      fc.property(anyU64, anyU64, any32, (a, b, hash) => {
        const stream = new Uint8Array(40);
        new DataView(stream.buffer).setBigUint64(0, b, true);
        stream.set(hash, 8);
        const key = { creation_number: b, account_address: hash };
        const pairs: [Uint8Array, Uint8Array][] = [
          [keys.u64(a), transactionRows.key.encode(a)],
          [keys.u64Pair(a, b), eventRows.key.encode({ version: a, index: b })],
          [
            keys.bytesAndU64(hash, 0, 32, a),
            transactionByAccountRows.key.encode({ address: hash, sequence_number: a }),
          ],
          [keys.bytesAndU64(stream, 0, 40, a), eventByKeyRows.key.encode({ key, sequence_number: a })],
          [
            keys.bytesAndU64Pair(stream, 0, 40, a, b),
            eventByVersionRows.key.encode({ key, version: a, sequence_number: b }),
          ],
          [keys.stateValue(hash, 0, a), stateValueRows.key.encode({ key_hash: hash, version: a })],
          [
            keys.staleStateValue(a, b, hash, 0),
            staleStateValueRows.key.encode({ stale_since_version: a, version: b, key_hash: hash }),
          ],
        ];
        for (const [ours, theirs] of pairs) assert.deepEqual(ours, theirs);
      }),
    );
  });

  it('stay as they are until all are free again, and then are no others', () => {
    const sizes = fc.array(fc.nat(100), { maxLength: 3000, size: 'max' });
    const keys = new RowKeys();
    fc.assert(
      fc.property(sizes, (wanted) => {
        const given = wanted.map((size, index) => {
          const bytes = new Uint8Array(size + 2).fill(index);
          return { bytes, copy: keys.value(bytes, 1, size + 1) };
        });
        for (const { bytes, copy } of given) assert.deepEqual(copy, bytes.subarray(1, bytes.length - 1));
        keys.reset();
        const [size] = wanted;
        if (size !== undefined) assert.equal(keys.take(size).length, size);
      }),
      { numRuns: 20 },
    );
    const again = keys.u64(1n);
    keys.reset();
    assert.equal(keys.u64(2n), again);
  });
});

describe('the latest values', () => {
  it('answer as a map does, however many there are', () => {
    const step = fc.tuple(fc.nat(20_000), fc.nat(1_000_000), fc.option(fc.nat(5000), { nil: undefined }));
    const words = (item: number): Uint32Array =>
      // Many share the word by which they are placed.
      Uint32Array.from([item, item % 7, 0, 0, 0, 0, 0, item >> 3]);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 9000, size: 'max' }), (steps) => {
        const latest = new LatestValues();
        const model = new Map<number, { version: bigint; dataBytes: number | undefined }>();
        for (const [item, version, dataBytes] of steps) {
          latest.set(words(item), 0, BigInt(version), dataBytes);
          model.set(item, { version: BigInt(version), dataBytes });
        }
        assert.equal(latest.size, model.size);
        for (const [item, { version, dataBytes }] of model) {
          const place = latest.find(words(item), 0);
          assert.ok(place >= 0);
          assert.equal(latest.dataBytesAt(place), dataBytes);
          assert.equal(latest.versionAt(place), version);
        }
        assert.equal(latest.find(words(30_000), 0), -1);
      }),
      { numRuns: 10 },
    );
  });
});

describe('writes taken from write sets in bulk', () => {
  it('are the entries that each write set has', () => {
    const ledger = generateLedger({ seed: 'writes', epochs: 2, transactions: 80, stateItems: 30 });
    const { hashers } = ledger;
    const writes = new StateWrites(hashers);
    const writeSets = Array.from({ length: 80 }, (_, version) => ledger.parts(version).writeSet);
    writes.begin(writeSets.reduce((sum, bytes) => sum + bytes.length, 0));
    for (const [version, bytes] of writeSets.entries()) {
      writes.add(BigInt(version), bytes, 0, bytes.length);
    }
    writes.finish({ withValues: true });
    let index = 0;
    for (const [version, bytes] of writeSets.entries()) {
      for (const entry of writeSetEntries(hashers, bytes)) {
        const hashAt = (hashes: Uint8Array) => toHex(hashes.subarray(index * 32, index * 32 + 32));
        assert.equal(writes.versions[index], BigInt(version));
        assert.equal(hashAt(writes.keyHashes), toHex(entry.keyHash));
        assert.equal(writes.keyBytes[index], entry.keyBytes);
        assert.deepEqual(writes.stateKeys[index], entry.stateKey);
        assert.equal(writes.dataBytes[index] === undefined, entry.stateValue === undefined);
        const row = writes.rowBytes.subarray(writes.rowStarts[index], writes.rowEnds[index]);
        if (entry.stateValue) {
          assert.deepEqual(row.subarray(1), entry.stateValue);
          assert.equal(hashAt(writes.valueHashes), toHex(hashers.stateValue.hash(entry.stateValue)));
        } else assert.deepEqual(row, Uint8Array.of(0));
        index++;
      }
    }
    assert.equal(index, writes.count);
  });
});
