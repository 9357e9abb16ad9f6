import type { IterateOptions, KeyRange, KeyValueStore, RawRow } from '../driver/key-value-store.js';
import type { WriteBatch } from '../driver/write-batch.js';
import type { AnyColumnFamily, ColumnFamily } from './column-family.js';

// Rows by their meaning over a store of bytes. Everything may throw what the store throws, and
// `DatabaseError` DB_ROW_INVALID. Decoded values may hold views of arrays that nobody else has.

export interface Row<K, V> {
  readonly key: K;
  readonly value: V;
}

/** Bounds of an iteration by decoded keys. */
export interface RowRange<K> {
  readonly gt?: K | undefined;
  readonly gte?: K | undefined;
  readonly lt?: K | undefined;
  readonly lte?: K | undefined;
}

function keyRange<K>(family: ColumnFamily<K, unknown>, range: RowRange<K>): KeyRange {
  const bound = (key: K | undefined): Uint8Array | undefined =>
    key === undefined ? undefined : family.key.encode(key);
  return { gt: bound(range.gt), gte: bound(range.gte), lt: bound(range.lt), lte: bound(range.lte) };
}

export async function getRow<K, V>(
  store: KeyValueStore,
  family: ColumnFamily<K, V>,
  key: K,
): Promise<V | undefined> {
  const bytes = await store.get(family.name, family.key.encode(key));
  return bytes === undefined ? undefined : family.value.decode(bytes);
}

/** The value as it is stored: what the reference's records hold for most column families. */
export function getRowBytes<K>(
  store: KeyValueStore,
  family: ColumnFamily<K, unknown>,
  key: K,
): Promise<Uint8Array | undefined> {
  return store.get(family.name, family.key.encode(key));
}

/** The values in the order of the keys. */
export async function getRows<K, V>(
  store: KeyValueStore,
  family: ColumnFamily<K, V>,
  keys: readonly K[],
): Promise<(V | undefined)[]> {
  const encodedKeys = keys.map((key) => family.key.encode(key));
  const values = await store.multiGet(family.name, encodedKeys);
  return values.map((bytes) => (bytes === undefined ? undefined : family.value.decode(bytes)));
}

/** Rows in the order of their key bytes. */
export async function* iterateRows<K, V>(
  store: KeyValueStore,
  family: ColumnFamily<K, V>,
  range: RowRange<K> = {},
  options: IterateOptions = {},
): AsyncGenerator<Row<K, V>, void, undefined> {
  for await (const row of store.iterate(family.name, keyRange(family, range), options)) {
    yield { key: family.key.decode(row.key), value: family.value.decode(row.value) };
  }
}

/** Rows with values as they are stored. */
export async function* iterateRowBytes<K>(
  store: KeyValueStore,
  family: ColumnFamily<K, unknown>,
  range: RowRange<K> = {},
  options: IterateOptions = {},
): AsyncGenerator<Row<K, Uint8Array>, void, undefined> {
  for await (const row of store.iterate(family.name, keyRange(family, range), options)) {
    yield { key: family.key.decode(row.key), value: row.value };
  }
}

/** As `iterateRowBytes`, with all rows at once that are fetched already. Keys are as they are stored. */
export function iterateStoredRows<K>(
  store: KeyValueStore,
  family: ColumnFamily<K, unknown>,
  range: RowRange<K> = {},
  options: IterateOptions = {},
): AsyncIterable<readonly RawRow[]> {
  return store.iterateBatches(family.name, keyRange(family, range), options);
}

/** Keys alone, in the order of their bytes. */
export async function* iterateKeys<K>(
  store: KeyValueStore,
  family: ColumnFamily<K, unknown>,
  range: RowRange<K> = {},
  options: IterateOptions = {},
): AsyncGenerator<K, void, undefined> {
  const wanted = { ...options, keysOnly: true };
  for await (const row of store.iterate(family.name, keyRange(family, range), wanted)) {
    yield family.key.decode(row.key);
  }
}

/** The row with the lowest key in the range. */
export async function firstRow<K, V>(
  store: KeyValueStore,
  family: ColumnFamily<K, V>,
  range: RowRange<K> = {},
): Promise<Row<K, V> | undefined> {
  for await (const row of iterateRows(store, family, range, { limit: 1 })) return row;
  return undefined;
}

/** The row with the highest key in the range. */
export async function lastRow<K, V>(
  store: KeyValueStore,
  family: ColumnFamily<K, V>,
  range: RowRange<K> = {},
): Promise<Row<K, V> | undefined> {
  for await (const row of iterateRows(store, family, range, { limit: 1, reverse: true })) return row;
  return undefined;
}

export function putRow<K, V>(batch: WriteBatch, family: ColumnFamily<K, V>, key: K, value: V): void {
  batch.put(family.name, family.key.encode(key), family.value.encode(value));
}

export function deleteRow<K>(batch: WriteBatch, family: ColumnFamily<K, unknown>, key: K): void {
  batch.delete(family.name, family.key.encode(key));
}

/** Whether bytes of a row are what its decoded form encodes to. Throws where they do not decode. */
export function reencodes(family: AnyColumnFamily, key: Uint8Array, value: Uint8Array): boolean {
  const again = family.key.encode(family.key.decode(key));
  const valueAgain = family.value.encode(family.value.decode(value));
  return Buffer.compare(key, again) === 0 && Buffer.compare(value, valueAgain) === 0;
}
