import assert from 'node:assert';

const BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Many byte strings, kept one after the other in a few large blocks: millions of small arrays would cost
 * several times their content.
 */
export class PackedBytes {
  readonly #blocks: Uint8Array[] = [];
  readonly #blockOf: number[] = [];
  readonly #startOf: number[] = [];
  readonly #lengthOf: number[] = [];
  #used = 0;

  get count(): number {
    return this.#blockOf.length;
  }

  /** Copies the parts as one string and returns its index: 0, 1, 2... */
  append(...parts: readonly Uint8Array[]): number {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const block = this.#blockWithRoomFor(length);
    this.#blockOf.push(this.#blocks.length - 1);
    this.#startOf.push(this.#used);
    this.#lengthOf.push(length);
    for (const part of parts) {
      block.set(part, this.#used);
      this.#used += part.length;
    }
    return this.#blockOf.length - 1;
  }

  /** A view. */
  get(index: number): Uint8Array {
    const start = this.#startOf[index];
    const block = this.#blocks[this.#blockOf[index] ?? -1];
    assert(block && start !== undefined, 'no such byte string');
    return block.subarray(start, start + (this.#lengthOf[index] ?? 0));
  }

  #blockWithRoomFor(length: number): Uint8Array {
    const last = this.#blocks.at(-1);
    if (last && this.#used + length <= last.length) return last;
    const block = new Uint8Array(Math.max(BLOCK_BYTES, length));
    this.#blocks.push(block);
    this.#used = 0;
    return block;
  }
}
