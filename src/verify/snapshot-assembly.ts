import type { StateSnapshotChunk, StateSnapshotManifest } from '../archive/state-snapshot-manifest.js';
import { equalBytes, type HashValue, toHex } from '../hashing/hash-value.js';
import { MerkleError } from '../merkle/merkle-error.js';
import { sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { StateTreeFrontier } from '../merkle/state-tree-frontier.js';
import type { StateTreeSegment } from '../merkle/state-tree-segment.js';
import type { VerifyContext } from './context.js';
import type { LoadedManifest } from './manifests.js';
import type { HashedStateChunk } from './state-chunk.js';

/** A chunk after which the tree did not give the root, until it is known which file lies. */
interface OpenMismatch {
  readonly chunk: StateSnapshotChunk;
  readonly error: MerkleError;
}

/** Sets the hashed chunks of one snapshot side by side and proves them against the root. */
export class SnapshotAssembly {
  readonly #context: VerifyContext;
  readonly #backup: LoadedManifest<StateSnapshotManifest>;
  readonly #root: HashValue;
  readonly #frontier: StateTreeFrontier;
  #open: OpenMismatch[] = [];
  /** True once a chunk is missing or cannot be part of the tree: what follows cannot be proven. */
  #broken = false;
  /** The first item behind the break that could be read. */
  #unprovenFrom: bigint | undefined;
  #previous: StateSnapshotChunk | undefined;

  /** @param frontier with the items of the chunks that went before, if some did */
  constructor(
    context: VerifyContext,
    backup: LoadedManifest<StateSnapshotManifest>,
    root: HashValue,
    frontier: StateTreeFrontier = new StateTreeFrontier(sparseMerkleHashers(context.hashers)),
  ) {
    this.#context = context;
    this.#backup = backup;
    this.#root = root;
    this.#frontier = frontier;
  }

  get items(): number {
    return this.#frontier.leafCount;
  }

  /**
   * Chunks come in the order of the manifest.
   * @param added what the chunk has beyond the items that are in the frontier, if not all of it
   * @returns whether everything up to the chunk's last item is proven
   */
  add(hashed: HashedStateChunk, added: StateTreeSegment | undefined = hashed.segment): boolean {
    const proven = this.#extend(hashed.chunk, added) && this.#prove(hashed);
    if (hashed.segment) this.#compareManifest(hashed, proven);
    this.#previous = hashed.chunk;
    return proven;
  }

  #extend(chunk: StateSnapshotChunk, segment: StateTreeSegment | undefined): boolean {
    if (this.#broken) {
      if (segment) this.#unprovenFrom ??= chunk.firstIdx;
      return false;
    }
    if (!segment) {
      this.#broken = true;
      return false;
    }
    try {
      this.#frontier.addSegment(segment);
      return true;
    } catch (error) {
      if (!(error instanceof MerkleError)) throw error;
      this.#context.findings.add({
        code: 'STATE_KEYS_NOT_INCREASING',
        message: `the chunk does not continue the keys of the one before: ${error.message}`,
        file: chunk.blobs,
        record: 0,
        ...(this.#previous ? { otherFiles: [this.#previous.blobs] } : {}),
      });
      this.#broken = true;
      return false;
    }
  }

  /** When the tree gives the root, all items so far are right, and every proof that said otherwise is not. */
  #prove({ chunk, rightSiblings }: HashedStateChunk): boolean {
    if (!rightSiblings) return false;
    try {
      this.#frontier.verify(rightSiblings, this.#root);
      this.#blameProofs();
      return true;
    } catch (error) {
      if (!(error instanceof MerkleError)) throw error;
      this.#open.push({ chunk, error });
      return false;
    }
  }

  #blameProofs(): void {
    for (const { chunk, error } of this.#open) {
      this.#context.findings.add({
        code: 'STATE_ROOT_MISMATCH',
        message: `the range proof is wrong, its items are right: ${error.message}`,
        file: chunk.proof,
      });
    }
    this.#open = [];
  }

  #compareManifest({ chunk, segment, count }: HashedStateChunk, proven: boolean): void {
    const { findings } = this.#context;
    const { handle } = this.#backup;
    // Items that are proven leave only the manifest to be wrong.
    const place = proven ? { file: handle } : { file: chunk.blobs, otherFiles: [handle] };
    const expected = chunk.lastIdx - chunk.firstIdx + 1n;
    if (BigInt(count) !== expected) {
      const message = `the chunk holds ${count} state items, its manifest says ${expected}`;
      const facts = { expected: `${expected}`, actual: `${count}` };
      findings.add({ ...place, code: 'RECORD_COUNT_MISMATCH', message, ...facts });
    }
    const ends = segment?.data.ends;
    for (const [which, claimed, found] of [
      ['first', chunk.firstKey, ends?.firstKey],
      ['last', chunk.lastKey, ends?.lastKey],
    ] as const) {
      if (!found || equalBytes(claimed, found)) continue;
      findings.add({
        ...place,
        code: 'STATE_KEY_RANGE_MISMATCH',
        message: `the ${which} key of the chunk is not the one in the manifest`,
        expected: toHex(claimed),
        actual: toHex(found),
      });
    }
  }

  /** After the last chunk: true when all items together are the whole tree. */
  finish(): boolean {
    const { findings } = this.#context;
    const { handle, manifest } = this.#backup;
    if (this.#broken) {
      this.reportOpen();
      if (this.#unprovenFrom === undefined) return false;
      findings.add({
        code: 'NOT_PROVEN',
        message: `items from ${this.#unprovenFrom} on of snapshot ${manifest.version} (${handle}) are not proven`,
        versions: [manifest.version, manifest.version],
        hint: 'Bring back the damaged chunk and verify again.',
      });
      return false;
    }
    const actual = this.#frontier.currentRoot();
    if (equalBytes(actual, this.#root)) {
      this.#blameProofs();
      return true;
    }
    if (this.reportOpen()) return false;
    findings.add({
      code: 'STATE_INCOMPLETE',
      message: `the ${this.items} items of the manifest's chunks are not the whole state: more must follow`,
      file: handle,
      expected: toHex(this.#root),
      actual: toHex(actual),
      versions: [manifest.version, manifest.version],
    });
    return false;
  }

  /** Without more chunks: from the first mismatch on every proof fails, so only that chunk or its proof can be meant. */
  reportOpen(): boolean {
    const [first] = this.#open;
    if (!first) return false;
    const { chunk, error } = first;
    const { expected, actual } = error.facts;
    this.#context.findings.add({
      code: 'STATE_ROOT_MISMATCH',
      message: `items ${chunk.firstIdx} to ${chunk.lastIdx}: ${error.message}`,
      file: chunk.blobs,
      otherFiles: [chunk.proof],
      ...(typeof expected === 'string' ? { expected } : {}),
      ...(typeof actual === 'string' ? { actual } : {}),
    });
    return true;
  }
}
