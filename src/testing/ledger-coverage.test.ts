import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { decode, encode } from '../bcs/codec.js';
import { nodeSha3 } from '../hashing/node-sha3.js';
import type { AccountAuthenticator, SingleKeyAuthenticator } from '../types/authenticator.js';
import { committedTransactionBytes } from '../types/committed-transaction.js';
import { Path } from '../types/state-key.js';
import { RawTransaction, Transaction } from '../types/transaction.js';
import { transactionRecord } from '../types/transaction-record.js';
import { generateLedger } from './ledger-generator.js';

const ledger = generateLedger({ seed: 'coverage', epochs: 3, transactions: 700, stateItems: 200 });
const records = Array.from({ length: ledger.transactionCount }, (_, version) =>
  decode(transactionRecord('V1'), ledger.record(version, 'V1')),
);

/** Variants by the field that they stand in, or by the variant around them. */
type Seen = Map<string, Set<string>>;

function collect(seen: Seen, label: string, value: unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(seen, label, item);
    return;
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  const { variant, value: payload } = value as { variant?: unknown; value?: unknown };
  if (typeof variant === 'string') {
    const variants = seen.get(label) ?? new Set();
    seen.set(label, variants.add(variant));
    collect(seen, variant, payload);
    return;
  }
  for (const [field, item] of Object.entries(value)) collect(seen, field, item);
}

const TYPES = 'bool u8 u16 u32 u64 u128 u256 i8 i16 i32 i64 i128 i256 address signer vector struct Function';
const PUBLIC_KEYS = 'Ed25519 Secp256k1Ecdsa Secp256r1Ecdsa Keyless FederatedKeyless SlhDsa_Sha2_128s';
const ACCOUNT_AUTHENTICATORS = 'Ed25519 MultiEd25519 SingleKey MultiKey NoAccountAuthenticator Abstract';

/** What must occur in a ledger of a few hundred transactions. */
const EXPECTED: Readonly<Record<string, string>> = {
  transaction:
    'UserTransaction GenesisTransaction BlockMetadata StateCheckpoint ValidatorTransaction ' +
    'BlockMetadataExt BlockEpilogue',
  GenesisTransaction: 'Direct Script',
  ValidatorTransaction: 'DKGResult ObservedJWKUpdate ChunkyDKGResult',
  BlockMetadataExt: 'V0 V1 V2',
  BlockEpilogue: 'V0 V1 V2',
  payload: 'Script ModuleBundle EntryFunction Multisig Payload EncryptedPayload',
  transaction_payload: 'EntryFunction Script',
  executable: 'Script EntryFunction Empty Encrypted',
  extra_config: 'V1 V2',
  txn_limits_request: 'StakePoolOwner DelegatedVoter DelegationPoolDelegator',
  EncryptedPayload: 'Encrypted FailedDecryption Decrypted',
  reason:
    'CryptoFailure BatchLimitReached ConfigUnavailable DecryptionKeyUnavailable ' +
    'ClaimedEntryFunctionMismatch PayloadHashMismatch EpochMismatch EpochEndRetry TrustedSetupExhausted ExecuteBlockLimitReached',
  authenticator: 'Ed25519 MultiEd25519 MultiAgent FeePayer SingleSender',
  sender: ACCOUNT_AUTHENTICATORS,
  secondary_signers: ACCOUNT_AUTHENTICATORS,
  fee_payer_signer: ACCOUNT_AUTHENTICATORS,
  auth_data: 'V1 DerivableV1',
  public_key: PUBLIC_KEYS,
  public_keys: PUBLIC_KEYS.replace(' SlhDsa_Sha2_128s', ''),
  signatures: 'Ed25519 Secp256k1Ecdsa WebAuthn Keyless',
  signature: 'Ed25519 Secp256k1Ecdsa WebAuthn Keyless SlhDsa_Sha2_128s',
  cert: 'ZeroKnowledgeSig OpenIdSig',
  ephemeral_pubkey: 'Ed25519 Secp256r1Ecdsa',
  ephemeral_signature: 'Ed25519 WebAuthn',
  training_wheels_signature: 'Ed25519 WebAuthn',
  args: 'U8 U16 U32 U64 U128 U256 I8 I16 I32 I64 I128 I256 Address U8Vector Bool Serialized',
  ty_args: TYPES,
  results: 'Reference MutableReference Value',
  status: 'Success OutOfGas MoveAbort ExecutionFailure MiscellaneousError',
  location: 'Module Script',
  auxiliary_info: 'None V1 TimestampNotYetAssignedV1',
  events: 'V1 V2',
  write_set:
    'V0 AccessPath TableItem Raw Creation Modification Deletion ' +
    'CreationWithMetadata ModificationWithMetadata DeletionWithMetadata',
  to_make_hot: 'AccessPath TableItem Raw',
  metadata: 'V0 V1',
};

test('a ledger of a few hundred transactions holds every variant of every type', () => {
  const seen: Seen = new Map();
  for (const record of records) collect(seen, 'record', record);
  const missing = Object.entries(EXPECTED).flatMap(([label, expected]) => {
    const found = seen.get(label) ?? new Set();
    return expected
      .split(' ')
      .filter((variant) => variant !== '' && !found.has(variant))
      .map((v) => `${label}.${v}`);
  });
  assert.deepEqual(missing, []);
});

test('options are seen with and without a value', () => {
  const seen = new Map<string, Set<boolean>>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    for (const [field, item] of Object.entries(value)) {
      seen.set(field, (seen.get(field) ?? new Set()).add(item === undefined));
      visit(item);
    }
  };
  for (const record of records) visit(record);
  const both = [...seen].filter(([, kinds]) => kinds.size === 2).map(([field]) => field);
  const wanted = [
    ...['info', 'state_checkpoint_hash', 'auxiliary_info_hash', 'transaction_payload', 'multisig_address'],
    ...['replay_protection_nonce', 'txn_limits_request', 'claimed_entry_fun', 'function', 'eval_proof'],
    ...['randomness', 'decryption_key', 'extra_field', 'override_aud_val', 'training_wheels_signature'],
    'idc_aud_val',
  ];
  assert.deepEqual(
    wanted.filter((field) => !both.includes(field)),
    [],
  );
});

test('access paths are of every kind', () => {
  const kinds = new Set<string>();
  for (const { write_set } of records) {
    for (const [key] of write_set.value.write_set) {
      if (key.variant === 'AccessPath') kinds.add(decode(Path, key.value.path).variant);
    }
  }
  assert.deepEqual([...kinds].sort(), ['Code', 'Resource', 'ResourceGroup']);
});

function verifiesEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]);
  return verify(null, message, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature);
}

function verifiesMultiEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const bitmap = signature.subarray(-4);
  const signers = [...Array(32).keys()].filter((index) => (bitmap[index >> 3] ?? 0) & (0x80 >> (index & 7)));
  const threshold = publicKey.at(-1) ?? 0;
  const keyAt = (index: number): Uint8Array => publicKey.subarray(32 * index, 32 * index + 32);
  const signatureAt = (index: number): Uint8Array => signature.subarray(64 * index, 64 * index + 64);
  return (
    signers.length === threshold &&
    signature.length === 64 * threshold + 4 &&
    signers.every((signer, index) => verifiesEd25519(keyAt(signer), message, signatureAt(index)))
  );
}

/** Undefined for schemes whose signatures are not real. */
function verifiesSingleKey(key: SingleKeyAuthenticator, message: Uint8Array): boolean | undefined {
  const { public_key, signature } = key;
  if (public_key.variant === 'Ed25519' && signature.variant === 'Ed25519') {
    return verifiesEd25519(public_key.value.public_key, message, signature.value.signature);
  }
  if (public_key.variant === 'Secp256k1Ecdsa' && signature.variant === 'Secp256k1Ecdsa') {
    const hash = nodeSha3.digest(message);
    return secp256k1.verify(signature.value.signature, hash, public_key.value.public_key, { prehash: false });
  }
  if (public_key.variant === 'Secp256r1Ecdsa' && signature.variant === 'WebAuthn') {
    const { authenticator_data, client_data_json, signature: assertion } = signature.value.signature;
    const client = JSON.parse(new TextDecoder().decode(client_data_json)) as { challenge: string };
    assert.equal(client.challenge, Buffer.from(nodeSha3.digest(message)).toString('base64url'));
    const signed = Buffer.concat([authenticator_data, sha256(client_data_json)]);
    return p256.verify(assertion.value.signature, signed, public_key.value.public_key, { lowS: true });
  }
  return undefined;
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

function verifiesAccount(authenticator: AccountAuthenticator, message: Uint8Array): boolean | undefined {
  switch (authenticator.variant) {
    case 'Ed25519': {
      const { public_key, signature } = authenticator.value;
      return verifiesEd25519(public_key, message, signature);
    }
    case 'MultiEd25519': {
      const { public_key, signature } = authenticator.value;
      return verifiesMultiEd25519(public_key, message, signature);
    }
    case 'SingleKey':
      return verifiesSingleKey(authenticator.value.authenticator, message);
    default:
      return undefined;
  }
}

test('what users signed verifies, encrypted payloads as they were before they were opened', () => {
  const verified = new Map<string, number>();
  records.forEach(({ transaction }, version) => {
    if (transaction.variant !== 'UserTransaction') return;
    const { authenticator } = transaction.value;
    const committed = decode(Transaction, committedTransactionBytes(ledger.parts(version).transaction));
    assert(committed.variant === 'UserTransaction');
    const message = Buffer.concat([
      ledger.hashers.rawTransaction.seed,
      encode(RawTransaction, committed.value.raw_txn),
    ]);
    const single = authenticator.variant === 'SingleSender' ? authenticator.value.sender : authenticator;
    if (single.variant === 'MultiAgent' || single.variant === 'FeePayer') return;
    const verdict = verifiesAccount(single, message);
    assert.notEqual(verdict, false, `version ${version}: ${single.variant}`);
    if (verdict) verified.set(single.variant, (verified.get(single.variant) ?? 0) + 1);
  });
  assert.deepEqual([...verified.keys()].sort(), ['Ed25519', 'MultiEd25519', 'SingleKey']);
});
