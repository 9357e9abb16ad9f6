import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseError } from './database-error.js';
import {
  type Instance,
  type LedgerInstanceKind,
  REQUIRED_INSTANCES,
  SHARD_COUNT,
  type ShardedKind,
} from './instances.js';
import type { KeyValueStore, OpenStore } from './key-value-store.js';
import { openRocksDbStore } from './rocksdb-store.js';
import { syncFolderNames } from './sync-folder.js';

/**
 * - `create`: read and write; instances and column families that are missing are made.
 * - `write`: read and write; every instance must be there.
 * - `read`: nothing on disk changes; every instance must be there.
 */
export type OpenMode = 'create' | 'write' | 'read';

/** What a column family of a shard collects in memory: there are more than a hundred of them. */
const SHARD_WRITE_BUFFER_BYTES = 1 << 20;

export interface OpenDatabaseOptions {
  readonly mode: OpenMode;
  /**
   * Bytes that each column family collects in memory before it writes a file; by default 1 MiB in a shard and 4
   * MiB elsewhere.
   */
  readonly writeBufferBytes?: number | undefined;
  /** Another binding of RocksDB. */
  readonly openStore?: OpenStore | undefined;
}

export interface OpenInstance {
  readonly instance: Instance;
  readonly store: KeyValueStore;
}

/**
 * The 42 open instances of one ledger database (spec: aptosdb-schema.md, section 2), and nothing of their
 * meaning: what order to write in, and where barriers stand, is the caller's.
 */
export class AptosDatabaseFiles implements AsyncDisposable {
  /** The folder that holds `ledger_db`. */
  readonly root: string;
  readonly mode: OpenMode;
  readonly instances: readonly OpenInstance[];
  readonly #stores: ReadonlyMap<string, KeyValueStore>;

  private constructor(root: string, mode: OpenMode, instances: readonly OpenInstance[]) {
    this.root = root;
    this.mode = mode;
    this.instances = instances;
    this.#stores = new Map(instances.map(({ instance, store }) => [instance.path, store]));
  }

  /** @throws DatabaseError DB_MISSING, DB_OPEN_FAILED, DB_COMPRESSION_UNSUPPORTED */
  static async open(root: string, options: OpenDatabaseOptions): Promise<AptosDatabaseFiles> {
    const openStore = options.openStore ?? openRocksDbStore;
    const topmostMade = options.mode === 'create' ? await makeRoot(root) : undefined;
    const attempts = await Promise.allSettled(
      REQUIRED_INSTANCES.map(async (instance) => {
        const store = await openStore(path.join(root, instance.path), {
          columnFamilies: instance.columnFamilies,
          readOnly: options.mode === 'read',
          createIfMissing: options.mode === 'create',
          writeBufferBytes:
            options.writeBufferBytes ?? (instance.shard === undefined ? undefined : SHARD_WRITE_BUFFER_BYTES),
        });
        return { instance, store };
      }),
    );
    const opened = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
    const failures = attempts.flatMap((attempt) => (attempt.status === 'rejected' ? [attempt.reason] : []));
    if (topmostMade !== undefined && failures.length === 0) {
      // Also where they were found: who made them may have been cut off before it came to this.
      const folders = REQUIRED_INSTANCES.map((instance) => path.join(root, instance.path));
      await syncFolderNames(folders, topmostMade).catch((cause: unknown) => failures.push(cause));
    }
    if (failures.length === 0) return new AptosDatabaseFiles(root, options.mode, opened);
    await Promise.all(opened.map(({ store }) => store.close()));
    throw describeFailure(root, failures);
  }

  /** An instance by its path below the root, such as `state_kv_db/shard_3`. */
  store(instancePath: string): KeyValueStore {
    const store = this.#stores.get(instancePath);
    assert(store, `no instance ${instancePath}`);
    return store;
  }

  ledger(kind: LedgerInstanceKind): KeyValueStore {
    return this.store(kind);
  }
  get ledgerMetadata(): KeyValueStore {
    return this.store('ledger_db/metadata');
  }
  get stateKvMetadata(): KeyValueStore {
    return this.store('state_kv_db/metadata');
  }
  get stateMerkleMetadata(): KeyValueStore {
    return this.store('state_merkle_db/metadata');
  }
  stateKvShard(shard: number): KeyValueStore {
    return this.#shard('state_kv_db', shard);
  }
  stateMerkleShard(shard: number): KeyValueStore {
    return this.#shard('state_merkle_db', shard);
  }

  #shard(kind: ShardedKind, shard: number): KeyValueStore {
    assert(Number.isInteger(shard) && shard >= 0 && shard < SHARD_COUNT, `no shard ${shard}`);
    return this.store(`${kind}/shard_${shard}`);
  }

  /**
   * Returns once everything written to any instance before the call survives a power cut. Nothing orders
   * the instances among each other: for that, call their own barriers in turn.
   */
  async barrier(): Promise<void> {
    await Promise.all(this.instances.map(({ store }) => store.barrier()));
  }

  /** Flushes and releases every instance. May be called again. */
  async close(): Promise<void> {
    const outcomes = await Promise.allSettled(this.instances.map(({ store }) => store.close()));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The topmost folder that had to be made, or the root. */
async function makeRoot(root: string): Promise<string> {
  try {
    return (await mkdir(root, { recursive: true })) ?? root;
  } catch (cause) {
    throw new DatabaseError('DB_OPEN_FAILED', `cannot make ${root}: ${(cause as Error).message}`, {
      cause,
      facts: { directory: root },
    });
  }
}

/** A folder without any instance is no database; otherwise the first failure tells the story. */
function describeFailure(root: string, failures: readonly unknown[]): unknown {
  const isMissing = (error: unknown) => error instanceof DatabaseError && error.code === 'DB_MISSING';
  if (failures.length === REQUIRED_INSTANCES.length && failures.every(isMissing)) {
    return new DatabaseError('DB_MISSING', `no ledger database at ${root}`, {
      facts: { directory: root },
      hint: 'The folder to name is the one that holds ledger_db, state_kv_db and state_merkle_db.',
    });
  }
  return failures.find((error) => !isMissing(error)) ?? failures[0];
}
