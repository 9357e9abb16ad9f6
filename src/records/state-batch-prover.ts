import type { RecordBatch } from '../archive/record-file.js';
import { HASH_SIZE } from '../hashing/hash-value.js';
import type { KernelKind } from '../hashing/kernel-instance.js';
import { KernelStates, type KernelStatesSetup } from '../hashing/kernel-states.js';
import type { WasmMemory } from '../hashing/web-assembly.js';
import { MerkleError } from '../merkle/merkle-error.js';
import { SPARSE_MERKLE_PLACEHOLDER } from '../merkle/placeholders.js';
import { type SparseMerkleHashers, sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { StateTreeSegment, type StateTreeSegmentData } from '../merkle/state-tree-segment.js';
import { SubtreeRunBuilder } from '../merkle/subtree-run.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import { stateSkips } from '../types/state-skips.js';
import type { RecordFault } from './record-fault.js';
import { StateRecordHasher } from './state-records.js';

/** What the kernel has to know of a family. */
export function kernelStatesSetup(hashers: LedgerHashers): KernelStatesSetup {
  const { words, entries } = stateSkips(hashers.family.dialect);
  const { stateKey, stateValue, sparseMerkleLeaf, sparseMerkleInternal } = hashers;
  const parts = [stateKey, stateValue, sparseMerkleLeaf, sparseMerkleInternal];
  return {
    seeds: [...parts.map(({ seed }) => seed), SPARSE_MERKLE_PLACEHOLDER],
    program: words,
    entries: [entries.key, entries.value],
  };
}

/** What is known of a batch; neither without a fault means that its records are all there is to say. */
export interface StateBatchVerdict {
  /** Undefined if there are faults or keys are out of order. */
  readonly segment: StateTreeSegmentData | undefined;
  /** The first record whose key does not follow the key before it, 0-based in its file or stream. */
  readonly disorder: { readonly record: number; readonly message: string } | undefined;
}

/**
 * Hashes batches of state records to segments of the tree: the kernel does it where all is plainly right, and
 * what it leaves, damaged or merely large, is looked at here.
 */
export class StateBatchProver {
  readonly #kernel: KernelStates;
  readonly #treeHashers: SparseMerkleHashers;
  readonly #hasher: StateRecordHasher;
  readonly #treeBuilder: SubtreeRunBuilder;

  /** @param area a part of `memory`, which batches lie in, of `STATES_AREA_BYTES` */
  constructor(hashers: LedgerHashers, memory: WasmMemory, area: number, kind?: KernelKind) {
    this.#kernel = new KernelStates(memory, area, kernelStatesSetup(hashers), kind);
    this.#treeHashers = sparseMerkleHashers(hashers);
    this.#hasher = new StateRecordHasher(hashers);
    this.#treeBuilder = new SubtreeRunBuilder(this.#treeHashers);
  }

  /**
   * @param out in the memory, as are the places of records; gets the hashes of all keys, then those of all
   *   values, unless there are faults
   * @param onFault called for each record that is no state item
   */
  prove(batch: RecordBatch, out: Uint8Array, onFault: (fault: RecordFault) => void): StateBatchVerdict {
    const { bytes: base, starts, ends, count } = batch;
    const size = count * HASH_SIZE;
    if (count > 0 && this.#kernel.holds(base)) {
      const [keys, values] = [out.subarray(0, size), out.subarray(size, 2 * size)];
      const run = this.#kernel.prove({ base, starts, ends, count }, keys, values);
      if (run) {
        const ends = { firstKey: keys.slice(0, HASH_SIZE), lastKey: keys.slice(-HASH_SIZE) };
        const lastValueHash = values.slice(-HASH_SIZE);
        return {
          segment: { leafCount: count, ends: { ...ends, lastValueHash }, run },
          disorder: undefined,
        };
      }
    }
    return this.#judge(batch, out, onFault);
  }

  #judge(batch: RecordBatch, out: Uint8Array, onFault: (fault: RecordFault) => void): StateBatchVerdict {
    let faults = 0;
    const { keyHashes, valueHashes, count } = this.#hasher.hash(batch, (fault) => {
      faults++;
      onFault(fault);
    });
    if (faults > 0) return { segment: undefined, disorder: undefined };
    out.set(keyHashes, 0);
    out.set(valueHashes, count * HASH_SIZE);
    try {
      const [hashers, builder] = [this.#treeHashers, this.#treeBuilder];
      const { data } = StateTreeSegment.fromLeaves(hashers, keyHashes, valueHashes, count, builder);
      return { segment: data, disorder: undefined };
    } catch (error) {
      if (!(error instanceof MerkleError)) throw error;
      const record = batch.firstRecord + Number(error.facts['index'] ?? 0);
      return { segment: undefined, disorder: { record, message: error.message } };
    }
  }
}
