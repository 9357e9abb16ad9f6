import { HASH_SIZE, type HashValue } from '../../hashing/hash-value.js';

const POOL_BYTES = 64 * 1024;
const NO_BYTES = new Uint8Array(0);

/**
 * What the leaves of changed items hold, by the number of the item: the state key, which is the same each
 * time, and the newest value's hash. Keys lie in one pool: 44 bytes an item and its key.
 */
export class ItemLeaves {
  #pool = new Uint8Array(POOL_BYTES);
  #used = 0;
  #starts = new Float64Array(1024);
  /** 0 where the key is not known: no key is empty. */
  #lengths = new Uint32Array(1024);
  #valueHashes = new Uint8Array(1024 * HASH_SIZE);

  /** Copies the BCS of the item's state key, unless it is known. */
  setStateKey(item: number, stateKey: Uint8Array = NO_BYTES): void {
    this.#reserve(item);
    if (this.#lengths[item] !== 0) return;
    const end = this.#used + stateKey.length;
    if (end > this.#pool.length) {
      const grown = new Uint8Array(Math.max(2 * this.#pool.length, end));
      grown.set(this.#pool);
      this.#pool = grown;
    }
    this.#pool.set(stateKey, this.#used);
    this.#starts[item] = this.#used;
    this.#lengths[item] = stateKey.length;
    this.#used = end;
  }

  setValueHash(item: number, valueHash: HashValue): void {
    this.#reserve(item);
    this.#valueHashes.set(valueHash, item * HASH_SIZE);
  }

  /** A view of memory that does not change. */
  stateKey(item: number): Uint8Array {
    const start = this.#starts[item] ?? 0;
    return this.#pool.subarray(start, start + (this.#lengths[item] ?? 0));
  }

  /** A view of the key, a copy of the hash. */
  leaf(item: number): { readonly stateKey: Uint8Array; readonly valueHash: HashValue } {
    const valueHash = this.#valueHashes.slice(item * HASH_SIZE, (item + 1) * HASH_SIZE);
    return { stateKey: this.stateKey(item), valueHash };
  }

  #reserve(item: number): void {
    if (item < this.#starts.length) return;
    const size = Math.max(2 * this.#starts.length, item + 1);
    const [starts, lengths, valueHashes] = [this.#starts, this.#lengths, this.#valueHashes];
    this.#starts = new Float64Array(size);
    this.#lengths = new Uint32Array(size);
    this.#valueHashes = new Uint8Array(size * HASH_SIZE);
    this.#starts.set(starts);
    this.#lengths.set(lengths);
    this.#valueHashes.set(valueHashes);
  }
}
