import type { Codec, Infer } from '../bcs/codec.js';
import { enumeration, struct, vector } from '../bcs/containers.js';
import { bytes, string, u8 } from '../bcs/primitives.js';
import { AccountAddress, BitVec } from './basic.js';
import { FederatedKeylessPublicKey, KeylessPublicKey, KeylessSignature } from './keyless.js';
import { PartialAuthenticatorAssertionResponse } from './web-authn.js';

// Keys and signatures are bytes here: what counts for an archive is the proof over the bytes, so points
// and lengths are not checked (spec: aptos-types.md, section 8.1).

const publicKey = { public_key: bytes };
const signature = { signature: bytes };
const keyAndSignature = { public_key: bytes, signature: bytes };

export const AnyPublicKey = enumeration(
  'AnyPublicKey',
  ['Ed25519', struct('Ed25519', publicKey)],
  ['Secp256k1Ecdsa', struct('Secp256k1Ecdsa', publicKey)],
  ['Secp256r1Ecdsa', struct('Secp256r1Ecdsa', publicKey)],
  ['Keyless', struct('Keyless', { public_key: KeylessPublicKey })],
  ['FederatedKeyless', struct('FederatedKeyless', { public_key: FederatedKeylessPublicKey })],
  ['SlhDsa_Sha2_128s', struct('SlhDsa_Sha2_128s', publicKey)],
);
export type AnyPublicKey = Infer<typeof AnyPublicKey>;

export const AnySignature = enumeration(
  'AnySignature',
  ['Ed25519', struct('Ed25519', signature)],
  ['Secp256k1Ecdsa', struct('Secp256k1Ecdsa', signature)],
  ['WebAuthn', struct('WebAuthn', { signature: PartialAuthenticatorAssertionResponse })],
  ['Keyless', struct('Keyless', { signature: KeylessSignature })],
  ['SlhDsa_Sha2_128s', struct('SlhDsa_Sha2_128s', signature)],
);
export type AnySignature = Infer<typeof AnySignature>;

const singleKeyAuthenticatorFields = struct('SingleKeyAuthenticator', {
  public_key: AnyPublicKey,
  signature: AnySignature,
});
export interface SingleKeyAuthenticator extends Infer<typeof singleKeyAuthenticatorFields> {}
export const SingleKeyAuthenticator: Codec<SingleKeyAuthenticator> = singleKeyAuthenticatorFields;

export const MultiKey = struct('MultiKey', { public_keys: vector(AnyPublicKey), signatures_required: u8 });
export type MultiKey = Infer<typeof MultiKey>;

const multiKeyAuthenticatorFields = struct('MultiKeyAuthenticator', {
  public_keys: MultiKey,
  signatures: vector(AnySignature),
  signatures_bitmap: BitVec,
});
export interface MultiKeyAuthenticator extends Infer<typeof multiKeyAuthenticatorFields> {}
export const MultiKeyAuthenticator: Codec<MultiKeyAuthenticator> = multiKeyAuthenticatorFields;

export const FunctionInfo = struct('FunctionInfo', {
  module_address: AccountAddress,
  module_name: string,
  function_name: string,
});
export type FunctionInfo = Infer<typeof FunctionInfo>;

const abstractV1 = { signing_message_digest: bytes, abstract_signature: bytes };

export const AbstractAuthenticationData = enumeration(
  'AbstractAuthenticationData',
  ['V1', struct('V1', abstractV1)],
  ['DerivableV1', struct('DerivableV1', { ...abstractV1, abstract_public_key: bytes })],
);
export type AbstractAuthenticationData = Infer<typeof AbstractAuthenticationData>;

const abstractAuthenticatorFields = struct('AbstractAuthenticator', {
  function_info: FunctionInfo,
  auth_data: AbstractAuthenticationData,
});
export interface AbstractAuthenticator extends Infer<typeof abstractAuthenticatorFields> {}
export const AbstractAuthenticator: Codec<AbstractAuthenticator> = abstractAuthenticatorFields;

/** The proof of one account that it agreed. */
export const AccountAuthenticator = enumeration(
  'AccountAuthenticator',
  ['Ed25519', struct('Ed25519', keyAndSignature)],
  ['MultiEd25519', struct('MultiEd25519', keyAndSignature)],
  ['SingleKey', struct('SingleKey', { authenticator: SingleKeyAuthenticator })],
  ['MultiKey', struct('MultiKey', { authenticator: MultiKeyAuthenticator })],
  ['NoAccountAuthenticator', null],
  ['Abstract', struct('Abstract', { authenticator: AbstractAuthenticator })],
);
export type AccountAuthenticator = Infer<typeof AccountAuthenticator>;

const severalSigners = {
  sender: AccountAuthenticator,
  secondary_signer_addresses: vector(AccountAddress),
  secondary_signers: vector(AccountAuthenticator),
};

/** The proof of all accounts that a transaction needs. */
export const TransactionAuthenticator = enumeration(
  'TransactionAuthenticator',
  ['Ed25519', struct('Ed25519', keyAndSignature)],
  ['MultiEd25519', struct('MultiEd25519', keyAndSignature)],
  ['MultiAgent', struct('MultiAgent', severalSigners)],
  [
    'FeePayer',
    struct('FeePayer', {
      ...severalSigners,
      fee_payer_address: AccountAddress,
      fee_payer_signer: AccountAuthenticator,
    }),
  ],
  ['SingleSender', struct('SingleSender', { sender: AccountAuthenticator })],
);
export type TransactionAuthenticator = Infer<typeof TransactionAuthenticator>;
