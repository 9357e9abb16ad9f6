import type { Infer } from '../../bcs/codec.js';
import { enumeration, option, struct } from '../../bcs/containers.js';
import { u64 } from '../../bcs/primitives.js';
import { StateValue } from '../../types/state-value.js';
import { bcs } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { bytes32, composite, newestFirst } from './key-fields.js';

/** An entry of the cache of recently used items; vacant means known not to exist. */
export const HotStateEntry = enumeration(
  'HotStateEntry',
  ['Occupied', struct('Occupied', { value: StateValue, value_version: u64 })],
  ['Vacant', null],
);
export type HotStateEntry = Infer<typeof HotStateEntry>;

/**
 * Undefined where the item was evicted. A node deletes and refills these databases when it opens, so they
 * are never written here; the rows can be read.
 */
export const hotStateValueRows = columnFamily({
  name: 'hot_state_value_by_key_hash',
  kinds: ['hot_state_kv_db'],
  key: composite({ key_hash: bytes32, hot_since_version: newestFirst }),
  value: bcs(option(HotStateEntry)),
});
