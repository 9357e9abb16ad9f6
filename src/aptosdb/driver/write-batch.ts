export type WriteOperation =
  | {
      readonly kind: 'put';
      readonly columnFamily: string;
      readonly key: Uint8Array;
      readonly value: Uint8Array;
    }
  | { readonly kind: 'delete'; readonly columnFamily: string; readonly key: Uint8Array }
  | {
      readonly kind: 'deleteRange';
      readonly columnFamily: string;
      readonly start: Uint8Array;
      readonly end: Uint8Array;
    };

/** Operations that one instance applies together, in the order in which they were added. */
export class WriteBatch {
  readonly #operations: WriteOperation[] = [];
  #byteSize = 0;

  get operations(): readonly WriteOperation[] {
    return this.#operations;
  }
  get size(): number {
    return this.#operations.length;
  }
  /** Bytes of keys and values, for callers that bound what they collect. */
  get byteSize(): number {
    return this.#byteSize;
  }

  put(columnFamily: string, key: Uint8Array, value: Uint8Array): void {
    this.#operations.push({ kind: 'put', columnFamily, key, value });
    this.#byteSize += key.length + value.length;
  }

  delete(columnFamily: string, key: Uint8Array): void {
    this.#operations.push({ kind: 'delete', columnFamily, key });
    this.#byteSize += key.length;
  }

  /** Deletes every key of `[start, end)`. */
  deleteRange(columnFamily: string, start: Uint8Array, end: Uint8Array): void {
    this.#operations.push({ kind: 'deleteRange', columnFamily, start, end });
    this.#byteSize += start.length + end.length;
  }

  /** Takes all operations of another batch behind its own. */
  append(other: WriteBatch): void {
    for (const operation of other.#operations) this.#operations.push(operation);
    this.#byteSize += other.#byteSize;
  }
}
