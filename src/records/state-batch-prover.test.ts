import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { RecordBatch } from '../archive/record-file.js';
import { encode } from '../bcs/codec.js';
import type { KernelKind } from '../hashing/kernel-instance.js';
import { STATES_AREA_BYTES } from '../hashing/kernel-states.js';
import { webAssembly } from '../hashing/web-assembly.js';
import { arbitraryDamage, inventValue } from '../test-support/arbitrary-value.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import { StateRecord } from '../types/state-record.js';
import type { RecordFault } from './record-fault.js';
import { StateBatchProver } from './state-batch-prover.js';
import { StateRecordHasher } from './state-records.js';

const BYTES = 4 * 1024 * 1024;
const RECORDS = 16 * 1024;
const PLACES = STATES_AREA_BYTES + BYTES;
const HASHES = PLACES + 8 * RECORDS;
const PAGES = Math.ceil((HASHES + 64 * RECORDS) / 65_536) + 1;
const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
const { dialect } = hashers.family;

function inventRecord(seed: number): Uint8Array {
  return encode<never>(StateRecord as never, inventValue(StateRecord as never, seed, dialect), { dialect });
}

/** In the order of their keys' hashes, without a key twice. */
function sorted(records: readonly Uint8Array[]): readonly Uint8Array[] {
  const byKey = new Map<string, Uint8Array>();
  const hasher = new StateRecordHasher(hashers);
  for (const bytes of records) {
    const batch = { bytes, count: 1, starts: [0], ends: [bytes.length], firstRecord: 0, fileOffset: 0 };
    const { keyHashes } = hasher.hash(batch as never, () => assert.fail('an invented record is sound'));
    byKey.set(Buffer.from(keyHashes).toString('hex'), bytes);
  }
  return [...byKey].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, record]) => record);
}

for (const kind of ['simd', 'scalar'] satisfies KernelKind[]) {
  describe(`StateBatchProver on the ${kind} kernel`, () => {
    const shared = kind === 'simd';
    const memory = new webAssembly.Memory({ initial: PAGES, maximum: PAGES, shared });
    const prover = new StateBatchProver(hashers, memory, 0, kind);
    const hashes = new Uint8Array(memory.buffer, HASHES, 64 * RECORDS);

    /** Says what the codecs' walk says, in the kernel's memory and outside of it. */
    function prove(records: readonly Uint8Array[]): ReturnType<StateBatchProver['prove']> {
      const bytes = new Uint8Array(memory.buffer, STATES_AREA_BYTES, BYTES);
      const starts = new Uint32Array(memory.buffer, PLACES, RECORDS);
      const ends = new Uint32Array(memory.buffer, PLACES + 4 * RECORDS, RECORDS);
      let offset = 0;
      for (const [index, record] of records.entries()) {
        bytes.set(record, offset + 4);
        starts[index] = offset + 4;
        offset += 4 + record.length;
        ends[index] = offset;
      }
      const here = bytes.subarray(0, offset);
      const places = { count: records.length, starts, ends, firstRecord: 1000, fileOffset: 0 };
      const run = (batch: RecordBatch) => {
        const faults: RecordFault[] = [];
        const verdict = prover.prove(batch, hashes, (fault) => faults.push(fault));
        const size = faults.length === 0 ? 64 * records.length : 0;
        return { verdict, faults, hashes: Buffer.from(hashes.slice(0, size)).toString('hex') };
      };
      const inKernel = run({ ...places, bytes: here });
      assert.deepEqual(inKernel, run({ ...places, bytes: Uint8Array.from(here) }));
      return inKernel.verdict;
    }

    it('gives the segments of the codecs for invented items in order', () => {
      const seeds = fc.array(fc.nat(), { minLength: 1, maxLength: 200 });
      fc.assert(
        fc.property(seeds, (all) => {
          assert(prove(sorted(all.map(inventRecord))).segment);
        }),
        { numRuns: 60 },
      );
    });

    it('gives them for batches of several runs', () => {
      for (const count of [2047, 2048, 2049, 6000]) {
        const key = (index: number) => Uint8Array.of(2, 2, index & 255, index >> 8, 0, 1, 7);
        assert(prove(sorted(Array.from({ length: count }, (_, index) => key(index)))).segment);
      }
    });

    it('judges damaged items and items out of order as the codecs do', () => {
      const some = fc.nat().map(inventRecord);
      const records = fc.array(fc.oneof(some, some.chain(arbitraryDamage)), { minLength: 1, maxLength: 6 });
      fc.assert(
        fc.property(records, (all) => void prove(all)),
        { numRuns: 200 },
      );
    });
  });
}
