import type { Infer } from '../bcs/codec.js';
import { byDialect } from '../bcs/combinators.js';
import { enumeration, struct } from '../bcs/containers.js';
import { bytes, u64 } from '../bcs/primitives.js';
import { AccountAddress } from './basic.js';

const currentMetadata = enumeration(
  'StateValueMetadata',
  ['V0', struct('V0', { deposit: u64, creation_time_usecs: u64 })],
  ['V1', struct('V1', { slot_deposit: u64, bytes_deposit: u64, creation_time_usecs: u64 })],
);

const metadataOf2023 = enumeration('StateValueMetadata', [
  'V0',
  struct('V0', { payer: AccountAddress, deposit: u64, creation_time_usecs: u64 }),
]);

/**
 * Who paid what for a state item and when. The first variant of mid-2023 names the payer, and no byte
 * tells the two layouts apart (spec: aptos-types.md, section 4).
 */
export const StateValueMetadata = byDialect('StateValueMetadata', currentMetadata, metadataOf2023);
export type StateValueMetadata = Infer<typeof StateValueMetadata>;

/** The value of a state item as it is stored and hashed (spec: aptos-types.md, section 4). */
export const StateValue = enumeration(
  'StateValue',
  ['V0', bytes],
  ['WithMetadata', struct('WithMetadata', { data: bytes, metadata: StateValueMetadata })],
);
export type StateValue = Infer<typeof StateValue>;
