import { BcsReader } from '../../bcs/bcs-reader.js';
import { check, type Infer } from '../../bcs/codec.js';
import { enumeration, map, struct, vector } from '../../bcs/containers.js';
import { StateKey } from '../../types/state-key.js';
import { WriteOp, WriteSetMut } from '../../types/write-set.js';
import { bcs } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { single, u64be } from './key-fields.js';

const writes = map(StateKey, WriteOp);

/**
 * A write set as it is stored: V0 is the BCS of a `WriteSet`; V1 also lists the keys that the transaction
 * promoted into the hot state (spec: aptosdb-schema.md, 5.12). We write V0 and read both.
 */
export const StoredWriteSet = enumeration(
  'StoredWriteSet',
  ['V0', WriteSetMut],
  ['V1', struct('StoredWriteSetV1', { write_set: writes, promoted: vector(StateKey) })],
);
export type StoredWriteSet = Infer<typeof StoredWriteSet>;

/** By version. */
export const writeSetRows = columnFamily({
  name: 'write_set',
  kinds: ['ledger_db/write_set_db'],
  key: single(u64be),
  value: bcs(StoredWriteSet),
});

const STORED_V1 = 1;

/**
 * The BCS of the `WriteSet` in a stored value, as backup records hold it: the same array for V0, a copy
 * without the promoted keys for V1. @throws BcsError where a V1 value is malformed
 */
export function writeSetBytes(stored: Uint8Array): Uint8Array {
  if (stored[0] !== STORED_V1) return stored;
  check(StoredWriteSet, stored);
  const reader = new BcsReader(stored, { start: 1 });
  writes.skip(reader);
  const bytes = stored.slice(0, reader.offset);
  bytes[0] = 0;
  return bytes;
}
