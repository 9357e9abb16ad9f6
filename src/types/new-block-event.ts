import type { Infer } from '../bcs/codec.js';
import { struct, vector } from '../bcs/containers.js';
import { bytes, u64 } from '../bcs/primitives.js';
import { AccountAddress, HashValue } from './basic.js';

/** The data of the event that announces a block; databases keep an index of it. */
export const NewBlockEvent = struct('NewBlockEvent', {
  hash: HashValue,
  epoch: u64,
  round: u64,
  height: u64,
  previous_block_votes_bitvec: bytes,
  proposer: AccountAddress,
  failed_proposer_indices: vector(u64),
  time_microseconds: u64,
});
export type NewBlockEvent = Infer<typeof NewBlockEvent>;
