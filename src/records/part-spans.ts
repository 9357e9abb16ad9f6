import type { Spans } from '../hashing/sha3-engine.js';

/** Where the parts of one kind lie in a batch of records, and the hashes that they must have. */
export class PartSpans implements Spans {
  base: Uint8Array = new Uint8Array(0);
  starts = new Int32Array(1024);
  ends = new Int32Array(1024);
  /** Which record each part belongs to. */
  records = new Float64Array(1024);
  /** Where in the base the hash lies that the part must have. */
  expectedAt = new Int32Array(1024);
  count = 0;

  restart(base: Uint8Array): void {
    this.base = base;
    this.count = 0;
  }

  push(start: number, end: number, record: number, expectedAt: number): void {
    if (this.count === this.starts.length) this.#grow();
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.records[this.count] = record;
    this.expectedAt[this.count] = expectedAt;
    this.count++;
  }

  #grow(): void {
    const size = 2 * this.count;
    const { starts, ends, records, expectedAt } = this;
    this.starts = new Int32Array(size);
    this.starts.set(starts);
    this.ends = new Int32Array(size);
    this.ends.set(ends);
    this.records = new Float64Array(size);
    this.records.set(records);
    this.expectedAt = new Int32Array(size);
    this.expectedAt.set(expectedAt);
  }
}
