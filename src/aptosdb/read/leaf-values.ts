import { toHex } from '../../hashing/hash-value.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import type { RawRow } from '../driver/key-value-store.js';
import { shardOfKeyHash } from '../schema/node-key.js';
import { iterateStoredRows } from '../schema/rows.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import type { LeafNode } from '../schema/tree-node.js';
import { LedgerReadError } from './read-error.js';

/** Looking a row up costs as much as stepping over some ten: a scan is given up for more rows a leaf. */
const STEPS_OF_A_LEAF = 8;
/** So many steps more are taken before that: one item may have many rows where the others have few. */
const STEPS_TO_SPARE = 256;
/** So many batches are looked up after a scan was given up; then a scan is tried again. */
const BATCHES_LOOKED_UP = 16;
const READ_AHEAD_ROWS = 256;
/** First byte of a row that holds a value; another one stands for a deletion. */
const HAS_VALUE = 1;

/** A leaf with the key of its row: none is stored before it that could be meant. */
interface Wanted {
  readonly leaf: LeafNode;
  readonly shard: number;
  readonly key: Uint8Array;
}

/**
 * Values of state items in rising order of their key hashes. A leaf names the version of the block that
 * wrote it, its row the version within, so the newest row at or before is meant. The rows lie in the order
 * of the leaves with older and newer ones of the same items in between: where these are few, one pass over
 * each shard reads all; where they are many, each row is looked up.
 */
export class LeafValues {
  readonly #database: AptosDatabaseFiles;
  readonly #signal: AbortSignal | undefined;
  #scan: ShardScan | undefined;
  #batchesToLookUp = 0;

  constructor(database: AptosDatabaseFiles, signal?: AbortSignal) {
    this.#database = database;
    this.#signal = signal;
  }

  /**
   * The BCS of the leaves' StateValues; all leaves must come in rising order.
   * @throws LedgerReadError LEDGER_STATE_VALUE_MISSING
   */
  async valuesOf(leaves: readonly LeafNode[]): Promise<Uint8Array[]> {
    const wanted = leaves.map((leaf) => {
      const { keyHash, valueVersion } = leaf;
      const key = stateValueRows.key.encode({ key_hash: keyHash, version: valueVersion });
      return { leaf, shard: shardOfKeyHash(keyHash), key };
    });
    const rows = this.#batchesToLookUp > 0 ? [] : await this.#scanned(wanted);
    const rest = wanted.slice(rows.length);
    if (rest.length > 0) {
      this.#batchesToLookUp = this.#batchesToLookUp > 0 ? this.#batchesToLookUp - 1 : BATCHES_LOOKED_UP;
      await this.close();
      rows.push(...(await this.#lookedUp(rest)));
    }
    return wanted.map((one, index) => valueIn(rows[index], one));
  }

  async close(): Promise<void> {
    await this.#scan?.close();
    this.#scan = undefined;
  }

  /** The rows of the first leaves: of all of them, or as far as the steps reach. */
  async #scanned(wanted: readonly Wanted[]): Promise<(RawRow | undefined)[]> {
    const rows: (RawRow | undefined)[] = [];
    let steps = STEPS_TO_SPARE;
    for (const one of wanted) {
      steps += STEPS_OF_A_LEAF;
      if (this.#scan?.shard !== one.shard) {
        await this.close();
        this.#scan = new ShardScan(this.#database, one, this.#signal);
      }
      const scan = this.#scan;
      for (;;) {
        const row = scan.row;
        if (row === undefined && !scan.isDone) await scan.fetch();
        else if (row !== undefined && Buffer.compare(row.key, one.key) < 0) {
          if (--steps < 0) return rows;
          scan.step();
        } else {
          rows.push(row);
          break;
        }
      }
    }
    return rows;
  }

  async #lookedUp(wanted: readonly Wanted[]): Promise<(RawRow | undefined)[]> {
    const rows: (RawRow | undefined)[] = [];
    for (let first = 0; first < wanted.length; first = rows.length) {
      this.#signal?.throwIfAborted();
      const shard = wanted[first]?.shard ?? 0;
      const next = wanted.findIndex((one, index) => index > first && one.shard !== shard);
      const keys = wanted.slice(first, next < 0 ? wanted.length : next).map(({ key }) => key);
      rows.push(...(await this.#database.stateKvShard(shard).seekEach(stateValueRows.name, keys)));
    }
    return rows;
  }
}

/** One pass over the rows of a shard, from the row of a leaf on. */
class ShardScan {
  readonly shard: number;
  readonly #batches: AsyncIterator<readonly RawRow[]>;
  #batch: readonly RawRow[] = [];
  #next = 0;
  isDone = false;

  constructor(database: AptosDatabaseFiles, { leaf, shard }: Wanted, signal: AbortSignal | undefined) {
    this.shard = shard;
    const range = { gte: { key_hash: leaf.keyHash, version: leaf.valueVersion } };
    const options = { readAhead: READ_AHEAD_ROWS, signal };
    const batches = iterateStoredRows(database.stateKvShard(shard), stateValueRows, range, options);
    this.#batches = batches[Symbol.asyncIterator]();
  }

  /** Undefined where more must be fetched first, and behind the last. */
  get row(): RawRow | undefined {
    return this.#batch[this.#next];
  }

  step(): void {
    this.#next++;
  }

  async fetch(): Promise<void> {
    const step = await this.#batches.next();
    if (step.done) this.isDone = true;
    else [this.#batch, this.#next] = [step.value, 0];
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}

function valueIn(row: RawRow | undefined, { leaf, key }: Wanted): Uint8Array {
  const { keyHash, valueVersion } = leaf;
  const isSame = row && Buffer.compare(row.key.subarray(0, keyHash.length), keyHash) === 0;
  if (isSame && row.key.length === key.length && row.value[0] === HAS_VALUE) return row.value.subarray(1);
  throw new LedgerReadError(
    'LEDGER_STATE_VALUE_MISSING',
    `no value of state item ${toHex(keyHash)} at or before version ${valueVersion}`,
    { facts: { keyHash: toHex(keyHash), version: valueVersion } },
  );
}
