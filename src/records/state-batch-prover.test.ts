import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { RecordBatch } from '../archive/record-file.js';
import { BcsError } from '../bcs/bcs-error.js';
import { decode, encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { KernelStates, STATES_AREA_BYTES } from '../hashing/kernel-states.js';
import { sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { StateTreeFrontier } from '../merkle/state-tree-frontier.js';
import { StateTreeSegment } from '../merkle/state-tree-segment.js';
import { arbitraryDamage, inventValue } from '../test-support/arbitrary-value.js';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { recordsOf } from '../test-support/record-frames.js';
import { LEDGER_FAMILIES, type LedgerHashers, ledgerHashers } from '../types/ledger-family.js';
import { StateRecord } from '../types/state-record.js';
import { KERNEL_VARIANTS, KernelBatchMemory, type KernelVariant } from './kernel-batch.test.support.js';
import type { RecordFault } from './record-fault.js';
import { kernelStatesSetup, StateBatchProver, type StateBatchVerdict } from './state-batch-prover.js';
import { StateRecordHasher } from './state-records.js';

/** One batch's memory with a prover on it. */
class Bench {
  readonly hashers: LedgerHashers;
  readonly #memory: KernelBatchMemory;
  readonly #prover: StateBatchProver;
  readonly #kernel: KernelStates;

  constructor(hashers: LedgerHashers, variant: KernelVariant) {
    this.hashers = hashers;
    this.#memory = new KernelBatchMemory(STATES_AREA_BYTES, variant);
    const { memory } = this.#memory;
    this.#kernel = new KernelStates(memory, 0, kernelStatesSetup(hashers), variant.kind);
    this.#prover = new StateBatchProver(hashers, memory, 0, variant.kind);
  }

  record(seed: number): Uint8Array {
    const { dialect } = this.hashers.family;
    return encode<never>(StateRecord as never, inventValue(StateRecord as never, seed, dialect), { dialect });
  }

  /** In the order of their keys' hashes, without a key twice. */
  sorted(records: readonly Uint8Array[]): readonly Uint8Array[] {
    const byKey = new Map<string, Uint8Array>();
    const hasher = new StateRecordHasher(this.hashers);
    for (const bytes of records) {
      const places = { starts: Uint32Array.of(0), ends: Uint32Array.of(bytes.length) };
      const batch = { bytes, count: 1, ...places, firstRecord: 0, fileOffset: 0 };
      const { keyHashes } = hasher.hash(batch, assert.ifError);
      byKey.set(toHex(keyHashes), bytes);
    }
    return [...byKey].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, record]) => record);
  }

  /** Proves records in the kernel's memory; requires what the codecs' walk says of them elsewhere. */
  prove(records: readonly Uint8Array[]): StateBatchVerdict & { readonly faults: readonly RecordFault[] } {
    const batch = this.#memory.batch(records);
    const run = (bytes: Uint8Array) => {
      const faults: RecordFault[] = [];
      const verdict = this.#prover.prove({ ...batch, bytes }, this.#memory.hashes, (fault) => {
        faults.push(fault);
      });
      const size = faults.length === 0 ? 64 * records.length : 0;
      return { verdict, faults, hashes: toHex(this.#memory.hashes.slice(0, size)) };
    };
    const inKernel = run(batch.bytes);
    assert.deepEqual(inKernel, run(Uint8Array.from(batch.bytes)));
    this.#requireCodecsFaults(records, batch, inKernel.faults);
    return { ...inKernel.verdict, faults: inKernel.faults };
  }

  /** Whether the kernel has found subtrees of these records by itself. */
  isPlain(records: readonly Uint8Array[]): boolean {
    const { bytes: base, starts, ends, count } = this.#memory.batch(records);
    const { hashes } = this.#memory;
    const [keys, values] = [hashes.subarray(0, 32 * count), hashes.subarray(32 * count, 64 * count)];
    return this.#kernel.prove({ base, starts, ends, count }, keys, values) !== undefined;
  }

  /** Faults are the refusals of decoding, at their places in the batch, and no others. */
  #requireCodecsFaults(
    records: readonly Uint8Array[],
    { starts, firstRecord }: RecordBatch,
    faults: readonly RecordFault[],
  ): void {
    const { dialect } = this.hashers.family;
    const expected = records.flatMap((bytes, index) => {
      try {
        decode(StateRecord, bytes, { dialect });
        return [];
      } catch (error) {
        assert(error instanceof BcsError);
        const { code, path: field } = error;
        return [[firstRecord + index, code, field, (starts[index] ?? 0) + error.offset]];
      }
    });
    const found = faults.map(({ record, error, offset }) => [record, error?.code, error?.path, offset]);
    assert.deepEqual(found, expected);
  }
}

/** A raw key of two bytes and a short value; the same in every family. */
function smallRecord(index: number): Uint8Array {
  return Uint8Array.of(2, 2, index & 255, index >> 8, 0, 1, 7);
}

/** A table item whose key and value are so long. */
function tableRecord(keyBytes: number, valueBytes: number): Uint8Array {
  const value = { handle: new Uint8Array(32).fill(3), key: new Uint8Array(keyBytes).fill(4) };
  const data = new Uint8Array(valueBytes).fill(5);
  return encode(StateRecord, [
    { variant: 'TableItem', value },
    { variant: 'V0', value: data },
  ]);
}

/** A raw key and a value whose lengths are written as given. */
function withLengths(keyLength: readonly number[], valueLength: readonly number[]): Uint8Array {
  return Uint8Array.of(2, ...keyLength, 8, 9, 0, ...valueLength, 7);
}

const RIGHT = withLengths([2], [1]);

/** Records that are nearly right, by what is wrong with them. */
const MALFORMED: readonly (readonly [string, Uint8Array])[] = [
  ['nothing at all', new Uint8Array()],
  ['an unknown kind of key', Uint8Array.of(3, ...RIGHT.subarray(1))],
  ['an unknown kind of value', Uint8Array.of(2, 2, 8, 9, 2, 1, 7)],
  ['a kind of key in two bytes', Uint8Array.of(0x82, 0, ...RIGHT.subarray(1))],
  ['a length of a key with a superfluous byte', withLengths([0x82, 0], [1])],
  ['a length of a value with a superfluous byte', withLengths([2], [0x81, 0])],
  ['a length of a value with four superfluous bytes', withLengths([2], [0x81, 0x80, 0x80, 0x80, 0])],
  ['a length above 32 bits', withLengths([2], [0xff, 0xff, 0xff, 0xff, 0x1f])],
  ['a length that does not end', withLengths([2], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0])],
  ['a length above the most that there may be', withLengths([2], [0xff, 0xff, 0xff, 0xff, 0x0f])],
  ['a length that is one too large', withLengths([2], [2])],
  ['a length that is one too small', withLengths([2], [0])],
  ['a key that takes the value too', withLengths([5], [1])],
  ['a byte more', Uint8Array.of(...RIGHT, 0)],
  ['a table handle that is cut', Uint8Array.of(1, ...new Uint8Array(20))],
  ['metadata of no kind', Uint8Array.of(2, 2, 8, 9, 1, 1, 7, 2, ...new Uint8Array(24))],
];

for (const variant of KERNEL_VARIANTS) {
  for (const family of Object.values(LEDGER_FAMILIES)) {
    describe(`proving batches of ${family.name} state items with ${variant.title}`, {
      skip: variant.skip,
    }, () => {
      const bench = new Bench(ledgerHashers(family), variant);
      const some = fc.nat().map((seed) => bench.record(seed));

      it('gives the segments of the codecs for invented items in order, in the kernel', () => {
        fc.assert(
          fc.property(fc.array(some, { minLength: 1, maxLength: 150 }), (all) => {
            const records = bench.sorted(all);
            assert(bench.prove(records).segment);
            assert(bench.isPlain(records));
          }),
          { numRuns: 40 },
        );
      });

      it('gives them for batches of several runs', () => {
        for (const count of [2047, 2048, 2049, 6000]) {
          const records = bench.sorted(Array.from({ length: count }, (_, index) => smallRecord(index)));
          assert(bench.prove(records).segment);
          assert(bench.isPlain(records));
        }
      });

      it('judges damaged items and items out of order as the codecs do', () => {
        const records = fc.array(fc.oneof(some, some.chain(arbitraryDamage)), { minLength: 1, maxLength: 6 });
        fc.assert(
          fc.property(records, (all) => void bench.prove(all)),
          { numRuns: 150 },
        );
      });

      it('refuses an item that is cut anywhere, or longer than it says, with the refusal of its codec', () => {
        for (let seed = 0; seed < 12; seed++) {
          const record = bench.record(seed);
          const step = Math.ceil(record.length / 60);
          for (let length = 0; length < record.length; length += step) {
            const batch = [smallRecord(1), record.subarray(0, length), smallRecord(2)];
            assert.deepEqual(
              bench.prove(batch).faults.map((fault) => fault.record),
              [1001],
            );
          }
          assert.equal(bench.prove([Uint8Array.of(...record, 0)]).faults.length, 1);
        }
      });

      it('leaves a bad item at any place of a long batch to the codecs, and says where it is', () => {
        const good = bench.sorted(Array.from({ length: 4500 }, (_, index) => smallRecord(index)));
        for (const at of [0, 1, 2047, 2048, 4096, 4499]) {
          const spoilt = good.with(at, good[at]?.subarray(0, -1) ?? RIGHT);
          assert.deepEqual(
            bench.prove(spoilt).faults.map(({ record }) => record),
            [1000 + at],
          );
        }
      });

      it('names the first item whose key does not follow, across runs too', () => {
        const good = bench.sorted(Array.from({ length: 4500 }, (_, index) => smallRecord(index)));
        for (const at of [1, 2, 2047, 2048, 2049, 4096, 4499]) {
          const [before, here] = [good[at - 1] ?? RIGHT, good[at] ?? RIGHT];
          const twice = bench.prove(good.with(at, before));
          assert.equal(twice.disorder?.record, 1000 + at);
          const swapped = bench.prove(good.with(at - 1, here).with(at, before));
          assert.equal(swapped.disorder?.record, 1000 + at);
          assert.equal(swapped.segment, undefined);
        }
      });

      it('takes keys and values of any length, and keys that have no room in a run', () => {
        for (const size of [0, 1, 127, 128, 135, 136, 137, 16_383, 16_384, 200_000, 262_100, 300_000]) {
          for (const record of [tableRecord(size, 3), tableRecord(3, size)])
            assert(bench.prove([record]).segment);
        }
        assert.equal(bench.isPlain([tableRecord(300_000, 3)]), false);
        assert.equal(bench.isPlain([tableRecord(3, 300_000)]), true);
        const large = Array.from({ length: 9 }, (_, index) => tableRecord(90_000 + index, 40_000));
        const records = bench.sorted(large);
        assert(bench.prove(records).segment);
        assert(bench.isPlain(records));
      });

      for (const [title, record] of MALFORMED) {
        it(`refuses ${title} as the codecs do, before, between and behind right items`, () => {
          const [first, second] = bench.sorted([smallRecord(1), smallRecord(2)]);
          assert(first && second);
          for (const batch of [[record], [record, first], [first, record, second], [first, second, record]]) {
            const { faults, segment } = bench.prove(batch);
            assert.equal(faults.length, 1);
            assert.equal(segment, undefined);
            assert.equal(bench.isPlain(batch), false);
          }
        });
      }
    });
  }

  describe(`proving the state of real archives with ${variant.title}`, { skip: variant.skip }, () => {
    const bench = new Bench(ledgerHashers(LEDGER_FAMILIES.aptos), variant);
    const treeHashers = sparseMerkleHashers(bench.hashers);
    for (const fixture of ['reference-ledger/archive', 'reference-random']) {
      it(`gives the roots of ${fixture} in the kernel`, { skip: withoutFixture(fixture) }, () => {
        let proven = 0;
        for (const { root, chunks } of snapshots(fixturePath(fixture))) {
          const frontier = new StateTreeFrontier(treeHashers);
          for (const records of chunks) {
            const { segment } = bench.prove(records);
            assert(segment);
            assert(bench.isPlain(records));
            frontier.addSegment(new StateTreeSegment(treeHashers, segment));
          }
          assert.equal(toHex(frontier.currentRoot()), root);
          proven += frontier.leafCount;
        }
        assert(proven > 0);
      });
    }
  });
}

interface Snapshot {
  readonly root: string;
  readonly chunks: readonly (readonly Uint8Array[])[];
}

/** All snapshots below a folder, with their chunks in order. */
function snapshots(folder: string): Snapshot[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => path.basename(name) === 'state.manifest')
    .map((name) => {
      const manifest = path.join(folder, name);
      const { root_hash, chunks } = JSON.parse(readFileSync(manifest, 'utf8')) as {
        readonly root_hash: string;
        readonly chunks: readonly { readonly blobs: string }[];
      };
      // Handles name files from the archive's own folder on.
      const archive = path.join(path.dirname(manifest), '..');
      const read = (handle: string): Uint8Array[] => recordsOf(readFileSync(path.join(archive, handle)));
      return { root: root_hash, chunks: chunks.map(({ blobs }) => read(blobs)) };
    });
}
