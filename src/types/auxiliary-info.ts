import type { Infer } from '../bcs/codec.js';
import { enumeration, struct } from '../bcs/containers.js';
import { u32 } from '../bcs/primitives.js';

const indexed = struct('PersistedAuxiliaryInfoV1', { transaction_index: u32 });

/** What a node keeps about a transaction beside its output (spec: aptos-types.md, section 6). */
export const PersistedAuxiliaryInfo = enumeration(
  'PersistedAuxiliaryInfo',
  ['None', null],
  ['V1', indexed],
  ['TimestampNotYetAssignedV1', indexed],
);
export type PersistedAuxiliaryInfo = Infer<typeof PersistedAuxiliaryInfo>;

/** Variants of `PersistedAuxiliaryInfo`, as the first byte of its BCS; only V1 is hashed into an info. */
export const AUXILIARY_INFO_NONE = 0;
export const AUXILIARY_INFO_V1 = 1;
