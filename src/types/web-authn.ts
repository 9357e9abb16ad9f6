import type { Codec, Infer } from '../bcs/codec.js';
import { enumeration, struct } from '../bcs/containers.js';
import { bytes } from '../bcs/primitives.js';

export const AssertionSignature = enumeration('AssertionSignature', [
  'Secp256r1Ecdsa',
  struct('Secp256r1Ecdsa', { signature: bytes }),
]);
export type AssertionSignature = Infer<typeof AssertionSignature>;

const partialAuthenticatorAssertionResponseFields = struct('PartialAuthenticatorAssertionResponse', {
  signature: AssertionSignature,
  authenticator_data: bytes,
  client_data_json: bytes,
});
/** A passkey's answer (spec: aptos-types.md, section 8.1). */
export interface PartialAuthenticatorAssertionResponse
  extends Infer<typeof partialAuthenticatorAssertionResponseFields> {}
export const PartialAuthenticatorAssertionResponse: Codec<PartialAuthenticatorAssertionResponse> =
  partialAuthenticatorAssertionResponseFields;
