import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { nodeSha3 } from '../hashing/node-sha3.js';
import { SeededRandom } from './seeded-random.js';
import { Ed25519SigningKey, PasskeySigningKey, Secp256k1SigningKey } from './signing-keys.js';

const message = new TextEncoder().encode('a message of some length');
const random = () => SeededRandom.fromSeed('keys');

/** Wraps a raw public key as OpenSSL wants it (RFC 8410). */
function ed25519PublicKey(raw: Uint8Array) {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}

test('an Ed25519 key signs what its public key verifies, and nothing else', () => {
  const key = new Ed25519SigningKey(random());
  const signature = key.sign(message);
  assert.equal(key.publicKey.length, 32);
  assert(verify(null, message, ed25519PublicKey(key.publicKey), signature));
  signature[5] = (signature[5] ?? 0) ^ 1;
  assert(!verify(null, message, ed25519PublicKey(key.publicKey), signature));
});

test('a secp256k1 key is an uncompressed point and signs the SHA3-256 with a low s', () => {
  const key = new Secp256k1SigningKey(random());
  assert.equal(key.publicKey.length, 65);
  assert.equal(key.publicKey[0], 4);
  const signature = key.sign(message);
  const hash = nodeSha3.digest(message);
  assert(secp256k1.verify(signature, hash, key.publicKey, { prehash: false, lowS: true }));
  assert(!secp256k1.verify(signature, nodeSha3.digest(hash), key.publicKey, { prehash: false }));
});

test('a passkey answers the SHA3-256 of the message as a challenge', () => {
  const key = new PasskeySigningKey(random());
  const { signature, authenticatorData, clientDataJson } = key.assert(message);
  const clientData = JSON.parse(new TextDecoder().decode(clientDataJson)) as { challenge: string };
  assert.deepEqual(Buffer.from(clientData.challenge, 'base64url'), Buffer.from(nodeSha3.digest(message)));
  assert.equal(authenticatorData.length, 37);
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
  const signed = sha256(Buffer.concat([authenticatorData, sha256(clientDataJson)]));
  assert(p256.verify(signature, signed, key.publicKey, { prehash: false, lowS: true }));
});

test('keys and signatures come out of the seed alone', () => {
  const run = () => {
    const source = random();
    const passkey = new PasskeySigningKey(source);
    return [
      new Ed25519SigningKey(source).sign(message),
      new Secp256k1SigningKey(source).sign(message),
      passkey.publicKey,
      passkey.assert(message).signature,
    ];
  };
  assert.deepEqual(run(), run());
});
