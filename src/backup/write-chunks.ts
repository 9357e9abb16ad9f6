import type { RecordBatch } from '../archive/record-file.js';
import { chunkFileName, proofFileName } from '../archive/names.js';
import type { HashValue } from '../hashing/hash-value.js';
import type { BackupContext } from './backup-context.js';
import type { BackupMetrics, TimerName } from './backup-metrics.js';
import { type BackupFolder, backupFile } from './backup-folder.js';
import type { CommittedChunk } from './chunk-note.js';
import { ChunkCutter } from './chunk-cutter.js';
import { GatheringFile } from './gathering-file.js';
import { InFlight } from './in-flight.js';

/** Chunks whose proof is fetched or whose files are committed while the next one is filled. */
const CHUNKS_IN_FLIGHT = 4;
/** Bytes of one write; each file that is open has two buffers of this size. */
const WRITE_BYTES = 1024 * 1024;

/** Takes the records of chunk after chunk and proves each. */
export interface ChunkProver<Batch extends RecordBatch> {
  /** Under which names filling and writing a chunk are timed; untimed without. */
  readonly timers?: { readonly fill: TimerName; readonly write: TimerName };
  /** Records [from, to) of a batch belong to the current chunk, behind those taken before. */
  take(batch: Batch, from: number, to: number): void;
  /**
   * Ends the current chunk; the next records are of the next one at once, while the proof is still on its
   * way.
   */
  endChunk(first: bigint, last: bigint, signal: AbortSignal): EndedChunk;
}

export interface EndedChunk {
  /** The content of the proof file, once it proves the chunk; undefined where chunks have no such file. */
  readonly proof?: Promise<Uint8Array>;
  readonly keys?: { readonly first: HashValue; readonly last: HashValue };
}

/**
 * Writes a stream of records as chunks. Bytes are staged while they stream, and get their name only when
 * the chunk is proven; memory is a few write buffers, whatever a chunk's size.
 * @param first of the first record
 */
export async function writeChunks<Batch extends RecordBatch>(
  context: BackupContext,
  folder: BackupFolder,
  first: bigint,
  open: (signal: AbortSignal) => AsyncIterable<Batch>,
  prover: ChunkProver<Batch>,
): Promise<CommittedChunk[]> {
  const writer = new ChunkWriter(context, folder, first, prover);
  try {
    const chunks = await writer.writeAll(open);
    return chunks.sort((left, right) => (left.first < right.first ? -1 : 1));
  } catch (error) {
    await writer.giveUp(error);
    await folder.leave();
    throw error;
  }
}

class ChunkWriter<Batch extends RecordBatch> {
  readonly #folder: BackupFolder;
  readonly #prover: ChunkProver<Batch>;
  readonly #cutter: ChunkCutter;
  readonly #writeBytes: number;
  readonly #metrics: BackupMetrics;
  readonly #failure = new AbortController();
  readonly #signal: AbortSignal;
  readonly #inFlight = new InFlight(CHUNKS_IN_FLIGHT, (error) => this.#failure.abort(error));
  readonly #chunks: CommittedChunk[] = [];
  #file: GatheringFile | undefined;
  #chunkFirst: bigint;
  #chunkStartedAt = 0;
  #next: bigint;

  constructor(context: BackupContext, folder: BackupFolder, first: bigint, prover: ChunkProver<Batch>) {
    this.#folder = folder;
    this.#prover = prover;
    this.#metrics = context.metrics;
    this.#cutter = new ChunkCutter(context.chunkBytesMax);
    this.#writeBytes = Math.max(1, Math.min(WRITE_BYTES, context.chunkBytesMax));
    const { signal } = context;
    this.#signal = signal ? AbortSignal.any([signal, this.#failure.signal]) : this.#failure.signal;
    this.#chunkFirst = first;
    this.#next = first;
  }

  async writeAll(open: (signal: AbortSignal) => AsyncIterable<Batch>): Promise<CommittedChunk[]> {
    for await (const batch of open(this.#signal)) {
      for (const { from, to, bytes, startsChunk } of this.#cutter.cut(batch)) {
        if (startsChunk) await this.#startChunk();
        this.#prover.take(batch, from, to);
        await this.#file?.append(bytes);
        this.#next += BigInt(to - from);
      }
      this.#signal.throwIfAborted();
    }
    await this.#endChunk();
    await this.#inFlight.drain();
    return this.#chunks;
  }

  /** Ends all that is under way, and leaves nothing staged. */
  async giveUp(error: unknown): Promise<void> {
    // Where only the stream failed, the chunks before can still be committed, and are not fetched again.
    if (!this.#signal.aborted) await this.#inFlight.settle();
    this.#failure.abort(error);
    await this.#inFlight.settle();
    await this.#file?.discard();
  }

  async #startChunk(): Promise<void> {
    await this.#endChunk();
    this.#chunkFirst = this.#next;
    this.#chunkStartedAt = performance.now();
    const file = await this.#folder.createFile(chunkFileName(this.#next));
    this.#file = new GatheringFile(file, this.#writeBytes);
  }

  async #endChunk(): Promise<void> {
    const file = this.#file;
    if (!file) return;
    const [first, last] = [this.#chunkFirst, this.#next - 1n];
    this.#time('fill', this.#chunkStartedAt);
    const ended = this.#prover.endChunk(first, last, this.#signal);
    // It is awaited below; a failure before that must not end the process.
    ended.proof?.catch(() => undefined);
    await this.#inFlight.start(() => this.#commitChunk(file, first, last, ended));
    this.#file = undefined;
  }

  #time(part: 'fill' | 'write', startedAt: number): void {
    const { timers } = this.#prover;
    if (timers) this.#metrics.timed(timers[part], performance.now() - startedAt);
  }

  async #commitChunk(
    file: GatheringFile,
    first: bigint,
    last: bigint,
    { proof, keys }: EndedChunk,
  ): Promise<void> {
    const startedAt = performance.now();
    try {
      const proofBytes = await proof;
      this.#signal.throwIfAborted();
      const records = backupFile(await file.commit());
      const proofFile = proofBytes && (await this.#folder.writeFile(proofFileName(first, last), proofBytes));
      const chunk = { first, last, records, proof: proofFile, keys };
      this.#chunks.push(chunk);
      await this.#folder.note(chunk);
      this.#time('write', startedAt);
    } catch (error) {
      await file.discard();
      throw error;
    }
  }
}
