/** What is put together is allocated for many results at once, so many bytes at a time. */
const SLAB_BYTES = 128 * 1024;

/** Puts parts together without an allocation for each result: results are views of shared memory. */
export class ByteJoiner {
  #slab = new Uint8Array(0);
  #used = 0;

  /** The parts one behind the other; nothing else will be written to the place that they have. */
  join(parts: readonly Uint8Array[]): Uint8Array {
    let size = 0;
    for (const part of parts) size += part.length;
    if (this.#slab.length - this.#used < size) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(size, SLAB_BYTES));
      this.#used = 0;
    }
    const start = this.#used;
    for (const part of parts) {
      this.#slab.set(part, this.#used);
      this.#used += part.length;
    }
    return new Uint8Array(this.#slab.buffer, start, size);
  }
}
