import type { RecordBatch } from '../archive/record-file.js';
import type { StateSnapshotEntry } from '../archive/metadata-entry.js';
import type { ViewEntry } from '../archive/metadata-view.js';
import type { StateSnapshotChunk, StateSnapshotManifest } from '../archive/state-snapshot-manifest.js';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { StateTreeFrontier } from '../merkle/state-tree-frontier.js';
import { StateTreeSegment } from '../merkle/state-tree-segment.js';
import type { StateBatchHashes } from '../records/state-records.js';
import type { FileHandle } from '../storage/backup-storage.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import type { VerifyContext } from '../verify/context.js';
import { type LoadedManifest, loadManifests, STATE_SNAPSHOT_KIND } from '../verify/manifests.js';
import { SnapshotAssembly } from '../verify/snapshot-assembly.js';
import { type HashedStateChunk, hashStateChunk } from '../verify/state-chunk.js';
import { verifySnapshotRoot } from '../verify/state-snapshot-root.js';
import { type ArchiveReading, BYTES_AHEAD_MAX, contextOfChunk, verifyContextOf } from './archive-reading.js';
import { BatchMemory } from './batch-memory.js';
import { loadAhead } from './load-ahead.js';
import { requireSound } from './restore-finding.js';

/** Some consecutive state items in the order of their key hashes. All arrays belong to the receiver until `release`. */
export interface ProvenStateItems {
  /** Holds the records; anything may stand between them. */
  readonly bytes: Uint8Array;
  /** Where each record, a state key and its value, begins and ends in `bytes`; `count` entries. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly count: number;
  /** 32 bytes each. */
  readonly keyHashes: Uint8Array;
  readonly valueHashes: Uint8Array;
  /** Gives the memory of `bytes` back for chunks to come; who keeps them need not call it. */
  readonly release?: (() => void) | undefined;
}

/** A chunk up to whose last item the state is proven. */
export interface ProvenStateChunk {
  readonly chunk: StateSnapshotChunk;
  /** Without the items that were there already. */
  readonly batches: readonly ProvenStateItems[];
  /** Bytes of all its records. */
  readonly byteSize: number;
  /** All items up to the chunk's last; a value of the receiver's own. */
  readonly frontier: StateTreeFrontier;
}

interface LoadedChunk {
  readonly context: VerifyContext;
  readonly hashed: HashedStateChunk;
  readonly batches: readonly ProvenStateItems[];
  readonly byteSize: number;
}

/** Reads one snapshot: first `open`, then the chunks. */
export class SnapshotReader {
  readonly #reading: ArchiveReading;
  readonly #context: VerifyContext;
  readonly #backup: LoadedManifest<StateSnapshotManifest>;
  readonly root: HashValue;

  private constructor(
    reading: ArchiveReading,
    context: VerifyContext,
    backup: LoadedManifest<StateSnapshotManifest>,
    root: HashValue,
  ) {
    this.#reading = reading;
    this.#context = context;
    this.#backup = backup;
    this.root = root;
  }

  /**
   * Reads the manifest and proves its root (spec: formats.md, 8.3).
   * @param history undefined where no signature is checked
   * @throws RestoreFindingError
   */
  static async open(
    reading: ArchiveReading,
    history: EpochHistory | undefined,
    entry: ViewEntry<StateSnapshotEntry>,
  ): Promise<SnapshotReader> {
    const context = verifyContextOf(reading);
    for await (const backup of loadManifests(context, STATE_SNAPSHOT_KIND, [entry])) {
      requireSound(context);
      const { root, trust } = await verifySnapshotRoot(context, history, backup);
      const { version } = backup.manifest;
      if (trust === 'unanchored' && history) {
        context.findings.add({
          code: 'NOT_ANCHORED',
          message: `no chain leads from the trust root to the signers of snapshot ${version}`,
          file: backup.manifest.proof,
          versions: [version, version],
          hint: 'Mend what breaks the chain of epoch endings, or trust a later waypoint.',
        });
      }
      requireSound(context);
      return new SnapshotReader(reading, context, backup, root);
    }
    requireSound(context);
    throw new Error('a manifest is missing without a finding');
  }

  get manifest(): StateSnapshotManifest {
    return this.#backup.manifest;
  }

  /** Items, as the manifest has it. */
  get itemCount(): number {
    return Number((this.manifest.chunks.at(-1)?.lastIdx ?? -1n) + 1n);
  }

  /**
   * The chunks in order, each proven before it is given; the next ones are read and hashed meanwhile. When
   * the last was given, all of them together are the whole state.
   * @param before items that are there already: their chunks are not read again
   * @param memory where one with a bound is given, batches have to be released for chunks to be read ahead
   * @throws RestoreFindingError at the first chunk that is not proven, in its turn
   */
  async *chunks(
    before?: StateTreeFrontier,
    memory: BatchMemory = new BatchMemory(),
  ): AsyncGenerator<ProvenStateChunk, void, undefined> {
    const { hashers, concurrency, signal } = this.#reading;
    const frontier = before?.clone() ?? new StateTreeFrontier(sparseMerkleHashers(hashers));
    const assembly = new SnapshotAssembly(this.#context, this.#backup, this.root, frontier);
    const leafCount = BigInt(frontier.leafCount);
    const wanted = this.manifest.chunks.filter(({ lastIdx }) => lastIdx >= leafCount);
    const loaded = loadAhead(
      each(wanted),
      (chunk, leaving) =>
        loadChunk(contextOfChunk(this.#context, leaving), chunk, this.#backup.handle, memory),
      {
        sizeOf: ({ byteSize }) => byteSize,
        bytesMax: BYTES_AHEAD_MAX,
        countMax: concurrency,
        whenRoom: (bytes) => memory.whenRoom(bytes),
        signal,
      },
    );
    for await (const { context, hashed, batches, byteSize } of loaded) {
      const { chunk } = hashed;
      const skipped = chunk.firstIdx < leafCount ? Number(leafCount - chunk.firstIdx) : 0;
      const rest = skipped === 0 ? batches : itemsFrom(batches, skipped);
      const added = skipped === 0 ? hashed.segment : hashed.segment && segmentOf(hashers, rest);
      const proven = assembly.add(hashed, added);
      if (!proven && context.findings.faults === 0) assembly.reportOpen();
      requireSound(context, this.#context);
      yield { chunk, batches: rest, byteSize, frontier: frontier.clone() };
    }
    if (!assembly.finish()) requireSound(this.#context);
  }
}

async function* each<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

async function loadChunk(
  context: VerifyContext,
  chunk: StateSnapshotChunk,
  manifest: FileHandle,
  memory: BatchMemory,
): Promise<LoadedChunk> {
  const batches: ProvenStateItems[] = [];
  let byteSize = 0;
  const keep = (batch: RecordBatch, { keyHashes, valueHashes }: StateBatchHashes): void => {
    byteSize += batch.bytes.length;
    batches.push({
      ...memory.keep(batch.bytes),
      starts: batch.starts.slice(),
      ends: batch.ends.slice(),
      count: batch.count,
      keyHashes: keyHashes.slice(),
      valueHashes: valueHashes.slice(),
    });
  };
  const hashed = await hashStateChunk(context, chunk, manifest, keep);
  return { context, hashed, batches, byteSize };
}

/** Without the first items; arrays are shared. */
function itemsFrom(batches: readonly ProvenStateItems[], skipped: number): ProvenStateItems[] {
  const rest: ProvenStateItems[] = [];
  let left = skipped;
  for (const batch of batches) {
    const from = Math.min(left, batch.count);
    left -= from;
    if (from === batch.count) continue;
    rest.push({
      ...batch,
      starts: batch.starts.subarray(from),
      ends: batch.ends.subarray(from),
      count: batch.count - from,
      keyHashes: batch.keyHashes.subarray(from * HASH_SIZE),
      valueHashes: batch.valueHashes.subarray(from * HASH_SIZE),
    });
  }
  return rest;
}

function segmentOf(hashers: LedgerHashers, batches: readonly ProvenStateItems[]): StateTreeSegment {
  const treeHashers = sparseMerkleHashers(hashers);
  let segment = StateTreeSegment.fromLeaves(treeHashers, new Uint8Array(), new Uint8Array(), 0);
  for (const { keyHashes, valueHashes, count } of batches) {
    segment = segment.merge(StateTreeSegment.fromLeaves(treeHashers, keyHashes, valueHashes, count));
  }
  return segment;
}
