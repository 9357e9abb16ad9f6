import { SecretKey } from '@chainsafe/blst';
import { encode } from '../bcs/codec.js';
import { struct } from '../bcs/containers.js';
import { bytes } from '../bcs/primitives.js';
import {
  BIBECiphertext,
  type Ciphertext,
  type DecryptionFailureReason,
  type EncryptedInner,
} from '../types/encrypted-payload.js';
import type { TransactionExecutable, TransactionExtraConfig } from '../types/transaction-executable.js';
import type { TransactionPayload } from '../types/transaction-payload.js';
import type { MoveSamples } from './move-samples.js';
import { Deck, type SeededRandom } from './seeded-random.js';
import { Ed25519SigningKey } from './signing-keys.js';

/** Making a point takes longer than all the rest of a payload, so that a few serve all. */
const POINTS_KEPT = 8;

const FAILURES = [
  'CryptoFailure',
  'BatchLimitReached',
  'ConfigUnavailable',
  'DecryptionKeyUnavailable',
  'ClaimedEntryFunctionMismatch',
  'PayloadHashMismatch',
  'EpochMismatch',
  'EpochEndRetry',
  'TrustedSetupExhausted',
  'ExecuteBlockLimitReached',
] as const satisfies readonly DecryptionFailureReason['variant'][];

/** What the sender of an encrypted payload signs with its one-time key. */
const SignedCiphertext = struct('SignedCiphertext', {
  bibe_ct: BIBECiphertext,
  associated_data_bytes: bytes,
});

export type EncryptionState = 'Encrypted' | 'FailedDecryption' | 'Decrypted';

/** A payload as it is committed, and as its sender signed it. */
export interface SealedPayload {
  readonly committed: TransactionPayload;
  readonly signed: TransactionPayload;
}

/** Encrypted payloads: points, scalars, keys and signatures are real, what they hide is not. */
export class EncryptedPayloads {
  readonly #random: SeededRandom;
  readonly #move: MoveSamples;
  readonly #failures: Deck<(typeof FAILURES)[number]>;
  readonly #pointsOfG1: readonly Uint8Array[];
  readonly #pointsOfG2: readonly Uint8Array[];
  readonly #senderKey: Ed25519SigningKey;

  constructor(random: SeededRandom, move: MoveSamples) {
    this.#random = random;
    this.#move = move;
    this.#failures = new Deck(random, FAILURES);
    const scalars = Array.from({ length: POINTS_KEPT }, () => SecretKey.fromKeygen(random.bytes(32)));
    this.#pointsOfG1 = scalars.map((scalar) => scalar.toPublicKey().toBytes());
    // Signatures are points of the other group.
    this.#pointsOfG2 = scalars.map((scalar) => scalar.sign(random.bytes(32)).toBytes());
    this.#senderKey = new Ed25519SigningKey(random);
  }

  /** `executable` is what a payload that was decrypted turned out to be. */
  payload(
    state: EncryptionState,
    extra_config: TransactionExtraConfig,
    executable: () => TransactionExecutable,
  ): SealedPayload {
    const original = this.#original(extra_config);
    const seal = { variant: 'Encrypted', value: original } as const;
    const signed = { variant: 'EncryptedPayload', value: seal } as const;
    switch (state) {
      case 'Encrypted':
        return { committed: signed, signed };
      case 'FailedDecryption': {
        const eval_proof = this.#random.chance(0.5) ? this.#pointOfG1() : undefined;
        const value = { original, eval_proof, reason: { variant: this.#failures.deal() } } as const;
        return { committed: { variant: 'EncryptedPayload', value: { variant: state, value } }, signed };
      }
      case 'Decrypted': {
        const decrypted = { executable: executable(), decryption_nonce: this.#random.bytes(16) };
        const value = { original, eval_proof: this.#pointOfG1(), decrypted };
        return { committed: { variant: 'EncryptedPayload', value: { variant: state, value } }, signed };
      }
    }
  }

  #original(extra_config: TransactionExtraConfig): EncryptedInner {
    const random = this.#random;
    const claimed = {
      module: this.#move.moduleId(),
      function: random.chance(0.5) ? this.#move.functionName() : undefined,
    };
    return {
      ciphertext: this.#ciphertext(),
      extra_config,
      payload_hash: random.bytes(32),
      encryption_epoch: random.bigint(0n, 1_000_000n),
      claimed_entry_fun: random.chance(0.5) ? claimed : undefined,
    };
  }

  #ciphertext(): Ciphertext {
    const random = this.#random;
    const bibe_ct: BIBECiphertext = {
      id: { root_x: this.#scalar() },
      ct_g2: Uint8Array.from(Buffer.concat([this.#pointOfG2(), this.#pointOfG2(), this.#pointOfG2()])),
      padded_key: random.bytes(16),
      symmetric_ciphertext: { nonce: random.bytes(12), ct_body: random.bytes(random.int(40, 120)) },
    };
    const associated_data_bytes = random.bytes(32);
    const message = encode(SignedCiphertext, { bibe_ct, associated_data_bytes });
    return {
      vk: this.#senderKey.publicKey,
      bibe_ct,
      associated_data_bytes,
      signature: this.#senderKey.sign(message),
    };
  }

  /** 32 little-endian bytes below the order of the curve's groups. */
  #scalar(): Uint8Array {
    const scalar = this.#random.bytes(32);
    scalar[31] = (scalar[31] ?? 0) & 0x0f;
    return scalar;
  }

  /** A compressed point of BLS12-381 G1, 48 bytes. */
  #pointOfG1(): Uint8Array {
    return this.#random.pick(this.#pointsOfG1);
  }

  /** A compressed point of BLS12-381 G2, 96 bytes. */
  #pointOfG2(): Uint8Array {
    return this.#random.pick(this.#pointsOfG2);
  }
}
