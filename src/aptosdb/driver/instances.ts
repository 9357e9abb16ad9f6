import { columnFamiliesOf } from '../schema/column-families.js';
import type { InstanceKind } from '../schema/column-family.js';

/** Shards of the state databases: one for each first nibble of a key hash. */
export const SHARD_COUNT = 16;

export const LEDGER_INSTANCE_KINDS = [
  'ledger_db/metadata',
  'ledger_db/event_db',
  'ledger_db/persisted_auxiliary_info_db',
  'ledger_db/transaction_accumulator_db',
  'ledger_db/transaction_auxiliary_data_db',
  'ledger_db/transaction_db',
  'ledger_db/transaction_info_db',
  'ledger_db/write_set_db',
] as const satisfies readonly InstanceKind[];

export type LedgerInstanceKind = (typeof LEDGER_INSTANCE_KINDS)[number];
export type ShardedKind = Exclude<InstanceKind, LedgerInstanceKind>;

/** One RocksDB instance: its folder below the database's root, with `/`, names it. */
export interface Instance {
  readonly path: string;
  readonly kind: InstanceKind;
  /** Undefined for instances that are no shard. */
  readonly shard: number | undefined;
  /** Names of its column families, `db_metadata` first. */
  readonly columnFamilies: readonly string[];
}

function instance(path: string, kind: InstanceKind, shard?: number): Instance {
  return { path, kind, shard, columnFamilies: columnFamiliesOf(kind).map((family) => family.name) };
}

function shardedInstances(kind: ShardedKind): Instance[] {
  const shards = Array.from({ length: SHARD_COUNT }, (_, shard) =>
    instance(`${kind}/shard_${shard}`, kind, shard),
  );
  return [instance(`${kind}/metadata`, kind), ...shards];
}

/** The 42 instances that every database has (spec: aptosdb-schema.md, section 2). */
export const REQUIRED_INSTANCES: readonly Instance[] = [
  ...LEDGER_INSTANCE_KINDS.map((kind) => instance(kind, kind)),
  ...shardedInstances('state_kv_db'),
  ...shardedInstances('state_merkle_db'),
];

/** The cache of recent state: a node makes it anew when it opens, and nobody else needs it. */
export const HOT_INSTANCES: readonly Instance[] = [
  ...shardedInstances('hot_state_kv_db'),
  ...shardedInstances('hot_state_merkle_db'),
];
