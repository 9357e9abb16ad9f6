import type { RecordBatch } from '../archive/record-file.js';
import { RECORD_PREFIX_SIZE } from '../archive/record-framing.js';
import { requireAll } from '../service/record-count.js';
import { ITEM_COUNT_UNKNOWN, type SnapshotSource } from '../service/snapshot-source.js';
import { hashStateBatch, type StateBatch } from '../service/state-batch.js';
import type { BackupContext } from './backup-context.js';
import { sideBySide } from './read-ahead.js';

/** Items of one request: few enough that a node answers in one breath, many enough that requests are rare. */
const ITEMS_OF_A_REQUEST = 20_000n;
/** Bytes that each request may be ahead of what is used. */
const AHEAD_BYTES = 4 * 1024 * 1024;
/** Bytes that are hashed at once, where a chunk is not smaller. */
const BLOCK_BYTES = 256 * 1024;

/**
 * The items of a snapshot from an index on, in order; requests are made side by side. Memory is
 * `AHEAD_BYTES` for each of them, and one record more. A batch is valid until the next one.
 */
export async function* stateItems(
  context: BackupContext,
  snapshot: SnapshotSource,
  firstIndex: bigint,
  signal: AbortSignal,
): AsyncGenerator<StateBatch> {
  const { itemCount, version } = snapshot;
  if (itemCount === ITEM_COUNT_UNKNOWN) {
    yield* wholeState(context, version, firstIndex, signal);
    return;
  }
  const left = itemCount > firstIndex ? itemCount - firstIndex : 0n;
  const requests = Number((left + ITEMS_OF_A_REQUEST - 1n) / ITEMS_OF_A_REQUEST);
  const open = (request: number, leaving: AbortSignal): AsyncIterable<RecordBatch> => {
    const start = firstIndex + BigInt(request) * ITEMS_OF_A_REQUEST;
    const end = start + ITEMS_OF_A_REQUEST < itemCount ? start + ITEMS_OF_A_REQUEST : itemCount;
    return chunkBlocks(context, version, start, end, AbortSignal.any([signal, leaving]));
  };
  const options = { sizeOf: ({ bytes }: RecordBatch) => bytes.length, bytesMax: AHEAD_BYTES };
  let index = firstIndex;
  for await (const block of sideBySide(requests, open, context.gate, options)) {
    yield hashed(context, block, index);
    index += BigInt(block.count);
  }
}

function hashed({ metrics, hashers }: BackupContext, block: RecordBatch, firstIndex: bigint): StateBatch {
  const startedAt = performance.now();
  const batch = metrics.proving(() => hashStateBatch(hashers, block, firstIndex));
  metrics.timed('state_snapshot_process_records', performance.now() - startedAt);
  return batch;
}

/** The one stream of an older service; what is there already is passed over. */
async function* wholeState(
  context: BackupContext,
  version: bigint,
  firstIndex: bigint,
  signal: AbortSignal,
): AsyncGenerator<StateBatch> {
  const batches = context.chain.source.client.wholeStateBatches(version, { signal });
  let index = 0n;
  for await (const block of blocks(context, batches, 'state_snapshot', signal)) {
    const passed = firstIndex > index ? Number(firstIndex - index) : 0;
    const first = index;
    index += BigInt(block.count);
    if (passed >= block.count) continue;
    yield hashed(context, passed === 0 ? block : without(block, passed), first + BigInt(passed));
  }
}

/** A block without its first records. */
function without(block: RecordBatch, passed: number): RecordBatch {
  const begin = (block.starts[passed] ?? 0) - RECORD_PREFIX_SIZE;
  return {
    bytes: block.bytes.subarray(begin),
    count: block.count - passed,
    starts: block.starts.subarray(passed).map((start) => start - begin),
    ends: block.ends.subarray(passed).map((end) => end - begin),
    firstRecord: block.firstRecord + passed,
    fileOffset: block.fileOffset + begin,
  };
}

/** Items [start, end) of one request. */
async function* chunkBlocks(
  context: BackupContext,
  version: bigint,
  start: bigint,
  end: bigint,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  const { client } = context.chain.source;
  const batches = client.stateItemBatches(version, start, end - start, { signal });
  let reached = start;
  for await (const block of blocks(context, batches, 'state_snapshot_chunk', signal)) {
    reached += BigInt(block.count);
    yield block;
  }
  requireAll('state items', start, end, reached);
}

/** The records of an answer, gathered into blocks of their own memory. */
async function* blocks(
  { rate, metrics, chunkBytesMax }: BackupContext,
  source: AsyncIterable<RecordBatch>,
  endpoint: string,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  const blockBytes = Math.min(BLOCK_BYTES, chunkBytesMax);
  let batches: RecordBatch[] = [];
  let bytes = 0;
  const startedAt = performance.now();
  let since = startedAt;
  try {
    for await (const batch of source) {
      metrics.timed('state_snapshot_read_record_bytes', performance.now() - since);
      metrics.received(endpoint, batch.bytes.length);
      const { starts, ends } = batch;
      batches.push({ ...batch, bytes: batch.bytes.slice(), starts: starts.slice(), ends: ends.slice() });
      bytes += batch.bytes.length;
      if (bytes >= blockBytes) {
        const offeredAt = performance.now();
        yield joined(batches, bytes);
        metrics.timed('state_snapshot_record_stream_send_bytes', performance.now() - offeredAt);
        batches = [];
        bytes = 0;
      }
      await rate.spend(batch.bytes.length, signal);
      since = performance.now();
    }
    metrics.timed('state_snapshot_record_stream_all', performance.now() - startedAt);
  } catch (error) {
    // What came before a failure can still be committed, and need not be fetched again.
    if (batches.length > 0 && !signal.aborted) yield joined(batches, bytes);
    throw error;
  }
  if (batches.length > 0) yield joined(batches, bytes);
}

function joined(batches: readonly RecordBatch[], size: number): RecordBatch {
  const count = batches.reduce((sum, batch) => sum + batch.count, 0);
  const joint = { bytes: new Uint8Array(size), starts: new Uint32Array(count), ends: new Uint32Array(count) };
  let offset = 0;
  let record = 0;
  for (const { bytes, starts, ends } of batches) {
    joint.bytes.set(bytes, offset);
    for (let index = 0; index < starts.length; index++, record++) {
      joint.starts[record] = (starts[index] ?? 0) + offset;
      joint.ends[record] = (ends[index] ?? 0) + offset;
    }
    offset += bytes.length;
  }
  const [first] = batches;
  return { ...joint, count, firstRecord: first?.firstRecord ?? 0, fileOffset: first?.fileOffset ?? 0 };
}
