import { noBytes } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { bytes32, composite, u64be } from './key-fields.js';

/** Stands for "no earlier value" in the rows of a key's first write. */
export const NO_EARLIER_VERSION = 2n ** 64n - 1n;

/** Values that nobody reads from a version on (spec: aptosdb-schema.md, section 5). */
export const staleStateValueRows = columnFamily({
  name: 'stale_state_value_index_by_key_hash',
  kinds: ['state_kv_db', 'hot_state_kv_db'],
  key: composite({ stale_since_version: u64be, version: u64be, key_hash: bytes32 }),
  value: noBytes,
});
