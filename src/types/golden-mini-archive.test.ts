import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Codec, decode, encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import * as golden from '../test-support/golden-mini-archive.js';
import { recordFrames, recordsOf } from '../test-support/record-frames.js';
import {
  hashAuxiliaryInfo,
  hashEvent,
  hashStateKey,
  hashStateValue,
  hashTransaction,
  hashTransactionInfo,
  hashWriteSet,
} from './hashes.js';
import { LEDGER_FAMILIES, ledgerHashers } from './ledger-family.js';
import { LedgerInfoWithSignatures } from './ledger-info.js';
import { SparseMerkleRangeProof, StateSnapshotProof, TransactionChunkProof } from './proofs.js';
import { StateRecord } from './state-record.js';
import { StateRecordWalk } from './state-record-walk.js';
import { TransactionRecordV1 } from './transaction-record.js';
import { TransactionRecordWalk } from './transaction-record-walk.js';
import { epochBoundaryWaypoint, formatWaypoint } from './waypoint.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);

function decodeExactly<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const value = decode(codec, bytes);
  assert.equal(toHex(encode(codec, value)), toHex(bytes));
  return value;
}

describe('the golden mini archive', () => {
  it('has an epoch ending with the stated waypoint', () => {
    const [record] = recordsOf(golden.GOLDEN_EPOCH_CHUNK);
    assert(record);
    const { ledger_info } = decodeExactly(LedgerInfoWithSignatures, record).value;
    assert.equal(formatWaypoint(epochBoundaryWaypoint(hashers, ledger_info)), golden.GOLDEN_EPOCH_WAYPOINT);
  });

  it('has transaction records with the stated contents', () => {
    const [v5, v6] = recordsOf(golden.GOLDEN_TRANSACTION_CHUNK).map((r) =>
      decodeExactly(TransactionRecordV1, r),
    );
    assert(v5 && v6);
    const [transaction, auxiliary, info, events, writeSet] = v5;
    assert(transaction.variant === 'UserTransaction');
    const { payload } = transaction.value.raw_txn;
    assert(payload.variant === 'EntryFunction');
    assert.equal(payload.value.function, 'transfer');
    assert.deepEqual(auxiliary, { variant: 'V1', value: { transaction_index: 0 } });
    assert(info.value.status.variant === 'MoveAbort');
    assert.deepEqual(info.value.status.value.info, {
      reason_name: 'EINSUFFICIENT_BALANCE',
      description: 'no funds',
    });
    assert.deepEqual(
      events.map((event) => event.variant),
      ['V1', 'V2'],
    );
    assert.deepEqual(
      writeSet.value.write_set.map(([key, op]) => [key.variant, op.variant]),
      [
        ['AccessPath', 'Creation'],
        ['TableItem', 'ModificationWithMetadata'],
        ['TableItem', 'CreationWithMetadata'],
      ],
    );
    assert.equal(v6[0].variant, 'StateCheckpoint');
    assert.equal(v6[2].value.status.variant, 'Success');
    assert.deepEqual(
      v6[4].value.write_set.map(([, op]) => op.variant),
      ['Deletion', 'DeletionWithMetadata'],
    );
  });

  it('hashes to the stated values, from decoded values and from walked spans alike', () => {
    const chunk = golden.GOLDEN_TRANSACTION_CHUNK;
    const walk = new TransactionRecordWalk();
    const expected = [
      [
        golden.GOLDEN_TRANSACTION_HASH_5,
        golden.GOLDEN_TRANSACTION_INFO_HASH_5,
        golden.GOLDEN_WRITE_SET_HASH_5,
        golden.GOLDEN_AUXILIARY_INFO_HASH_5,
      ],
      [
        golden.GOLDEN_TRANSACTION_HASH_6,
        golden.GOLDEN_TRANSACTION_INFO_HASH_6,
        golden.GOLDEN_WRITE_SET_HASH_6,
      ],
    ];
    for (const [index, { start, end }] of recordFrames(chunk).entries()) {
      const [transactionHash, infoHash, writeSetHash, auxiliaryHash] = expected[index] ?? [];
      const [transaction, auxiliary, info, , writeSet] = decode(TransactionRecordV1, chunk, { start, end });
      walk.walk(chunk, start, end, 'V1');
      const span = (from: number, to: number): Uint8Array => chunk.subarray(from, to);
      const transactionBytes = span(walk.transactionStart, walk.transactionEnd);
      assert.deepEqual(hashTransaction(hashers, transaction), transactionHash);
      assert.deepEqual(hashTransaction(hashers, transactionBytes), transactionHash);
      assert.deepEqual(hashTransactionInfo(hashers, info), infoHash);
      assert.deepEqual(hashTransactionInfo(hashers, span(walk.infoStart, walk.infoEnd)), infoHash);
      assert.deepEqual(hashWriteSet(hashers, writeSet), writeSetHash);
      assert.deepEqual(hashWriteSet(hashers, span(walk.writeSetStart, walk.writeSetEnd)), writeSetHash);
      if (auxiliaryHash) assert.deepEqual(hashAuxiliaryInfo(hashers, auxiliary), auxiliaryHash);
      assert.deepEqual(
        new Uint8Array(span(walk.transactionHash, walk.transactionHash + 32)),
        transactionHash,
      );
      assert.deepEqual(new Uint8Array(span(walk.stateChangeHash, walk.stateChangeHash + 32)), writeSetHash);
    }
  });

  it('states an event root that is the parent of its two event hashes', () => {
    const chunk = golden.GOLDEN_TRANSACTION_CHUNK;
    const [frame] = recordFrames(chunk);
    assert(frame);
    const walk = new TransactionRecordWalk();
    walk.walk(chunk, frame.start, frame.end, 'V1');
    assert.equal(walk.eventCount, 2);
    const [first, second] = [0, 1].map((index) =>
      hashEvent(hashers, chunk.subarray(walk.eventStarts[index], walk.eventEnds[index])),
    );
    assert(first && second);
    assert.deepEqual(hashers.eventAccumulator.pair(first, second), golden.GOLDEN_EVENT_ROOT_5);
    const inInfo = chunk.subarray(walk.eventRootHash, walk.eventRootHash + 32);
    assert.deepEqual(new Uint8Array(inInfo), golden.GOLDEN_EVENT_ROOT_5);
  });

  it('has state records whose keys and values hash to the stated leaves', () => {
    const walk = new StateRecordWalk();
    const keyHashes: string[] = [];
    const valueHashes: string[] = [];
    for (const chunk of [golden.GOLDEN_STATE_CHUNK_0, golden.GOLDEN_STATE_CHUNK_2]) {
      for (const { start, end } of recordFrames(chunk)) {
        const [key, value] = decodeExactly(StateRecord, chunk.subarray(start, end));
        walk.walk(chunk, start, end);
        const walkedKey = hashStateKey(hashers, chunk.subarray(walk.keyStart, walk.keyEnd));
        const walkedValue = hashStateValue(hashers, chunk.subarray(walk.valueStart, walk.valueEnd));
        assert.deepEqual(walkedKey, hashStateKey(hashers, key));
        assert.deepEqual(walkedValue, hashStateValue(hashers, value));
        keyHashes.push(toHex(walkedKey));
        valueHashes.push(toHex(walkedValue));
      }
    }
    assert.deepEqual(keyHashes, golden.GOLDEN_STATE_KEY_HASHES.map(toHex));
    assert.deepEqual(valueHashes, golden.GOLDEN_STATE_VALUE_HASHES.map(toHex));
  });

  it('has proof files that name the stated roots', () => {
    const [range, signed] = decodeExactly(TransactionChunkProof, golden.GOLDEN_TRANSACTION_PROOF);
    assert.equal(range.left_siblings.length, 2);
    assert.deepEqual(
      new Uint8Array(signed.value.ledger_info.commit_info.executed_state_id),
      golden.GOLDEN_ACCUMULATOR_ROOT,
    );
    const [proven, signedAgain] = decodeExactly(StateSnapshotProof, golden.GOLDEN_STATE_PROOF);
    assert.deepEqual(signedAgain, signed);
    const { state_checkpoint_hash } = proven.transaction_info.value;
    assert.deepEqual(new Uint8Array(state_checkpoint_hash ?? []), golden.GOLDEN_STATE_ROOT);
    assert.equal(
      decodeExactly(SparseMerkleRangeProof, golden.GOLDEN_STATE_CHUNK_PROOF_0).right_siblings.length,
      2,
    );
    assert.equal(
      decodeExactly(SparseMerkleRangeProof, golden.GOLDEN_STATE_CHUNK_PROOF_2).right_siblings.length,
      0,
    );
  });
});
