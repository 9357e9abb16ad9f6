import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type AnyCodec, check, decode, encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { recordFrames } from '../test-support/record-frames.js';
import { hashEvent, hashTransaction, hashTransactionInfo, hashWriteSet } from './hashes.js';
import { LEDGER_FAMILIES, ledgerHashers } from './ledger-family.js';
import { LedgerInfoWithSignatures } from './ledger-info.js';
import { SparseMerkleRangeProof, StateSnapshotProof, TransactionChunkProof } from './proofs.js';
import { StateRecord } from './state-record.js';
import { StateRecordWalk } from './state-record-walk.js';
import { Transaction } from './transaction.js';
import { TransactionInfo } from './transaction-info.js';
import { TransactionRecordV1 } from './transaction-record.js';
import { TransactionRecordWalk } from './transaction-record-walk.js';
import { epochBoundaryWaypoint, formatWaypoint } from './waypoint.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);

/** The files below a folder of an archive, unzipped where they are zipped. */
function* archiveFiles(root: string): Generator<{ readonly name: string; readonly bytes: Uint8Array }> {
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!/\.(chunk|proof)$/.test(name)) continue;
    const bytes = readFileSync(path.join(root, name));
    yield { name: name.split(path.sep).join('/'), bytes: bytes[0] === 0x1f ? gunzipSync(bytes) : bytes };
  }
}

/** Which type the records of a chunk file, or a whole proof file, are of. */
function codecOf(name: string): AnyCodec {
  if (name.endsWith('state.proof')) return StateSnapshotProof;
  if (name.startsWith('epoch_ending_')) return LedgerInfoWithSignatures;
  if (name.startsWith('state_')) return name.endsWith('.proof') ? SparseMerkleRangeProof : StateRecord;
  return name.endsWith('.proof') ? TransactionChunkProof : TransactionRecordV1;
}

function requireExactCoding(codec: AnyCodec, bytes: Uint8Array, dialect: number, where: string): void {
  const value = decode(codec, bytes, { dialect });
  assert.equal(toHex(encode(codec, value, { dialect })), toHex(bytes), where);
  check(codec, bytes, { dialect });
}

const transactionWalk = new TransactionRecordWalk();
const stateWalk = new StateRecordWalk();

/** Walks one record and proves what of it can be proven without its neighbours. */
function requireWalk(name: string, chunk: Uint8Array, start: number, end: number): void {
  const span = (from: number, to: number): Uint8Array => chunk.subarray(from, to);
  const hex = (from: number, to = from + 32): string => toHex(span(from, to));
  if (name.startsWith('state_')) {
    stateWalk.walk(chunk, start, end);
    assert.deepEqual([stateWalk.keyEnd, stateWalk.valueEnd], [stateWalk.valueStart, end]);
  } else if (name.startsWith('transaction_')) {
    const walk = transactionWalk;
    walk.walk(chunk, start, end, 'V1');
    assert.equal(walk.writeSetEnd, end);
    const transactionHash = hashTransaction(hashers, span(walk.transactionStart, walk.transactionEnd));
    assert.equal(toHex(transactionHash), hex(walk.transactionHash));
    const writeSetHash = hashWriteSet(hashers, span(walk.writeSetStart, walk.writeSetEnd));
    assert.equal(toHex(writeSetHash), hex(walk.stateChangeHash));
    if (walk.auxiliaryVariant === 1) {
      const auxiliaryHash = hashers.auxiliaryInfo.hash(span(walk.auxiliaryStart, walk.auxiliaryEnd));
      assert.equal(toHex(auxiliaryHash), hex(walk.auxiliaryInfoHash));
    } else assert.equal(walk.auxiliaryInfoHash, -1);
    if (walk.eventCount === 1) {
      const eventHash = hashEvent(hashers, span(walk.eventStarts[0] ?? 0, walk.eventEnds[0] ?? 0));
      assert.equal(toHex(eventHash), hex(walk.eventRootHash));
    }
  }
}

/** Decodes, encodes and walks everything in an archive; returns how many values of each kind there were. */
function requireArchive(root: string, dialect: number): Record<string, number> {
  const counts: Record<string, number> = {};
  const count = (codec: AnyCodec): void => {
    counts[codec.name] = (counts[codec.name] ?? 0) + 1;
  };
  for (const { name, bytes } of archiveFiles(root)) {
    const codec = codecOf(name);
    if (name.endsWith('.proof')) {
      requireExactCoding(codec, bytes, dialect, name);
      count(codec);
    } else {
      for (const [index, { start, end }] of recordFrames(bytes).entries()) {
        requireExactCoding(codec, bytes.subarray(start, end), dialect, `${name} record ${index}`);
        requireWalk(name, bytes, start, end);
        count(codec);
      }
    }
  }
  return counts;
}

describe('archives that the reference wrote', () => {
  it('of arbitrary values: every record decodes, encodes back and hashes as its info says', {
    skip: withoutFixture('reference-random'),
  }, () => {
    let transactions = 0;
    for (const folder of readdirSync(fixturePath('reference-random'))) {
      const counts = requireArchive(fixturePath('reference-random', folder), 0);
      transactions += counts[TransactionRecordV1.name] ?? 0;
      assert((counts[StateRecord.name] ?? 0) > 0, folder);
    }
    assert.equal(transactions, 73);
  });

  it('of a real ledger: every record decodes, encodes back and hashes as its info says', {
    skip: withoutFixture('reference-ledger'),
  }, () => {
    const counts = requireArchive(fixturePath('reference-ledger', 'archive'), 0);
    assert.equal(counts[TransactionRecordV1.name], 581);
    assert.equal(counts[LedgerInfoWithSignatures.name], 6);
    assert((counts[StateRecord.name] ?? 0) > 100);
    assert.equal(counts[StateSnapshotProof.name], 3);
  });

  it('of the 0L network: epoch endings and proofs decode, encode back, and give the known waypoints', {
    skip: withoutFixture('archive-0l-mainnet'),
  }, () => {
    const root = fixturePath('archive-0l-mainnet');
    const counts = requireArchive(root, LEDGER_FAMILIES.diem.dialect);
    assert.equal(counts[LedgerInfoWithSignatures.name], 120);
    const diem = ledgerHashers(LEDGER_FAMILIES.diem);
    const waypoints = new Map<bigint, string>();
    let info: Uint8Array | undefined;
    for (const { name, bytes } of archiveFiles(root)) {
      if (name.startsWith('epoch_ending_')) {
        for (const { start, end } of recordFrames(bytes)) {
          const { ledger_info } = decode(LedgerInfoWithSignatures, bytes, { start, end }).value;
          waypoints.set(
            ledger_info.commit_info.epoch,
            formatWaypoint(epochBoundaryWaypoint(diem, ledger_info)),
          );
        }
      } else if (name.startsWith('state_epoch_100_ver_33007311.') && name.endsWith('state.proof')) {
        const [proven] = decode(StateSnapshotProof, bytes);
        assert.equal(proven.ledger_info_to_transaction_info_proof.siblings.length, 25);
        info = encode(TransactionInfo, proven.transaction_info);
      }
    }
    assert.equal(waypoints.get(0n), '0:0b0947eb5327275bc7cfde3cb5c0cd03a0058e3c54c30ba962fbc90e97e664ce');
    assert.equal(waypoints.get(1n), '9036:0178170db74e376896e4b6d0442c27235300f19a3d8ca7b419cd5c7bf0126f54');
    assert.equal(
      waypoints.get(100n),
      '33007311:9d91fc1722aba10cf6eaf1a57376e0f531452b5bc0134ba19c9e25fc667d5584',
    );
    assert(info);
    assert.equal(
      toHex(hashTransactionInfo(diem, info)),
      'b7c2f9170c9db9f5c275a7f23ff746c61594f556a032aa8e1ff61274931dfc62',
    );
  });
});

const GENESIS = {
  mainnet: {
    transaction: 'f650d76ea0a3176f0412b7e6bea5eb6fbf1d7adb0c39ab18e378adefb9247309',
    writeSet: '69a83a9acd09f9ad76261d526eb1747141514dbb2c1a627cfcfe7cb558e33379',
    writeOps: 1394,
    events: 1499,
  },
  testnet: {
    transaction: '879da88b8dcf588c6e80541cc400faadab853952492982b9cdd0af55dd1b407a',
    writeSet: 'dc426933f5f058c9687616ce9ab9df4c3eb7a22d6293e0414c8b23067b7fa72f',
    writeOps: 128,
    events: 33,
  },
  devnet: undefined,
};

describe('genesis transactions', { skip: withoutFixture('genesis') }, () => {
  for (const [network, expected] of Object.entries(GENESIS)) {
    it(`of ${network} decodes, encodes back and hashes to the known values`, () => {
      const bytes = readFileSync(fixturePath('genesis', network, 'genesis.blob'));
      const transaction = decode(Transaction, bytes);
      assert.equal(Buffer.compare(encode(Transaction, transaction), bytes), 0);
      check(Transaction, bytes);
      assert(transaction.variant === 'GenesisTransaction' && transaction.value.variant === 'Direct');
      const { write_set, events } = transaction.value.value;
      if (expected) {
        assert.equal(toHex(hashTransaction(hashers, bytes)), expected.transaction);
        assert.equal(toHex(hashWriteSet(hashers, write_set)), expected.writeSet);
        assert.equal(write_set.value.write_set.length, expected.writeOps);
        assert.equal(events.length, expected.events);
      }
    });
  }
});
