/** Most batches of a large file have about this size. */
const BLOCK_BYTES = 1024 * 1024;
/**
 * Blocks that are taken together. An allocator maps more than 32 MiB for itself alone, so that the system has
 * it back as soon as it is freed; a freed MiB would stay with the process.
 */
const SLAB_BLOCKS = 33;

/** Some blocks of one buffer; memory that was never touched costs nothing. */
class Slab {
  readonly #buffer = new ArrayBuffer(SLAB_BLOCKS * BLOCK_BYTES);
  readonly #free = Array.from({ length: SLAB_BLOCKS }, (_, index) => SLAB_BLOCKS - 1 - index);

  get isUnused(): boolean {
    return this.#free.length === SLAB_BLOCKS;
  }

  /** Undefined where all are in use. */
  take(): { readonly block: Uint8Array<ArrayBuffer>; readonly giveBack: () => void } | undefined {
    const index = this.#free.pop();
    if (index === undefined) return undefined;
    const block = new Uint8Array(this.#buffer, index * BLOCK_BYTES, BLOCK_BYTES);
    return { block, giveBack: () => this.#free.push(index) };
  }

  /** Moved to an object that is young, memory is free soon, and not only when all of the heap is looked through. */
  letGo(): void {
    structuredClone(this.#buffer, { transfer: [this.#buffer] });
  }
}

/**
 * The memory in which batches of records wait, from their proof until they are written. Blocks are used
 * again, and what is not used any more goes back to the system.
 */
export class BatchMemory {
  readonly #bytesMax: number;
  readonly #slabs: Slab[] = [];
  #held = 0;
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
    const { memory, giveBack } = isBlock ? this.#block() : ownMemory(bytes.length);
    memory.set(bytes);
    this.#held += memory.length;
    const release = (): void => {
      this.#held -= memory.length;
      giveBack();
      this.#serve();
    };
    return { bytes: memory.subarray(0, bytes.length), release };
  }

  /** Returns once this many bytes more are within the bound. */
  whenRoom(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ bytes, resolve });
      this.#serve();
    });
  }

  /** Of the oldest slab that has one, so that the others come to be unused. */
  #block(): { readonly memory: Uint8Array; readonly giveBack: () => void } {
    for (let index = 0; ; index++) {
      const slab = this.#slabs[index] ?? new Slab();
      if (index === this.#slabs.length) this.#slabs.push(slab);
      const taken = slab.take();
      if (!taken) continue;
      const giveBack = (): void => {
        taken.giveBack();
        if (!slab.isUnused) return;
        this.#slabs.splice(this.#slabs.indexOf(slab), 1);
        slab.letGo();
      };
      return { memory: taken.block, giveBack };
    }
  }

  #serve(): void {
    if (this.#waiting.length === 0) return;
    const fits = (bytes: number): boolean => this.#held + bytes <= this.#bytesMax;
    for (const { bytes, resolve } of this.#waiting) if (fits(bytes)) resolve();
    this.#waiting = this.#waiting.filter(({ bytes }) => !fits(bytes));
  }
}

function ownMemory(size: number): { readonly memory: Uint8Array; readonly giveBack: () => void } {
  return { memory: new Uint8Array(size), giveBack: () => undefined };
}
