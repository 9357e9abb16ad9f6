import type { Codec, Infer } from '../bcs/codec.js';
import { enumeration, option, struct } from '../bcs/containers.js';
import { bytes, fixedBytes, string, u64 } from '../bcs/primitives.js';
import { AccountAddress } from './basic.js';
import { PartialAuthenticatorAssertionResponse } from './web-authn.js';

/** Accounts that a login of some other service controls (spec: aptos-types.md, section 8.1). */
export const KeylessPublicKey = struct('KeylessPublicKey', { iss_val: string, idc: bytes });
export type KeylessPublicKey = Infer<typeof KeylessPublicKey>;

export const FederatedKeylessPublicKey = struct('FederatedKeylessPublicKey', {
  jwk_addr: AccountAddress,
  pk: KeylessPublicKey,
});
export type FederatedKeylessPublicKey = Infer<typeof FederatedKeylessPublicKey>;

export const EphemeralPublicKey = enumeration(
  'EphemeralPublicKey',
  ['Ed25519', struct('Ed25519', { public_key: bytes })],
  ['Secp256r1Ecdsa', struct('Secp256r1Ecdsa', { public_key: bytes })],
);
export type EphemeralPublicKey = Infer<typeof EphemeralPublicKey>;

export const EphemeralSignature = enumeration(
  'EphemeralSignature',
  ['Ed25519', struct('Ed25519', { signature: bytes })],
  ['WebAuthn', struct('WebAuthn', { signature: PartialAuthenticatorAssertionResponse })],
);
export type EphemeralSignature = Infer<typeof EphemeralSignature>;

export const ZKP = enumeration('ZKP', [
  'Groth16',
  struct('Groth16', {
    a: fixedBytes('[u8; 32]', 32),
    b: fixedBytes('[u8; 64]', 64),
    c: fixedBytes('[u8; 32]', 32),
  }),
]);
export type ZKP = Infer<typeof ZKP>;

const zeroKnowledgeSigFields = struct('ZeroKnowledgeSig', {
  proof: ZKP,
  exp_horizon_secs: u64,
  extra_field: option(string),
  override_aud_val: option(string),
  training_wheels_signature: option(EphemeralSignature),
});
export interface ZeroKnowledgeSig extends Infer<typeof zeroKnowledgeSigFields> {}
export const ZeroKnowledgeSig: Codec<ZeroKnowledgeSig> = zeroKnowledgeSigFields;

const openIdSigFields = struct('OpenIdSig', {
  jwt_sig: bytes,
  jwt_payload_json: string,
  uid_key: string,
  epk_blinder: bytes,
  pepper: fixedBytes('[u8; 31]', 31),
  idc_aud_val: option(string),
});
export interface OpenIdSig extends Infer<typeof openIdSigFields> {}
export const OpenIdSig: Codec<OpenIdSig> = openIdSigFields;

export const EphemeralCertificate = enumeration(
  'EphemeralCertificate',
  ['ZeroKnowledgeSig', ZeroKnowledgeSig],
  ['OpenIdSig', OpenIdSig],
);
export type EphemeralCertificate = Infer<typeof EphemeralCertificate>;

const keylessSignatureFields = struct('KeylessSignature', {
  cert: EphemeralCertificate,
  jwt_header_json: string,
  exp_date_secs: u64,
  ephemeral_pubkey: EphemeralPublicKey,
  ephemeral_signature: EphemeralSignature,
});
export interface KeylessSignature extends Infer<typeof keylessSignatureFields> {}
export const KeylessSignature: Codec<KeylessSignature> = keylessSignatureFields;
