import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { inventValue } from '../test-support/arbitrary-value.js';
import { committedTransactionBytes } from './committed-transaction.js';
import { EncryptedInner, type EncryptedPayload } from './encrypted-payload.js';
import { hashTransaction } from './hashes.js';
import { LEDGER_FAMILIES, ledgerHashers } from './ledger-family.js';
import { SignedTransaction, Transaction } from './transaction.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);

/** A user transaction with this payload, all else the same for the same seed. */
function withPayload(seed: number, payload: EncryptedPayload): Transaction {
  const signed = inventValue(SignedTransaction, seed);
  const raw_txn = { ...signed.raw_txn, payload: { variant: 'EncryptedPayload', value: payload } } as const;
  return { variant: 'UserTransaction', value: { ...signed, raw_txn } };
}

describe('the committed form of an encrypted transaction', () => {
  for (let seed = 0; seed < 20; seed++) {
    const original = inventValue(EncryptedInner, 1000 + seed);
    const sent = withPayload(seed, { variant: 'Encrypted', value: original });
    const states: Record<string, EncryptedPayload> = {
      'failed to open': {
        variant: 'FailedDecryption',
        value: { original, eval_proof: Uint8Array.of(seed), reason: { variant: 'EpochMismatch' } },
      },
      opened: {
        variant: 'Decrypted',
        value: {
          original,
          eval_proof: new Uint8Array(seed * 20),
          decrypted: { executable: { variant: 'Empty' }, decryption_nonce: new Uint8Array(16) },
        },
      },
    };
    for (const [state, payload] of Object.entries(states)) {
      it(`is what its sender sent when it ${state} (seed ${seed})`, () => {
        const bytes = encode(Transaction, withPayload(seed, payload));
        assert.equal(toHex(committedTransactionBytes(bytes)), toHex(encode(Transaction, sent)));
        assert.deepEqual(hashTransaction(hashers, bytes), hashTransaction(hashers, sent));
        assert.notDeepEqual(hashers.transaction.hash(bytes), hashTransaction(hashers, sent));
      });
    }
  }

  it('is the very bytes of every other transaction', () => {
    for (let seed = 0; seed < 200; seed++) {
      const transaction = inventValue(Transaction, seed);
      const opened =
        transaction.variant === 'UserTransaction' &&
        transaction.value.raw_txn.payload.variant === 'EncryptedPayload' &&
        transaction.value.raw_txn.payload.value.variant !== 'Encrypted';
      const bytes = encode(Transaction, transaction);
      assert.equal(committedTransactionBytes(bytes) === bytes, !opened);
    }
  });
});
