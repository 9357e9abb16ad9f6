import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type AnyCodec, decode, encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { arbitraryDamage, arbitraryEncoding, inventValue } from '../test-support/arbitrary-value.js';
import { refusal } from '../test-support/bcs-refusal.js';
import { PersistedAuxiliaryInfo } from './auxiliary-info.js';
import { ContractEvent } from './contract-event.js';
import { EncryptedPayload } from './encrypted-payload.js';
import { DIALECT_2023, DIALECT_CURRENT } from './ledger-family.js';
import { StateKey } from './state-key.js';
import { StateRecord } from './state-record.js';
import { StateRecordWalk } from './state-record-walk.js';
import { StateValue } from './state-value.js';
import { Transaction } from './transaction.js';
import { TransactionInfo } from './transaction-info.js';
import { TransactionRecordV0, TransactionRecordV1, transactionRecord } from './transaction-record.js';
import { TransactionRecordWalk } from './transaction-record-walk.js';
import { WriteSet } from './write-set.js';

/** The walk accepts what decoding accepts, and refuses the rest with the very error of decoding. */
function requireSameVerdict(walk: () => void, read: () => void): void {
  const walked = refusal(walk);
  const decoded = refusal(read);
  assert.deepEqual(
    [walked?.code, walked?.offset, walked?.path, walked?.message],
    [decoded?.code, decoded?.offset, decoded?.path, decoded?.message],
  );
}

describe('record walks', () => {
  const transactionWalk = new TransactionRecordWalk();
  const stateWalk = new StateRecordWalk();
  const window = { before: 3, after: 5 };
  const padded = (bytes: Uint8Array): Uint8Array =>
    Uint8Array.of(...new Array(window.before).fill(0xee), ...bytes, ...new Array(window.after).fill(0xee));

  for (const format of ['V0', 'V1'] as const) {
    it(`judge ${format} transaction records as decoding does, whole or damaged, in a larger buffer`, () => {
      const codec = transactionRecord(format);
      const whole = format === 'V0' ? TransactionRecordV0 : TransactionRecordV1;
      const encoding = arbitraryEncoding(whole as AnyCodec);
      const input = fc.oneof(encoding, encoding.chain(arbitraryDamage));
      fc.assert(
        fc.property(input, fc.constantFrom(DIALECT_CURRENT, DIALECT_2023), (bytes, dialect) => {
          const buffer = padded(bytes);
          const start = window.before;
          const end = start + bytes.length;
          requireSameVerdict(
            () => transactionWalk.walk(buffer, start, end, format, dialect),
            () => void decode(codec, buffer, { start, end, dialect }),
          );
        }),
        { numRuns: 400 },
      );
    });
  }

  it('find every part of a transaction record where its encoding lies', () => {
    fc.assert(
      fc.property(arbitraryEncoding(TransactionRecordV1), (bytes) => {
        const [transaction, auxiliary, info, events, writeSet] = decode(TransactionRecordV1, bytes);
        const walk = transactionWalk;
        walk.walk(bytes, 0, bytes.length, 'V1');
        const spanIs = (start: number, end: number, expected: Uint8Array): void =>
          assert.equal(toHex(bytes.subarray(start, end)), toHex(expected));
        const hashIs = (start: number, expected: Uint8Array | undefined): void => {
          if (expected === undefined) assert.equal(start, -1);
          else spanIs(start, start + 32, expected);
        };
        spanIs(walk.transactionStart, walk.transactionEnd, encode(Transaction, transaction));
        spanIs(walk.auxiliaryStart, walk.auxiliaryEnd, encode(PersistedAuxiliaryInfo, auxiliary));
        assert.equal(walk.auxiliaryVariant, encode(PersistedAuxiliaryInfo, auxiliary)[0]);
        spanIs(walk.infoStart, walk.infoEnd, encode(TransactionInfo, info));
        hashIs(walk.transactionHash, info.value.transaction_hash);
        hashIs(walk.eventRootHash, info.value.event_root_hash);
        hashIs(walk.stateChangeHash, info.value.state_change_hash);
        hashIs(walk.stateCheckpointHash, info.value.state_checkpoint_hash);
        hashIs(walk.auxiliaryInfoHash, info.value.auxiliary_info_hash);
        assert.equal(walk.eventCount, events.length);
        for (const [index, event] of events.entries()) {
          spanIs(walk.eventStarts[index] ?? -1, walk.eventEnds[index] ?? -1, encode(ContractEvent, event));
        }
        spanIs(walk.writeSetStart, walk.writeSetEnd, encode(WriteSet, writeSet));
        const payload =
          transaction.variant === 'UserTransaction' ? transaction.value.raw_txn.payload : undefined;
        if (payload?.variant === 'EncryptedPayload' && payload.value.variant !== 'Encrypted') {
          const opened = encode(EncryptedPayload, payload.value);
          const original = { variant: 'Encrypted', value: payload.value.value.original } as const;
          spanIs(walk.encryptedStart, walk.encryptedEnd, opened);
          spanIs(walk.originalStart, walk.originalEnd, encode(EncryptedPayload, original).subarray(1));
        } else {
          assert.deepEqual([walk.encryptedStart, walk.encryptedEnd], [-1, -1]);
          assert.deepEqual([walk.originalStart, walk.originalEnd], [-1, -1]);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('leave an empty auxiliary span where the format has no place for it', () => {
    const record = inventValue(TransactionRecordV0, 7);
    const bytes = encode(TransactionRecordV0, record);
    transactionWalk.walk(bytes, 0, bytes.length, 'V0');
    assert.equal(transactionWalk.auxiliaryVariant, 0);
    assert.equal(transactionWalk.auxiliaryStart, transactionWalk.transactionEnd);
    assert.equal(transactionWalk.auxiliaryEnd, transactionWalk.auxiliaryStart);
  });

  it('judge state records as decoding does and find key and value', () => {
    const encoding = arbitraryEncoding(StateRecord as AnyCodec);
    const input = fc.oneof(encoding, encoding.chain(arbitraryDamage));
    fc.assert(
      fc.property(input, fc.constantFrom(DIALECT_CURRENT, DIALECT_2023), (bytes, dialect) => {
        const buffer = padded(bytes);
        const start = window.before;
        const end = start + bytes.length;
        requireSameVerdict(
          () => stateWalk.walk(buffer, start, end, dialect),
          () => {
            const [key, value] = decode(StateRecord, buffer, { start, end, dialect });
            const walk = stateWalk;
            const keyBytes = buffer.subarray(walk.keyStart, walk.keyEnd);
            const valueBytes = buffer.subarray(walk.valueStart, walk.valueEnd);
            assert.equal(toHex(keyBytes), toHex(encode(StateKey, key, { dialect })));
            assert.equal(toHex(valueBytes), toHex(encode(StateValue, value, { dialect })));
            assert.equal(walk.keyKind, ['AccessPath', 'TableItem', 'Raw'].indexOf(key.variant));
          },
        );
      }),
      { numRuns: 400 },
    );
  });

  it('say in which field a record is damaged', () => {
    const bytes = encode(TransactionRecordV1, inventValue(TransactionRecordV1, 3));
    const cut = bytes.subarray(0, bytes.length - 1);
    const refused = refusal(() => transactionWalk.walk(cut, 0, cut.length, 'V1'));
    assert.equal(refused?.code, 'BCS_EOF');
    assert.match(refused?.path ?? '', /^4/);
    transactionWalk.walk(bytes, 0, bytes.length, 'V1');
  });
});
