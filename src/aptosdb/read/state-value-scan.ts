import { equalBytes, toHex } from '../../hashing/hash-value.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { shardOfKeyHash } from '../schema/node-key.js';
import { iterateRowBytes, type Row } from '../schema/rows.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import type { LeafNode } from '../schema/tree-node.js';
import { LedgerReadError } from './read-error.js';

/** Rows that are stepped over before looking for the wanted one anew is cheaper. */
const STEPS_MAX = 48;
const READ_AHEAD_ROWS = 512;

type ValueRow = Row<{ readonly key_hash: Uint8Array; readonly version: bigint }, Uint8Array>;

/**
 * Values of state items in rising order of their key hashes: one pass over each shard, since the rows lie
 * in the same order. Older and newer values of the same items lie in between.
 */
export class StateValueScan {
  readonly #database: AptosDatabaseFiles;
  readonly #signal: AbortSignal | undefined;
  #shard = -1;
  #rows: AsyncGenerator<ValueRow, void, undefined> | undefined;
  #row: ValueRow | undefined;

  constructor(database: AptosDatabaseFiles, signal?: AbortSignal) {
    this.#database = database;
    this.#signal = signal;
  }

  /**
   * The BCS of a leaf's StateValue; leaves must come in rising order.
   * @throws LedgerReadError LEDGER_STATE_VALUE_MISSING
   */
  async valueOf(leaf: LeafNode): Promise<Uint8Array> {
    const shard = shardOfKeyHash(leaf.keyHash);
    if (shard !== this.#shard || !this.#rows) await this.#seek(leaf, shard);
    for (let steps = 0; this.#row && comesBefore(this.#row, leaf); steps++) {
      if (steps < STEPS_MAX) await this.#step();
      else await this.#seek(leaf, shard);
    }
    const value = this.#row?.value;
    if (!this.#row || !equalBytes(this.#row.key.key_hash, leaf.keyHash) || value?.[0] !== 1) missing(leaf);
    return value.subarray(1);
  }

  async close(): Promise<void> {
    await this.#rows?.return();
    this.#rows = undefined;
  }

  async #seek({ keyHash, valueVersion }: LeafNode, shard: number): Promise<void> {
    await this.close();
    this.#shard = shard;
    const store = this.#database.stateKvShard(shard);
    const range = { gte: { key_hash: keyHash, version: valueVersion } };
    const options = { readAhead: READ_AHEAD_ROWS, signal: this.#signal };
    this.#rows = iterateRowBytes(store, stateValueRows, range, options);
    await this.#step();
  }

  async #step(): Promise<void> {
    const step = await this.#rows?.next();
    this.#row = step && !step.done ? step.value : undefined;
  }
}

/** Of the same item, newer rows come first. */
function comesBefore({ key }: ValueRow, leaf: LeafNode): boolean {
  const order = Buffer.compare(key.key_hash, leaf.keyHash);
  return order < 0 || (order === 0 && key.version > leaf.valueVersion);
}

function missing({ keyHash, valueVersion }: LeafNode): never {
  throw new LedgerReadError(
    'LEDGER_STATE_VALUE_MISSING',
    `no value of state item ${toHex(keyHash)} at or before version ${valueVersion}`,
    { facts: { keyHash: toHex(keyHash), version: valueVersion } },
  );
}
