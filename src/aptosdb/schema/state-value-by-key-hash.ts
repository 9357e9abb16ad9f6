import { option } from '../../bcs/containers.js';
import { StateValue } from '../../types/state-value.js';
import { bcs } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { bytes32, composite, newestFirst } from './key-fields.js';

/**
 * What an item held from a version on; undefined where it was deleted then. The newest version of a key
 * comes first: the value at version v is the first row at or behind `{ key_hash, version: v }`, if it is
 * of the same key.
 */
export const stateValueRows = columnFamily({
  name: 'state_value_by_key_hash',
  kinds: ['state_kv_db'],
  key: composite({ key_hash: bytes32, version: newestFirst }),
  value: bcs(option(StateValue)),
});
