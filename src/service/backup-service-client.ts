import type { BackupReader, BackupReadOptions } from '../aptosdb/backup-reader.js';
import { PROOF_BYTES_MAX, RECORD_BYTES_MAX } from '../archive/limits.js';
import type { RecordBatch } from '../archive/record-file.js';
import { BcsError } from '../bcs/bcs-error.js';
import { type Codec, decode } from '../bcs/codec.js';
import { u64 } from '../bcs/primitives.js';
import type { HashValue } from '../hashing/hash-value.js';
import { type DbState, OptionalDbState } from '../types/proofs.js';
import { type HttpBody, HttpSource, type HttpSourceOptions } from './http-source.js';
import { RecordSplitter } from './record-splitter.js';
import { type RetryOptions, RetryPolicy } from './retry-policy.js';
import { ROUTES, type StreamRequest } from './routes.js';
import { ServiceError } from './service-error.js';

/** Which service, and how often it is asked again. */
export interface BackupServiceClientOptions extends HttpSourceOptions {
  readonly retry?: RetryOptions;
}

/**
 * Reads a ledger through a backup service. Requests are tried again where the way to the service fails,
 * and a stream that breaks goes on behind its last whole record. Nothing is proven here:
 * `VerifiedLedgerSource` does that. Every method throws `ServiceError`.
 */
export class BackupServiceClient implements BackupReader {
  /** Hears of each answer: its endpoint, and the milliseconds until its headers. Must not throw. */
  onAnswer: (endpoint: string, milliseconds: number) => void = () => {};
  readonly #source: HttpSource;
  readonly #retry: RetryOptions;

  /** @throws ServiceError SERVICE_ADDRESS_UNAVAILABLE for an address that is no HTTP URL */
  constructor(options: BackupServiceClientOptions) {
    this.#source = new HttpSource(options);
    this.#retry = options.retry ?? {};
  }

  /** Closes all connections. */
  close(): void {
    this.#source.close();
  }

  async dbState(options: BackupReadOptions = {}): Promise<DbState | undefined> {
    return this.#decoded(OptionalDbState, ROUTES.dbState.path({}), options);
  }

  async stateItemCount(version: bigint, options: BackupReadOptions = {}): Promise<bigint> {
    return this.#decoded(u64, ROUTES.stateItemCount.path({ version }), options);
  }

  stateRootProof(version: bigint, options: BackupReadOptions = {}): Promise<Uint8Array> {
    return this.#value(ROUTES.stateRootProof.path({ version }), options);
  }

  stateRangeProof(version: bigint, endKey: HashValue, options: BackupReadOptions = {}): Promise<Uint8Array> {
    return this.#value(ROUTES.stateRangeProof.path({ version, endKey }), options);
  }

  transactionRangeProof(
    firstVersion: bigint,
    lastVersion: bigint,
    options: BackupReadOptions = {},
  ): Promise<Uint8Array> {
    return this.#value(ROUTES.transactionRangeProof.path({ firstVersion, lastVersion }), options);
  }

  epochEndingLedgerInfos(
    startEpoch: bigint,
    endEpoch: bigint,
    options: BackupReadOptions = {},
  ): AsyncGenerator<Uint8Array> {
    return singly(this.epochEndingBatches(startEpoch, endEpoch, options));
  }

  transactions(
    startVersion: bigint,
    count: bigint,
    options: BackupReadOptions = {},
  ): AsyncGenerator<Uint8Array> {
    return singly(this.transactionBatches(startVersion, count, options));
  }

  stateItems(
    version: bigint,
    startIndex: bigint,
    limit: bigint,
    options: BackupReadOptions = {},
  ): AsyncGenerator<Uint8Array> {
    return singly(this.stateItemBatches(version, startIndex, limit, options));
  }

  /** As `epochEndingLedgerInfos`, as many records at once as have arrived. */
  epochEndingBatches(
    startEpoch: bigint,
    endEpoch: bigint,
    options: BackupReadOptions = {},
  ): AsyncGenerator<RecordBatch> {
    return this.#records(ROUTES.epochEndingLedgerInfos.request({ startEpoch, endEpoch }), options);
  }

  /** As `transactions`, as many records at once as have arrived. */
  transactionBatches(
    startVersion: bigint,
    count: bigint,
    options: BackupReadOptions = {},
  ): AsyncGenerator<RecordBatch> {
    return this.#records(ROUTES.transactions.request({ startVersion, count }), options);
  }

  /** As `stateItems`, as many records at once as have arrived. */
  stateItemBatches(
    version: bigint,
    startIndex: bigint,
    limit: bigint,
    options: BackupReadOptions = {},
  ): AsyncGenerator<RecordBatch> {
    return this.#records(ROUTES.stateSnapshotChunk.request({ version, startIndex, limit }), options);
  }

  /**
   * All state items in one answer, for services that know no chunks. What breaks cannot be gone on with.
   */
  wholeStateBatches(version: bigint, { signal }: BackupReadOptions = {}): AsyncGenerator<RecordBatch> {
    return this.#recordsOnce(ROUTES.stateSnapshot.path({ version }), signal);
  }

  async #decoded<T>(codec: Codec<T>, path: string, options: BackupReadOptions): Promise<T> {
    return decodeAnswer(codec, await this.#value(path, options), path);
  }

  async #value(path: string, { signal }: BackupReadOptions): Promise<Uint8Array> {
    const policy = new RetryPolicy(this.#retry);
    for (;;) {
      try {
        return await this.#valueOnce(path, signal);
      } catch (error) {
        await policy.afterFailure(error, signal);
      }
    }
  }

  async #valueOnce(path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const body = await this.#get(path, signal);
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of body.pieces) {
      size += piece.length;
      if (size > PROOF_BYTES_MAX) {
        const message = `the answer to ${path} has more than the ${PROOF_BYTES_MAX} bytes it may have`;
        throw new ServiceError('SERVICE_BODY_TOO_LARGE', message, { facts: { path } });
      }
      pieces.push(piece);
    }
    return new Uint8Array(Buffer.concat(pieces, size));
  }

  async #get(path: string, signal: AbortSignal | undefined): Promise<HttpBody> {
    const startedAt = performance.now();
    const body = await this.#source.get(path, signal);
    const [, endpoint = ''] = path.split('/');
    this.onAnswer(endpoint, performance.now() - startedAt);
    return body;
  }

  async *#records(request: StreamRequest, { signal }: BackupReadOptions): AsyncGenerator<RecordBatch> {
    const { recordsMax } = request;
    const policy = new RetryPolicy(this.#retry);
    let received = 0n;
    let bytes = 0;
    do {
      const path = request.path(received);
      try {
        for await (const batch of this.#recordsOnce(path, signal)) {
          const firstRecord = Number(received);
          received += BigInt(batch.count);
          if (received > recordsMax) throw extraRecords(path, recordsMax);
          policy.progress();
          yield { ...batch, firstRecord, fileOffset: bytes };
          bytes += batch.bytes.length;
        }
        return;
      } catch (error) {
        await policy.afterFailure(error, signal);
      }
      // A connection that broke behind the last record that can come has kept back nothing.
    } while (received < recordsMax);
  }

  async *#recordsOnce(path: string, signal: AbortSignal | undefined): AsyncGenerator<RecordBatch> {
    const body = await this.#get(path, signal);
    const splitter = new RecordSplitter(path, RECORD_BYTES_MAX);
    for await (const piece of body.pieces) yield* splitter.split(piece);
    splitter.finish();
  }
}

function extraRecords(path: string, recordsMax: bigint): ServiceError {
  const message = `the answer to ${path} has more records than were asked for`;
  return new ServiceError('SERVICE_RECORDS_EXTRA', message, { facts: { path, recordsMax } });
}

/** Records one by one, each an array of its own. */
async function* singly(batches: AsyncIterable<RecordBatch>): AsyncGenerator<Uint8Array> {
  for await (const { bytes, starts, ends, count } of batches) {
    for (let index = 0; index < count; index++) yield bytes.slice(starts[index], ends[index]);
  }
}

/**
 * The value that fills an answer.
 * @throws ServiceError SERVICE_BODY_INVALID
 */
export function decodeAnswer<T>(codec: Codec<T>, body: Uint8Array, path: string): T {
  try {
    return decode(codec, body);
  } catch (cause) {
    if (!(cause instanceof BcsError)) throw cause;
    const message = `the answer to ${path} is no ${codec.name}: ${cause.message}`;
    throw new ServiceError('SERVICE_BODY_INVALID', message, { cause, facts: { path } });
  }
}
