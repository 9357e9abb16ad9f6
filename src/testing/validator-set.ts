import assert from 'node:assert';
import { aggregateSignatures, SecretKey } from '@chainsafe/blst';
import { BcsWriter } from '../bcs/bcs-writer.js';
import type { AggregateSignature, EpochState } from '../types/ledger-info.js';
import type { SeededRandom } from './seeded-random.js';

const VOTING_POWER_MIN = 1_000_000n;
const VOTING_POWER_MAX = 50_000_000n;

/** One validator with its real BLS12-381 key. */
export interface Validator {
  /** 32 bytes. */
  readonly address: Uint8Array;
  readonly secretKey: SecretKey;
  /** 48 bytes, compressed. */
  readonly publicKey: Uint8Array;
  readonly votingPower: bigint;
}

function newValidator(random: SeededRandom): Validator {
  const secretKey = SecretKey.fromKeygen(random.bytes(32));
  return {
    address: random.bytes(32),
    secretKey,
    publicKey: Uint8Array.from(secretKey.toPublicKey().toBytes()),
    votingPower: random.bigint(VOTING_POWER_MIN, VOTING_POWER_MAX),
  };
}

/** The validators of one epoch: they sign what it commits, and name those of the next. */
export class ValidatorSet {
  readonly validators: readonly Validator[];

  constructor(validators: readonly Validator[]) {
    assert(validators.length > 0, 'an epoch without validators commits nothing');
    this.validators = validators;
  }

  static random(random: SeededRandom, count: number): ValidatorSet {
    return new ValidatorSet(Array.from({ length: count }, () => newValidator(random)));
  }

  get totalPower(): bigint {
    return this.validators.reduce((sum, validator) => sum + validator.votingPower, 0n);
  }

  /** Power that signers need together (spec: formats.md, section 4). */
  get quorumPower(): bigint {
    return (this.totalPower * 2n) / 3n + 1n;
  }

  /** What the ledger info that ends epoch `epoch - 1` says about these validators. */
  epochState(epoch: bigint): EpochState {
    const infos = this.validators.map(({ address, publicKey, votingPower }) => ({
      address,
      public_key: publicKey,
      voting_power: votingPower,
    }));
    return { epoch, verifier: { validator_infos: infos } };
  }

  /** One signature of a random quorum over the message, with the mask of who signed. */
  sign(random: SeededRandom, message: Uint8Array): AggregateSignature {
    const signers = this.#randomQuorum(random);
    const mask = new Uint8Array(Math.ceil(this.validators.length / 8));
    for (const index of signers) mask[index >> 3] = (mask[index >> 3] ?? 0) | (0x80 >> (index & 7));
    const signatures = signers.map((index) => this.#at(index).secretKey.sign(message));
    const sig = Uint8Array.from(aggregateSignatures(signatures).toBytes());
    return { validator_bitmask: { inner: mask }, sig };
  }

  /** The set of the next epoch: one may leave, one joins, some powers change. */
  rotate(random: SeededRandom): ValidatorSet {
    const staying = [...this.validators];
    if (staying.length > 1 && random.chance(0.5)) staying.splice(random.int(0, staying.length - 1), 1);
    const next = staying.map((validator) =>
      random.chance(0.4)
        ? { ...validator, votingPower: random.bigint(VOTING_POWER_MIN, VOTING_POWER_MAX) }
        : validator,
    );
    if (next.length <= this.validators.length) next.push(newValidator(random));
    return new ValidatorSet(next);
  }

  /** The value of the resource `0x1::stake::ValidatorSet` (spec: formats.md, section 5). */
  resourceBytes(): Uint8Array {
    const writer = new BcsWriter();
    writer.u8(0);
    writer.sequenceLength(this.validators.length);
    this.validators.forEach((validator, index) => {
      writer.raw(validator.address);
      writer.u64(validator.votingPower);
      writer.byteVector(validator.publicKey);
      writer.byteVector(new Uint8Array());
      writer.byteVector(new Uint8Array());
      writer.u64(BigInt(index));
    });
    // Nobody waits to leave or to join between two generated blocks.
    writer.sequenceLength(0);
    writer.sequenceLength(0);
    writer.u128(this.totalPower);
    writer.u128(0n);
    return writer.toBytes();
  }

  #at(index: number): Validator {
    const validator = this.validators[index];
    assert(validator, `no validator ${index}`);
    return validator;
  }

  #randomQuorum(random: SeededRandom): number[] {
    const quorum = this.quorumPower;
    const signers: number[] = [];
    let power = 0n;
    for (const index of random.shuffle([...this.validators.keys()])) {
      if (power >= quorum && random.chance(0.5)) continue;
      signers.push(index);
      power += this.#at(index).votingPower;
    }
    return signers.sort((left, right) => left - right);
  }
}
