import { toHex } from '../../hashing/hash-value.js';
import { DatabaseError } from '../driver/database-error.js';
import type { ByteCodec } from './byte-codec.js';

/** Databases of a ledger by kind: the last four consist of a metadata instance and 16 shards. */
export type InstanceKind =
  | 'ledger_db/metadata'
  | 'ledger_db/event_db'
  | 'ledger_db/persisted_auxiliary_info_db'
  | 'ledger_db/transaction_accumulator_db'
  | 'ledger_db/transaction_auxiliary_data_db'
  | 'ledger_db/transaction_db'
  | 'ledger_db/transaction_info_db'
  | 'ledger_db/write_set_db'
  | 'state_kv_db'
  | 'state_merkle_db'
  | 'hot_state_kv_db'
  | 'hot_state_merkle_db';

/** The name, the places and the bytes of one kind of rows (spec: aptosdb-schema.md, section 5). */
export interface ColumnFamily<K, V> {
  readonly name: string;
  /** Which databases have it. */
  readonly kinds: readonly InstanceKind[];
  readonly key: ByteCodec<K>;
  readonly value: ByteCodec<V>;
}

/** Accepts every column family. */
// biome-ignore lint/suspicious/noExplicitAny: both types stand in both directions
export type AnyColumnFamily = ColumnFamily<any, any>;

/** Refusals name the column family, the part of the row and its bytes. */
function named<T>(columnFamily: string, part: 'key' | 'value', codec: ByteCodec<T>): ByteCodec<T> {
  return {
    encode: codec.encode,
    decode(bytes) {
      try {
        return codec.decode(bytes);
      } catch (error) {
        if (!(error instanceof DatabaseError)) throw error;
        throw new DatabaseError('DB_ROW_INVALID', `${part} in ${columnFamily}: ${error.message}`, {
          cause: error,
          facts: { columnFamily, part, bytes: toHex(bytes.subarray(0, 64)), byteLength: bytes.length },
        });
      }
    },
  };
}

export function columnFamily<K, V>(definition: ColumnFamily<K, V>): ColumnFamily<K, V> {
  const { name, kinds, key, value } = definition;
  return { name, kinds, key: named(name, 'key', key), value: named(name, 'value', value) };
}
