import type {
  BlockEndInfo,
  BlockEpiloguePayload,
  BlockMetadata,
  FeeDistribution,
  Randomness,
} from '../types/block-transactions.js';
import type { StateKey } from '../types/state-key.js';
import type { Transaction } from '../types/transaction.js';
import type { ValidatorTransaction } from '../types/validator-transaction.js';
import { Deck, type SeededRandom } from './seeded-random.js';
import type { ValidatorSet } from './validator-set.js';

/** The block that a transaction belongs to. */
export interface BlockContext {
  /** 32 bytes. */
  readonly id: Uint8Array;
  readonly epoch: bigint;
  readonly round: bigint;
  readonly timestampUsecs: bigint;
  readonly validators: ValidatorSet;
}

type PrologueKind = 'BlockMetadata' | 'ExtV0' | 'ExtV1' | 'ExtV2';
type EpilogueKind = 'StateCheckpoint' | BlockEpiloguePayload['variant'];
type ValidatorKind = ValidatorTransaction['variant'];

const PROLOGUES: readonly PrologueKind[] = ['BlockMetadata', 'ExtV0', 'ExtV1', 'ExtV2'];
const EPILOGUES: readonly EpilogueKind[] = ['StateCheckpoint', 'V0', 'V1', 'V2'];
const VALIDATOR_KINDS: readonly ValidatorKind[] = ['DKGResult', 'ObservedJWKUpdate', 'ChunkyDKGResult'];

/** The transactions that validators themselves put around those of users; every variant in turn. */
export class BlockTransactions {
  readonly #random: SeededRandom;
  readonly #prologues: Deck<PrologueKind>;
  readonly #epilogues: Deck<EpilogueKind>;
  readonly #validatorKinds: Deck<ValidatorKind>;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#prologues = new Deck(random, PROLOGUES);
    this.#epilogues = new Deck(random, EPILOGUES);
    this.#validatorKinds = new Deck(random, VALIDATOR_KINDS);
  }

  /** The first transaction of a block. */
  prologue(block: BlockContext): Transaction {
    const metadata = this.#metadata(block);
    const randomness = this.#random.chance(0.6) ? this.#randomness(block) : undefined;
    switch (this.#prologues.deal()) {
      case 'BlockMetadata':
        return { variant: 'BlockMetadata', value: metadata };
      case 'ExtV0':
        return { variant: 'BlockMetadataExt', value: { variant: 'V0', value: metadata } };
      case 'ExtV1':
        return {
          variant: 'BlockMetadataExt',
          value: { variant: 'V1', value: { ...metadata, randomness } },
        };
      case 'ExtV2': {
        const key = { metadata: roundOf(block), decryption_key: this.#random.bytes(48) };
        const decryption_key = this.#random.chance(0.6) ? key : undefined;
        return {
          variant: 'BlockMetadataExt',
          value: { variant: 'V2', value: { ...metadata, randomness, decryption_key } },
        };
      }
    }
  }

  /** The last transaction of a block; `hotKeys` are state keys that it may name, without duplicates. */
  epilogue(block: BlockContext, hotKeys: readonly StateKey[]): Transaction {
    const kind = this.#epilogues.deal();
    if (kind === 'StateCheckpoint') return { variant: kind, value: block.id };
    return { variant: 'BlockEpilogue', value: this.#epiloguePayload(kind, block, hotKeys) };
  }

  validatorTransaction(block: BlockContext): Transaction {
    return { variant: 'ValidatorTransaction', value: this.#validatorPayload(block) };
  }

  #metadata(block: BlockContext): BlockMetadata {
    const random = this.#random;
    const count = block.validators.validators.length;
    const failed = random.chance(0.3) ? [random.int(0, count - 1)] : [];
    return {
      id: block.id,
      epoch: block.epoch,
      round: block.round,
      proposer: random.pick(block.validators.validators).address,
      previous_block_votes_bitvec: random.bytes(Math.ceil(count / 8)),
      failed_proposer_indices: failed,
      timestamp_usecs: block.timestampUsecs,
    };
  }

  #randomness(block: BlockContext): Randomness {
    return { metadata: roundOf(block), randomness: this.#random.bytes(32) };
  }

  #epiloguePayload(
    variant: BlockEpiloguePayload['variant'],
    block: BlockContext,
    hotKeys: readonly StateKey[],
  ): BlockEpiloguePayload {
    const ending = { block_id: block.id, block_end_info: this.#endInfo() };
    switch (variant) {
      case 'V0':
        return { variant, value: ending };
      case 'V1':
        return { variant, value: { ...ending, fee_distribution: this.#fees(block) } };
      case 'V2': {
        const to_make_hot = [...hotKeys].sort(compareStateKeys);
        return { variant, value: { ...ending, fee_distribution: this.#fees(block), to_make_hot } };
      }
    }
  }

  #endInfo(): BlockEndInfo {
    const random = this.#random;
    return {
      variant: 'V0',
      value: {
        block_gas_limit_reached: random.chance(0.1),
        block_output_limit_reached: random.chance(0.1),
        block_effective_block_gas_units: random.bigint(0n, 1_000_000n),
        block_approx_output_size: random.bigint(0n, 10_000_000n),
      },
    };
  }

  #fees(block: BlockContext): FeeDistribution {
    const amount = block.validators.validators.map(
      (_, index) => [BigInt(index), this.#random.bigint(1n, 10_000_000n)] as const,
    );
    return { variant: 'V0', value: { amount } };
  }

  #validatorPayload(block: BlockContext): ValidatorTransaction {
    const random = this.#random;
    const metadata = { epoch: block.epoch, author: random.pick(block.validators.validators).address };
    const transcript_bytes = random.bytes(random.int(50, 300));
    const variant = this.#validatorKinds.deal();
    switch (variant) {
      case 'DKGResult':
        return { variant, value: { metadata, transcript_bytes } };
      case 'ObservedJWKUpdate': {
        const data = random.bytes(random.int(40, 200));
        const update = {
          issuer: new TextEncoder().encode('https://accounts.google.com'),
          version: random.bigint(1n, 50n),
          jwks: [{ variant: { type_name: '0x1::jwks::RSA_JWK', data } }],
        };
        return { variant, value: { update, multi_sig: block.validators.sign(random, data) } };
      }
      case 'ChunkyDKGResult': {
        const signature = block.validators.sign(random, transcript_bytes);
        const certified_transcript = { metadata, transcript_bytes, signature };
        return { variant, value: { certified_transcript, encryption_key: random.bytes(96) } };
      }
    }
  }
}

function roundOf(block: BlockContext) {
  return { epoch: block.epoch, round: block.round };
}

/** The parts by which the reference orders a set of state keys: the variant, then its fields. */
function orderOf(key: StateKey): readonly [number, Uint8Array, Uint8Array] {
  switch (key.variant) {
    case 'AccessPath':
      return [0, key.value.address, key.value.path];
    case 'TableItem':
      return [1, key.value.handle, key.value.key];
    case 'Raw':
      return [2, key.value, new Uint8Array()];
  }
}

function compareStateKeys(left: StateKey, right: StateKey): number {
  const [leftVariant, leftFirst, leftSecond] = orderOf(left);
  const [rightVariant, rightFirst, rightSecond] = orderOf(right);
  return (
    leftVariant - rightVariant ||
    Buffer.compare(leftFirst, rightFirst) ||
    Buffer.compare(leftSecond, rightSecond)
  );
}
