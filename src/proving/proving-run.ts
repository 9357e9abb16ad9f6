import type { BatchBuffers, RecordBatch } from '../archive/record-file.js';
import type { BatchResult, BatchWork } from './batch-task.js';
import type { Provers } from './provers.js';
import type { ProvingMemory, Slot } from './proving-memory.js';
import type { RecordSource } from './proving-pool.js';
import { ResultQueue } from './result-queue.js';
import type { SlotShare, SlotShares } from './slot-shares.js';

/** What runs share. */
export interface ProvingParts {
  readonly memory: ProvingMemory;
  readonly shares: SlotShares;
  readonly provers: Provers;
}

/** A batch in its slot, and what is found out about it. */
export interface ProvenBatch {
  readonly batch: RecordBatch;
  readonly slot: Slot;
  readonly result: BatchResult;
}

interface BatchInWork {
  readonly batch: RecordBatch;
  readonly slot: Slot;
  readonly result: Promise<BatchResult>;
}

/**
 * The batches of one source, in order, each valid until the next one. Reading and proving run ahead as far as
 * there are slots.
 */
export async function* proveSource(
  parts: ProvingParts,
  source: RecordSource,
  workFor: (first: RecordBatch) => BatchWork,
  signal: AbortSignal | undefined,
): AsyncGenerator<ProvenBatch> {
  signal?.throwIfAborted();
  const leaving = new AbortController();
  const forward = (): void => leaving.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  try {
    const run = new ProvingRun(parts, await parts.shares.open(leaving.signal), leaving.signal);
    const reading = run.read(source, workFor);
    try {
      for (;;) {
        const next = await run.queue.shift();
        if (next === undefined) return;
        try {
          const result = await next.result;
          leaving.signal.throwIfAborted();
          yield { batch: next.batch, slot: next.slot, result };
        } finally {
          run.release(next.slot);
        }
      }
    } finally {
      leaving.abort();
      await reading;
      await run.end();
    }
  } finally {
    signal?.removeEventListener('abort', forward);
  }
}

/** Reads a source into slots and has them proven. */
class ProvingRun implements BatchBuffers {
  readonly queue = new ResultQueue<BatchInWork>();
  readonly #parts: ProvingParts;
  readonly #share: SlotShare;
  readonly #signal: AbortSignal;
  /** Being filled. */
  #current: Slot | undefined;
  #work: BatchWork | undefined;

  constructor(parts: ProvingParts, share: SlotShare, signal: AbortSignal) {
    this.#parts = parts;
    this.#share = share;
    this.#signal = signal;
  }

  async next(): Promise<Slot> {
    this.#current ??= await this.#share.take(this.#signal);
    return this.#current;
  }

  larger(bytes: number): Uint8Array {
    return this.#parts.memory.larger(bytes);
  }

  /** Reads all; an error of the source comes out of the queue, behind the batches before it. */
  async read(source: RecordSource, workFor: (first: RecordBatch) => BatchWork): Promise<void> {
    try {
      for await (const batch of source(this, this.#signal)) {
        this.#work ??= workFor(batch);
        await this.#take(batch, this.#work);
      }
      this.queue.end();
    } catch (error) {
      this.queue.fail(error);
    }
  }

  release(slot: Slot): void {
    this.#share.giveBack(slot);
  }

  /** After reading has ended: waits for what is still being proven and gives all slots back. */
  async end(): Promise<void> {
    for (const { slot, result } of this.queue.drain()) {
      await result.catch(() => undefined);
      this.release(slot);
    }
    if (this.#current) this.release(this.#current);
    this.#current = undefined;
    this.#share.close();
  }

  async #take(batch: RecordBatch, work: BatchWork): Promise<void> {
    const current = this.#current;
    if (current && isIn(batch.bytes, current.bytes)) return this.#submit(batch, current, work);
    if (current && isIn(batch.starts, current.starts)) return this.#submit(batch, current, work);
    for (let first = 0; first < batch.count; ) {
      const slot = await this.next();
      const piece = copyPiece(batch, first, slot, this);
      this.#submit(piece, slot, work);
      first += piece.count;
    }
  }

  #submit(batch: RecordBatch, slot: Slot, work: BatchWork): void {
    this.#current = undefined;
    const result = this.#parts.provers.prove({
      work,
      slot: slot.index,
      bytes: isIn(batch.bytes, slot.bytes) ? batch.bytes.length : batch.bytes,
      count: batch.count,
      firstRecord: batch.firstRecord,
    });
    // Whoever takes the batch gets the error; until then it is nobody's.
    result.catch(() => undefined);
    this.queue.push({ batch, slot, result });
  }
}

function isIn(view: Uint8Array | Uint32Array, whole: Uint8Array | Uint32Array): boolean {
  return view.buffer === whole.buffer && view.byteOffset === whole.byteOffset;
}

/** As many records from `first` on as fit into a slot, or a single larger one in memory of its own. */
function copyPiece(batch: RecordBatch, first: number, slot: Slot, buffers: BatchBuffers): RecordBatch {
  const from = first === 0 ? 0 : (batch.ends[first - 1] ?? 0);
  let end = first + 1;
  const last = Math.min(batch.count, first + slot.starts.length);
  while (end < last && (batch.ends[end] ?? 0) - from <= slot.bytes.length) end++;
  const content = batch.bytes.subarray(from, batch.ends[end - 1]);
  const target = content.length <= slot.bytes.length ? slot.bytes : buffers.larger(content.length);
  target.set(content);
  const count = end - first;
  for (let index = 0; index < count; index++) {
    slot.starts[index] = (batch.starts[first + index] ?? 0) - from;
    slot.ends[index] = (batch.ends[first + index] ?? 0) - from;
  }
  return {
    bytes: target.subarray(0, content.length),
    count,
    starts: slot.starts.subarray(0, count),
    ends: slot.ends.subarray(0, count),
    firstRecord: batch.firstRecord + first,
    fileOffset: batch.fileOffset + from,
  };
}
