import type { Codec, Infer } from '../bcs/codec.js';
import { enumeration, option, struct } from '../bcs/containers.js';
import { bytes, fixedBytes, u64 } from '../bcs/primitives.js';
import { HashValue, Identifier, ModuleId } from './basic.js';
import { TransactionExecutable, TransactionExtraConfig } from './transaction-executable.js';

const symmetricCiphertext = struct('SymmetricCiphertext', {
  nonce: fixedBytes('[u8; 12]', 12),
  ct_body: bytes,
});

/** Identity-based encryption of a symmetric key, and what that key encrypts. */
export const BIBECiphertext = struct('BIBECiphertext', {
  id: struct('Id', { root_x: bytes }),
  ct_g2: bytes,
  padded_key: fixedBytes('[u8; 16]', 16),
  symmetric_ciphertext: symmetricCiphertext,
});
export type BIBECiphertext = Infer<typeof BIBECiphertext>;

const ciphertextFields = struct('Ciphertext', {
  vk: bytes,
  bibe_ct: BIBECiphertext,
  associated_data_bytes: bytes,
  signature: fixedBytes('[u8; 64]', 64),
});
export interface Ciphertext extends Infer<typeof ciphertextFields> {}
export const Ciphertext: Codec<Ciphertext> = ciphertextFields;

const claimedEntryFunction = struct('ClaimedEntryFunction', {
  module: ModuleId,
  function: option(Identifier),
});

const encryptedInnerFields = struct('EncryptedInner', {
  ciphertext: Ciphertext,
  extra_config: TransactionExtraConfig,
  payload_hash: HashValue,
  encryption_epoch: u64,
  claimed_entry_fun: option(claimedEntryFunction),
});
/** The payload as the sender wrote it; what the transaction's hash covers in every state. */
export interface EncryptedInner extends Infer<typeof encryptedInnerFields> {}
export const EncryptedInner: Codec<EncryptedInner> = encryptedInnerFields;

export const DecryptionFailureReason = enumeration(
  'DecryptionFailureReason',
  ['CryptoFailure', null],
  ['BatchLimitReached', null],
  ['ConfigUnavailable', null],
  ['DecryptionKeyUnavailable', null],
  ['ClaimedEntryFunctionMismatch', null],
  ['PayloadHashMismatch', null],
  ['EpochMismatch', null],
  ['EpochEndRetry', null],
  ['TrustedSetupExhausted', null],
  ['ExecuteBlockLimitReached', null],
);
export type DecryptionFailureReason = Infer<typeof DecryptionFailureReason>;

const decryptedPlaintextFields = struct('DecryptedPlaintext', {
  executable: TransactionExecutable,
  decryption_nonce: fixedBytes('[u8; 16]', 16),
});
export interface DecryptedPlaintext extends Infer<typeof decryptedPlaintextFields> {}
export const DecryptedPlaintext: Codec<DecryptedPlaintext> = decryptedPlaintextFields;

/** A payload before and after the validators tried to open it (spec: aptos-types.md, section 8). */
export const EncryptedPayload = enumeration(
  'EncryptedPayload',
  ['Encrypted', EncryptedInner],
  [
    'FailedDecryption',
    struct('FailedDecryption', {
      original: EncryptedInner,
      eval_proof: option(bytes),
      reason: DecryptionFailureReason,
    }),
  ],
  [
    'Decrypted',
    struct('Decrypted', { original: EncryptedInner, eval_proof: bytes, decrypted: DecryptedPlaintext }),
  ],
);
export type EncryptedPayload = Infer<typeof EncryptedPayload>;
