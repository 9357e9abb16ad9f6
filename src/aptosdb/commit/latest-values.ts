import { HASH_SIZE } from '../../hashing/hash-value.js';

const HASH_WORDS = HASH_SIZE / 4;
const SMALLEST_CAPACITY = 1 << 12;
/** Data bytes of an item that is gone, and of a place that holds none. */
const ABSENT = -1;
const FREE = -2;

/**
 * What the newest rows of state items say, by key hash: the version, and how many bytes of data there are.
 * A hash table in flat memory, 44 bytes a place, three quarters of which it fills at most.
 */
export class LatestValues {
  #capacity = SMALLEST_CAPACITY;
  #count = 0;
  #hashes = new Uint32Array(SMALLEST_CAPACITY * HASH_WORDS);
  #versions = new Float64Array(SMALLEST_CAPACITY);
  #dataBytes = new Int32Array(SMALLEST_CAPACITY).fill(FREE);

  get size(): number {
    return this.#count;
  }

  /** The place of an item, given its hash as words from `hashes[at]` on; -1 where it is not known. */
  find(hashes: Uint32Array, at: number): number {
    const place = this.#search(hashes, at);
    return this.#dataBytes[place] === FREE ? -1 : place;
  }

  /** The version of the row at a place, which must have a value. */
  versionAt(place: number): bigint {
    return BigInt(this.#versions[place] ?? 0);
  }

  /** The bytes of data at a place; undefined where the item is gone, or never was. */
  dataBytesAt(place: number): number | undefined {
    const bytes = this.#dataBytes[place] ?? ABSENT;
    return bytes < 0 ? undefined : bytes;
  }

  /** @param dataBytes undefined for an item that is not there */
  set(hashes: Uint32Array, at: number, version: bigint, dataBytes: number | undefined): void {
    let place = this.#search(hashes, at);
    if (this.#dataBytes[place] === FREE) {
      if (4 * (this.#count + 1) > 3 * this.#capacity) {
        this.#grow();
        place = this.#search(hashes, at);
      }
      this.#count++;
      const to = place * HASH_WORDS;
      for (let word = 0; word < HASH_WORDS; word++) this.#hashes[to + word] = hashes[at + word] ?? 0;
    }
    this.#versions[place] = Number(version);
    this.#dataBytes[place] = dataBytes ?? ABSENT;
  }

  /** Forgets everything; the memory stays. */
  clear(): void {
    this.#dataBytes.fill(FREE);
    this.#count = 0;
  }

  /** Where the hash is, or where it would go. */
  #search(hashes: Uint32Array, at: number): number {
    const mask = this.#capacity - 1;
    let place = (hashes[at + 1] ?? 0) & mask;
    while (this.#dataBytes[place] !== FREE && !this.#isAt(place, hashes, at)) place = (place + 1) & mask;
    return place;
  }

  #isAt(place: number, hashes: Uint32Array, at: number): boolean {
    const start = place * HASH_WORDS;
    for (let word = 0; word < HASH_WORDS; word++) {
      if (this.#hashes[start + word] !== hashes[at + word]) return false;
    }
    return true;
  }

  #grow(): void {
    const hashes = this.#hashes;
    const versions = this.#versions;
    const dataBytes = this.#dataBytes;
    const before = this.#capacity;
    this.#capacity *= 2;
    this.#hashes = new Uint32Array(this.#capacity * HASH_WORDS);
    this.#versions = new Float64Array(this.#capacity);
    this.#dataBytes = new Int32Array(this.#capacity).fill(FREE);
    for (let place = 0; place < before; place++) {
      if (dataBytes[place] === FREE) continue;
      const to = this.#search(hashes, place * HASH_WORDS);
      this.#hashes.set(hashes.subarray(place * HASH_WORDS, (place + 1) * HASH_WORDS), to * HASH_WORDS);
      this.#versions[to] = versions[place] ?? 0;
      this.#dataBytes[to] = dataBytes[place] ?? ABSENT;
    }
  }
}
