import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BcsReader } from '../bcs/bcs-reader.js';
import { type AnyCodec, check, decode, encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { arbitraryDamage, arbitraryEncoding, inventValue } from '../test-support/arbitrary-value.js';
import { refusal } from '../test-support/bcs-refusal.js';
import { AccountAuthenticator, TransactionAuthenticator } from './authenticator.js';
import { PersistedAuxiliaryInfo } from './auxiliary-info.js';
import { BitVec } from './basic.js';
import { BlockEpiloguePayload, BlockMetadataExt } from './block-transactions.js';
import { ContractEvent } from './contract-event.js';
import { EncryptedPayload } from './encrypted-payload.js';
import { KeylessSignature } from './keyless.js';
import { DIALECT_2023, DIALECT_CURRENT } from './ledger-family.js';
import { LedgerInfoWithSignatures } from './ledger-info.js';
import {
  OptionalDbState,
  SparseMerkleProof,
  SparseMerkleRangeProof,
  StateSnapshotProof,
  TransactionChunkProof,
} from './proofs.js';
import { TransactionArgument } from './script.js';
import { Path, StateKey } from './state-key.js';
import { StateRecord } from './state-record.js';
import { StateValue, StateValueMetadata } from './state-value.js';
import { Transaction } from './transaction.js';
import { ExecutionStatus, TransactionInfo } from './transaction-info.js';
import { TransactionPayload } from './transaction-payload.js';
import { TransactionRecordV0, TransactionRecordV1 } from './transaction-record.js';
import { TypeTag } from './type-tag.js';
import { ValidatorTransaction } from './validator-transaction.js';
import { Waypoint } from './waypoint.js';
import { WriteSet } from './write-set.js';

const CODECS: Readonly<Record<string, AnyCodec>> = {
  AccountAuthenticator,
  BitVec,
  BlockEpiloguePayload,
  BlockMetadataExt,
  ContractEvent,
  EncryptedPayload,
  ExecutionStatus,
  KeylessSignature,
  LedgerInfoWithSignatures,
  OptionalDbState,
  Path,
  PersistedAuxiliaryInfo,
  SparseMerkleProof,
  SparseMerkleRangeProof,
  StateKey,
  StateRecord,
  StateSnapshotProof,
  StateValue,
  StateValueMetadata,
  Transaction,
  TransactionArgument,
  TransactionAuthenticator,
  TransactionChunkProof,
  TransactionInfo,
  TransactionPayload,
  TransactionRecordV0,
  TransactionRecordV1,
  TypeTag,
  ValidatorTransaction,
  Waypoint,
  WriteSet,
};

/** Bytes are accepted by decoding and by checking alike, and then re-encode to themselves. */
function requireConsistency(codec: AnyCodec, bytes: Uint8Array, dialect: number): boolean {
  let value: unknown;
  const refused = refusal(() => {
    value = decode(codec, bytes, { dialect });
  });
  const refusedUnbuilt = refusal(() => check(codec, bytes, { dialect }));
  assert.equal(
    refusedUnbuilt === undefined,
    refused === undefined,
    refused?.message ?? refusedUnbuilt?.message,
  );
  if (refused === undefined) assert.equal(toHex(encode(codec, value, { dialect })), toHex(bytes));
  return refused === undefined;
}

for (const dialect of [DIALECT_CURRENT, DIALECT_2023]) {
  describe(`codecs of dialect ${dialect}`, () => {
    for (const [name, codec] of Object.entries(CODECS)) {
      it(`${name}: what is encoded decodes, is skipped over and encodes to the same bytes`, () => {
        fc.assert(
          fc.property(arbitraryEncoding(codec, dialect), (bytes) => {
            assert(requireConsistency(codec, bytes, dialect));
            const reader = new BcsReader(bytes, { dialect });
            codec.skip(reader);
            assert.equal(reader.offset, bytes.length);
          }),
          { numRuns: 60 },
        );
      });

      it(`${name}: damaged bytes are refused with a BcsError or re-encode to themselves`, () => {
        const damaged = arbitraryEncoding(codec, dialect).chain(arbitraryDamage);
        fc.assert(
          fc.property(damaged, (bytes) => void requireConsistency(codec, bytes, dialect)),
          { numRuns: 120 },
        );
      });

      it(`${name}: random bytes are refused with a BcsError or re-encode to themselves`, () => {
        const anyBytes = fc.oneof(
          fc.uint8Array({ maxLength: 120 }),
          fc.array(fc.nat({ max: 3 }), { maxLength: 200 }).map((items) => Uint8Array.from(items)),
        );
        fc.assert(
          fc.property(anyBytes, (bytes) => void requireConsistency(codec, bytes, dialect)),
          { numRuns: 120 },
        );
      });
    }
  });
}

describe('an invented value', () => {
  it('is what its encoding decodes to', () => {
    // No maps, whose invented order encoding changes.
    for (const codec of [
      TypeTag,
      TransactionAuthenticator,
      LedgerInfoWithSignatures,
      StateRecord,
    ] as AnyCodec[]) {
      for (let seed = 0; seed < 50; seed++) {
        const value = inventValue(codec, seed);
        assert.deepEqual(decode(codec, encode(codec, value)), value);
      }
    }
  });
});
