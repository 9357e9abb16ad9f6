import type { Codec, Infer } from '../../bcs/codec.js';
import { struct } from '../../bcs/containers.js';
import { u64 } from '../../bcs/primitives.js';
import { bcs } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { single, u64be } from './key-fields.js';

const stateUsageFields = struct('StateStorageUsage', { items: u64, bytes: u64 });
/** How many state items there are, and the bytes of their keys and values. */
export interface StateUsage extends Infer<typeof stateUsageFields> {}
export const StateUsage: Codec<StateUsage> = stateUsageFields;

/** By version: the state usage after it. Only some versions have a row. */
export const versionDataRows = columnFamily({
  name: 'version_data',
  kinds: ['ledger_db/metadata'],
  key: single(u64be),
  value: bcs(StateUsage),
});
