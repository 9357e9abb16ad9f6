import type { Codec, Infer } from '../bcs/codec.js';
import { enumeration, map, option, struct, vector } from '../bcs/containers.js';
import { bool, bytes, u32, u64 } from '../bcs/primitives.js';
import { AccountAddress, HashValue } from './basic.js';
import { StateKey } from './state-key.js';

const blockMetadataFields = {
  id: HashValue,
  epoch: u64,
  round: u64,
  proposer: AccountAddress,
  previous_block_votes_bitvec: bytes,
  failed_proposer_indices: vector(u32),
  timestamp_usecs: u64,
};

const blockMetadata = struct('BlockMetadata', blockMetadataFields);
/** The first transaction of a block (spec: aptos-types.md, section 8.2). */
export interface BlockMetadata extends Infer<typeof blockMetadata> {}
export const BlockMetadata: Codec<BlockMetadata> = blockMetadata;

const epochAndRound = { epoch: u64, round: u64 };

export const Randomness = struct('Randomness', {
  metadata: struct('RandMetadata', epochAndRound),
  randomness: bytes,
});
export type Randomness = Infer<typeof Randomness>;

export const DecryptionKey = struct('DecryptionKey', {
  metadata: struct('DecryptionKeyMetadata', epochAndRound),
  decryption_key: bytes,
});
export type DecryptionKey = Infer<typeof DecryptionKey>;

const withRandomness = { ...blockMetadataFields, randomness: option(Randomness) };

export const BlockMetadataExt = enumeration(
  'BlockMetadataExt',
  ['V0', BlockMetadata],
  ['V1', struct('V1', withRandomness)],
  ['V2', struct('V2', { ...withRandomness, decryption_key: option(DecryptionKey) })],
);
export type BlockMetadataExt = Infer<typeof BlockMetadataExt>;

export const BlockEndInfo = enumeration('BlockEndInfo', [
  'V0',
  struct('V0', {
    block_gas_limit_reached: bool,
    block_output_limit_reached: bool,
    block_effective_block_gas_units: u64,
    block_approx_output_size: u64,
  }),
]);
export type BlockEndInfo = Infer<typeof BlockEndInfo>;

/** Fees by validator index; the order is that of the little-endian bytes, as in every BCS map. */
export const FeeDistribution = enumeration('FeeDistribution', [
  'V0',
  struct('V0', { amount: map(u64, u64) }),
]);
export type FeeDistribution = Infer<typeof FeeDistribution>;

const epilogueV0 = { block_id: HashValue, block_end_info: BlockEndInfo };
const epilogueV1 = { ...epilogueV0, fee_distribution: FeeDistribution };

/** The last transaction of a block. `to_make_hot` is a set whose order is kept as it was read. */
export const BlockEpiloguePayload = enumeration(
  'BlockEpiloguePayload',
  ['V0', struct('V0', epilogueV0)],
  ['V1', struct('V1', epilogueV1)],
  ['V2', struct('V2', { ...epilogueV1, to_make_hot: vector(StateKey) })],
);
export type BlockEpiloguePayload = Infer<typeof BlockEpiloguePayload>;
