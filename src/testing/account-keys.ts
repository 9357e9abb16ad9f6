import type { AnyPublicKey, AnySignature } from '../types/authenticator.js';
import type { EphemeralSignature, KeylessPublicKey, KeylessSignature } from '../types/keyless.js';
import type { SeededRandom } from './seeded-random.js';
import { Ed25519SigningKey, PasskeySigningKey, Secp256k1SigningKey } from './signing-keys.js';

/** Sizes of SLH-DSA-SHA2-128s (FIPS 205, table 2). */
const SLH_DSA_PUBLIC_KEY_SIZE = 32;
const SLH_DSA_SIGNATURE_SIZE = 7856;

/** A key of an account that may have keys of any scheme. */
export interface AccountKey {
  readonly publicKey: AnyPublicKey;
  sign(message: Uint8Array): AnySignature;
}

export type AccountKeyScheme = AnyPublicKey['variant'];

/** Every scheme, in the order of the type. */
export const ACCOUNT_KEY_SCHEMES = [
  'Ed25519',
  'Secp256k1Ecdsa',
  'Secp256r1Ecdsa',
  'Keyless',
  'FederatedKeyless',
  'SlhDsa_Sha2_128s',
] as const satisfies readonly AccountKeyScheme[];

/** A new key of the scheme; what readers of a ledger parse while decoding is real. */
export function newAccountKey(random: SeededRandom, scheme: AccountKeyScheme): AccountKey {
  switch (scheme) {
    case 'Ed25519': {
      const key = new Ed25519SigningKey(random);
      return {
        publicKey: { variant: scheme, value: { public_key: key.publicKey } },
        sign: (message) => ({ variant: 'Ed25519', value: { signature: key.sign(message) } }),
      };
    }
    case 'Secp256k1Ecdsa': {
      const key = new Secp256k1SigningKey(random);
      return {
        publicKey: { variant: scheme, value: { public_key: key.publicKey } },
        sign: (message) => ({ variant: 'Secp256k1Ecdsa', value: { signature: key.sign(message) } }),
      };
    }
    case 'Secp256r1Ecdsa': {
      const key = new PasskeySigningKey(random);
      return {
        publicKey: { variant: scheme, value: { public_key: key.publicKey } },
        sign: (message) => ({ variant: 'WebAuthn', value: { signature: webAuthn(key, message) } }),
      };
    }
    case 'Keyless': {
      const sessions = newSessions(random);
      return {
        publicKey: { variant: scheme, value: { public_key: keylessPublicKey(random) } },
        sign: (message) => keylessSignature(random, sessions, message),
      };
    }
    case 'FederatedKeyless': {
      const sessions = newSessions(random);
      const publicKey = { jwk_addr: random.bytes(32), pk: keylessPublicKey(random) };
      return {
        publicKey: { variant: scheme, value: { public_key: publicKey } },
        sign: (message) => keylessSignature(random, sessions, message),
      };
    }
    case 'SlhDsa_Sha2_128s': {
      const publicKey = random.bytes(SLH_DSA_PUBLIC_KEY_SIZE);
      // No library here signs with it, and nobody looks inside while decoding.
      return {
        publicKey: { variant: scheme, value: { public_key: publicKey } },
        sign: () => ({ variant: scheme, value: { signature: random.bytes(SLH_DSA_SIGNATURE_SIZE) } }),
      };
    }
  }
}

function webAuthn(key: PasskeySigningKey, message: Uint8Array) {
  const { signature, authenticatorData, clientDataJson } = key.assert(message);
  return {
    signature: { variant: 'Secp256r1Ecdsa', value: { signature } },
    authenticator_data: authenticatorData,
    client_data_json: clientDataJson,
  } as const;
}

function keylessPublicKey(random: SeededRandom): KeylessPublicKey {
  const iss_val = random.pick(['https://accounts.google.com', 'https://appleid.apple.com']);
  return { iss_val, idc: random.bytes(32) };
}

/** The key that a keyless account signs with until it expires. */
type SessionKey = Ed25519SigningKey | PasskeySigningKey;

/** One of either kind. */
function newSessions(random: SeededRandom): readonly SessionKey[] {
  return [new Ed25519SigningKey(random), new PasskeySigningKey(random)];
}

/**
 * A keyless signature: the key of the session is real and signs the message; the certificate over it is
 * well formed, but proves nothing.
 */
function keylessSignature(
  random: SeededRandom,
  sessions: readonly SessionKey[],
  message: Uint8Array,
): AnySignature {
  const session = random.pick(sessions);
  const trainingWheels = random.chance(0.5) ? ephemeralSignature(session, message) : undefined;
  const value: KeylessSignature = {
    cert: random.chance(0.5) ? zeroKnowledgeCertificate(random, trainingWheels) : openIdCertificate(random),
    jwt_header_json: '{"alg":"RS256","kid":"test","typ":"JWT"}',
    exp_date_secs: random.bigint(1_700_000_000n, 1_900_000_000n),
    ephemeral_pubkey:
      session instanceof Ed25519SigningKey
        ? { variant: 'Ed25519', value: { public_key: session.publicKey } }
        : { variant: 'Secp256r1Ecdsa', value: { public_key: session.publicKey } },
    ephemeral_signature: ephemeralSignature(session, message),
  };
  return { variant: 'Keyless', value: { signature: value } };
}

function ephemeralSignature(session: SessionKey, message: Uint8Array): EphemeralSignature {
  return session instanceof Ed25519SigningKey
    ? { variant: 'Ed25519', value: { signature: session.sign(message) } }
    : { variant: 'WebAuthn', value: { signature: webAuthn(session, message) } };
}

function zeroKnowledgeCertificate(
  random: SeededRandom,
  training_wheels_signature: EphemeralSignature | undefined,
): KeylessSignature['cert'] {
  const proof = { a: random.bytes(32), b: random.bytes(64), c: random.bytes(32) };
  return {
    variant: 'ZeroKnowledgeSig',
    value: {
      proof: { variant: 'Groth16', value: proof },
      exp_horizon_secs: random.bigint(1n, 10_000_000n),
      extra_field: random.chance(0.5) ? '"family_name":"Test",' : undefined,
      override_aud_val: random.chance(0.5) ? 'recovery.example' : undefined,
      training_wheels_signature,
    },
  };
}

function openIdCertificate(random: SeededRandom): KeylessSignature['cert'] {
  return {
    variant: 'OpenIdSig',
    value: {
      jwt_sig: random.bytes(256),
      jwt_payload_json: `{"iss":"https://accounts.google.com","sub":"${random.int(1, 1_000_000)}"}`,
      uid_key: 'sub',
      epk_blinder: random.bytes(31),
      pepper: random.bytes(31),
      idc_aud_val: random.chance(0.5) ? 'wallet.example' : undefined,
    },
  };
}
