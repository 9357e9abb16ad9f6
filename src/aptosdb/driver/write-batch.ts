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

interface Put {
  readonly kind: 'put';
  columnFamily: string;
  key: Uint8Array;
  value: Uint8Array;
}

/** Operations that one instance applies together, in the order in which they were added. */
export class WriteBatch {
  #operations: WriteOperation[] = [];
  /** What is filled again before anything new is made. */
  readonly #spare: Put[] = [];
  #byteSize = 0;

  /** Valid until `clear`. */
  get operations(): readonly WriteOperation[] {
    return this.#operations;
  }
  get columnFamilies(): ReadonlySet<string> {
    const names = new Set<string>();
    let last: string | undefined;
    for (const { columnFamily } of this.#operations) {
      if (columnFamily !== last) names.add(columnFamily);
      last = columnFamily;
    }
    return names;
  }
  get size(): number {
    return this.#operations.length;
  }
  /** Bytes of keys and values, for callers that bound what they collect. */
  get byteSize(): number {
    return this.#byteSize;
  }

  put(columnFamily: string, key: Uint8Array, value: Uint8Array): void {
    const spare = this.#spare.pop();
    if (spare) {
      spare.columnFamily = columnFamily;
      spare.key = key;
      spare.value = value;
      this.#operations.push(spare);
    } else this.#operations.push({ kind: 'put', columnFamily, key, value });
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

  /** Takes everything out, for the next operations; only after what was in it is written. */
  clear(): void {
    for (const operation of this.#operations) if (operation.kind === 'put') this.#spare.push(operation);
    this.#operations = [];
    this.#byteSize = 0;
  }
}
