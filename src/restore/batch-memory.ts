/** Most batches of a large file have about this size. */
const BLOCK_BYTES = 1024 * 1024;
/** Blocks that wait for the next batch. What is beyond is let go: nobody may come to read that much again. */
const FREE_BLOCKS_MAX = 8;

/**
 * The memory in which batches of records wait, from their proof until they are written. Some blocks are used
 * again, others are let go at once: what is held is what is waiting.
 */
export class BatchMemory {
  readonly #bytesMax: number;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  #held = 0;
  #isClosed = false;
  #waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];

  /** @param bytesMax beyond which `whenRoom` waits; it is no limit of `keep` */
  constructor(bytesMax = Number.POSITIVE_INFINITY) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes that were kept and not released. */
  get held(): number {
    return this.#held;
  }

  /** A copy of the bytes, and what gives its memory back: to be called once, when nobody reads it any more. */
  keep(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly release: () => void } {
    const isBlock = bytes.length > BLOCK_BYTES / 2 && bytes.length <= BLOCK_BYTES;
    const memory = isBlock ? (this.#free.pop() ?? new Uint8Array(BLOCK_BYTES)) : new Uint8Array(bytes.length);
    memory.set(bytes);
    this.#held += memory.length;
    const release = (): void => {
      this.#held -= memory.length;
      if (isBlock && !this.#isClosed && this.#free.length < FREE_BLOCKS_MAX) this.#free.push(memory);
      else letGo(memory);
      this.#serve();
    };
    return { bytes: memory.subarray(0, bytes.length), release };
  }

  /** Nothing more will be kept: memory that is given back is let go. */
  close(): void {
    this.#isClosed = true;
    for (const block of this.#free) letGo(block);
    this.#free.length = 0;
  }

  /** Returns once this many bytes more are within the bound. */
  whenRoom(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ bytes, resolve });
      this.#serve();
    });
  }

  #serve(): void {
    if (this.#waiting.length === 0) return;
    const fits = (bytes: number): boolean => this.#held + bytes <= this.#bytesMax;
    for (const { bytes, resolve } of this.#waiting) if (fits(bytes)) resolve();
    this.#waiting = this.#waiting.filter(({ bytes }) => !fits(bytes));
  }
}

/** Moved to an object that is young, memory is free soon, and not only when all of the heap is looked through. */
function letGo({ buffer }: Uint8Array<ArrayBuffer>): void {
  structuredClone(buffer, { transfer: [buffer] });
}
