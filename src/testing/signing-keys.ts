import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as cryptoSign,
} from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { nodeSha3 } from '../hashing/node-sha3.js';
import type { SeededRandom } from './seeded-random.js';

/** PKCS #8 around a raw Ed25519 seed (RFC 8410), all bytes before the 32 of the seed. */
const ED25519_PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const ED25519_KEY_SIZE = 32;

/** A key pair that signs deterministically. Public key and signatures are in the ledger's encodings. */
export interface SigningKey {
  readonly publicKey: Uint8Array;
  /** A new array of 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

/** Ed25519 (32-byte public key); OpenSSL signs, which is much faster than any script. */
export class Ed25519SigningKey implements SigningKey {
  readonly publicKey: Uint8Array;
  readonly #privateKey: KeyObject;

  constructor(random: SeededRandom) {
    const der = Buffer.concat([ED25519_PKCS8_PREFIX, random.bytes(ED25519_KEY_SIZE)]);
    this.#privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const spki = createPublicKey(this.#privateKey).export({ format: 'der', type: 'spki' });
    this.publicKey = Uint8Array.from(spki.subarray(-ED25519_KEY_SIZE));
  }

  sign(message: Uint8Array): Uint8Array {
    return Uint8Array.from(cryptoSign(null, message, this.#privateKey));
  }
}

/** secp256k1 ECDSA over SHA3-256 of the message: 65-byte uncompressed public key, low s. */
export class Secp256k1SigningKey implements SigningKey {
  readonly publicKey: Uint8Array;
  readonly #secretKey: Uint8Array;

  constructor(random: SeededRandom) {
    this.#secretKey = secp256k1.keygen(random.bytes(48)).secretKey;
    this.publicKey = secp256k1.getPublicKey(this.#secretKey, false);
  }

  sign(message: Uint8Array): Uint8Array {
    return secp256k1.sign(nodeSha3.digest(message), this.#secretKey, { prehash: false, lowS: true });
  }
}

/** What a WebAuthn authenticator answers to a challenge. */
export interface WebAuthnAssertion {
  /** secp256r1 ECDSA, 64 bytes, low s. */
  readonly signature: Uint8Array;
  readonly authenticatorData: Uint8Array;
  readonly clientDataJson: Uint8Array;
}

/** User present, user verified. */
const WEB_AUTHN_FLAGS = 0x05;

/** secp256r1 as a passkey uses it: 65-byte uncompressed public key, low s. */
export class PasskeySigningKey {
  readonly publicKey: Uint8Array;
  readonly #secretKey: Uint8Array;
  readonly #relyingPartyHash: Uint8Array;
  #signatureCount = 0;

  constructor(random: SeededRandom) {
    this.#secretKey = p256.keygen(random.bytes(48)).secretKey;
    this.publicKey = p256.getPublicKey(this.#secretKey, false);
    this.#relyingPartyHash = sha256(new TextEncoder().encode('wallet.example'));
  }

  /** Signs the SHA3-256 of the message as the challenge of an assertion (WebAuthn level 3, section 6.3.3). */
  assert(message: Uint8Array): WebAuthnAssertion {
    const challenge = Buffer.from(nodeSha3.digest(message)).toString('base64url');
    const clientDataJson = new TextEncoder().encode(
      `{"type":"webauthn.get","challenge":"${challenge}","origin":"https://wallet.example"}`,
    );
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(++this.#signatureCount);
    const authenticatorData = Uint8Array.from([...this.#relyingPartyHash, WEB_AUTHN_FLAGS, ...counter]);
    const digest = sha256(Buffer.concat([authenticatorData, sha256(clientDataJson)]));
    const signature = p256.sign(digest, this.#secretKey, { prehash: false, lowS: true });
    return { signature, authenticatorData, clientDataJson };
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
