import { fastAggregateVerify, PublicKey, Signature } from '@chainsafe/blst';
import { TrustError } from './trust-error.js';

/** Parsing checks that a key is on the curve; the set of an epoch signs thousands of ledger infos. */
const KEYS_KEPT = 4096;
const parsedKeys = new Map<string, PublicKey>();

function parsePublicKey(bytes: Uint8Array): PublicKey {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const known = parsedKeys.get(text);
  if (known) return known;
  let key: PublicKey;
  try {
    // No subgroup check: possession of the key was proven on chain.
    key = PublicKey.fromBytes(bytes, false);
  } catch (cause) {
    throw new TrustError('PUBLIC_KEY_INVALID', 'a signer has a public key that is no point of the curve', {
      cause,
    });
  }
  if (parsedKeys.size >= KEYS_KEPT) parsedKeys.clear();
  parsedKeys.set(text, key);
  return key;
}

/**
 * Checks one BLS12-381 multi-signature (public keys in G1, signature in G2, the proof-of-possession
 * scheme) of all `publicKeys` over `message`; spec: formats.md, section 4.
 * @throws TrustError PUBLIC_KEY_INVALID or SIGNATURE_INVALID
 */
export function verifyMultiSignature(
  message: Uint8Array,
  publicKeys: readonly Uint8Array[],
  signature: Uint8Array,
): void {
  const keys = publicKeys.map(parsePublicKey);
  let valid: boolean;
  try {
    valid = fastAggregateVerify(message, keys, Signature.fromBytes(signature, false), true);
  } catch (cause) {
    throw new TrustError('SIGNATURE_INVALID', 'the multi-signature is no point of its group', { cause });
  }
  if (!valid) {
    throw new TrustError(
      'SIGNATURE_INVALID',
      'the multi-signature is not the signers\u2019 over this ledger info',
    );
  }
}
