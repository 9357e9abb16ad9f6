import type { StateKey } from '../../types/state-key.js';
import type { StateValue } from '../../types/state-value.js';

/** What a state key adds to the usage: its parts without lengths (spec: aptosdb-schema.md, section 4). */
function keySize(key: StateKey): number {
  switch (key.variant) {
    case 'AccessPath':
      return key.value.address.length + key.value.path.length;
    case 'TableItem':
      return key.value.handle.length + key.value.key.length;
    case 'Raw':
      return key.value.length;
  }
}

/** What a state value adds to the usage: its data without metadata. */
function valueSize(value: StateValue): number {
  return value.variant === 'V0' ? value.value.length : value.value.data.length;
}

/** What an item adds to the bytes of the usage; nothing while it is gone. */
export function itemSize(key: StateKey, value: StateValue | undefined): bigint {
  return value === undefined ? 0n : BigInt(keySize(key) + valueSize(value));
}
