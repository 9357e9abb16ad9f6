import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { StateTreeFrontier } from '../merkle/state-tree-frontier.js';
import { StateTreeSegment } from '../merkle/state-tree-segment.js';
import type { RecordFault } from '../records/record-fault.js';
import { StateRecordHasher } from '../records/state-records.js';
import { arbitraryDamage, inventValue } from '../test-support/arbitrary-value.js';
import { memoryFolder } from '../test-support/memory-folder.js';
import { LEDGER_FAMILIES, type LedgerHashers, ledgerHashers } from '../types/ledger-family.js';
import { StateRecord } from '../types/state-record.js';
import { openProvingPool } from './open-proving-pool.js';
import type { ProvingPool, RecordSource } from './proving-pool.js';
import { batchOf, plainFault, sourceOf, sourceOfFile } from './record-sources.test.support.js';

/** Raw keys and values of about 200 bytes, which are the same in every family. */
function plainItems(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => {
    const key = { variant: 'Raw', value: Buffer.from(`key ${index}`) } as const;
    const value = { variant: 'V0', value: new Uint8Array(150 + (index % 90)).fill(index) } as const;
    return encode(StateRecord, [key, value]);
  });
}

/** In the order of their key hashes. */
function sortedByKey(hashers: LedgerHashers, items: readonly Uint8Array[]): Uint8Array[] {
  const { keyHashes } = new StateRecordHasher(hashers).hash(batchOf(items), assert.ifError);
  const hashes = items.map((_, index) => toHex(keyHashes.subarray(index * 32, index * 32 + 32)));
  return items
    .map((item, index) => ({ item, hash: hashes[index] ?? '' }))
    .sort((left, right) => (left.hash < right.hash ? -1 : 1))
    .map(({ item }) => item);
}

/** The root over all items, by their segments and by their hashes. */
async function itemsRoot(
  hashers: LedgerHashers,
  pool: ProvingPool,
  source: RecordSource,
): Promise<string | undefined> {
  const treeHashers = sparseMerkleHashers(hashers);
  const fromSegments = new StateTreeFrontier(treeHashers);
  const fromHashes = new StateTreeFrontier(treeHashers);
  for await (const batch of pool.stateItems(source)) {
    if (!batch.segment) return undefined;
    fromSegments.addSegment(new StateTreeSegment(treeHashers, batch.segment));
    fromHashes.addMany(batch.keyHashes, batch.valueHashes, batch.count);
  }
  assert.equal(toHex(fromSegments.currentRoot()), toHex(fromHashes.currentRoot()));
  return toHex(fromSegments.currentRoot());
}

function expectRoot(hashers: LedgerHashers, items: readonly Uint8Array[]): string {
  const frontier = new StateTreeFrontier(sparseMerkleHashers(hashers));
  const { keyHashes, valueHashes } = new StateRecordHasher(hashers).hash(batchOf(items), assert.ifError);
  frontier.addMany(keyHashes, valueHashes, items.length);
  return toHex(frontier.currentRoot());
}

/** The faults of a whole source, with their places in it. */
async function findFaults(pool: ProvingPool, source: RecordSource): Promise<unknown[]> {
  const faults: unknown[] = [];
  for await (const batch of pool.stateItems(source)) {
    for (const fault of batch.faults) faults.push(plainFault(fault, batch.fileOffset));
    assert.equal(batch.segment === undefined, batch.faults.length > 0 || batch.disorder !== undefined);
    assert.equal(batch.keyHashes.length, batch.faults.length === 0 ? 32 * batch.count : 0);
  }
  return faults;
}

/** The same by the codecs' walk, record by record. */
function expectFaults(hashers: LedgerHashers, records: readonly Uint8Array[]): unknown[] {
  const hasher = new StateRecordHasher(hashers);
  const faults: unknown[] = [];
  let offset = 0;
  records.forEach((record, index) => {
    const found: RecordFault[] = [];
    hasher.hash(batchOf([record], index), (fault) => found.push(fault));
    for (const fault of found) faults.push(plainFault(fault, offset));
    offset += 4 + record.length;
  });
  return faults;
}

const folder = memoryFolder({ after });

for (const family of Object.values(LEDGER_FAMILIES)) {
  const hashers = ledgerHashers(family);
  const state = sortedByKey(hashers, plainItems(9000));
  for (const threads of [1, 2]) {
    describe(`${family.name} state items in a pool of ${threads} thread${threads === 1 ? '' : 's'}`, () => {
      let pool: ProvingPool;
      before(() => {
        pool = openProvingPool({ family, threads });
      });
      after(() => pool.close());
      const fileOf = (records: readonly Uint8Array[], gzip = false): Promise<RecordSource> =>
        sourceOfFile(path.join(folder, `${family.name}-${threads}`), records, gzip);

      it('become a tree, with the hashes of all', async () => {
        const expected = expectRoot(hashers, state);
        assert.equal(await itemsRoot(hashers, pool, await fileOf(state)), expected);
        const [left, right] = [state.slice(0, 4000), state.slice(4000)];
        const source = sourceOf(batchOf(left), batchOf(right, 4000));
        assert.equal(await itemsRoot(hashers, pool, source), expected);
      });

      it('become that of the codecs whatever their variants', async () => {
        const { dialect } = family;
        const items = Array.from({ length: 3000 }, (_, seed) =>
          encode<never>(StateRecord as never, inventValue(StateRecord as never, seed, dialect), { dialect }),
        );
        const keys = new Set<string>();
        const hasher = new StateRecordHasher(hashers);
        const different = items.filter((item) => {
          const { keyHashes } = hasher.hash(batchOf([item]), assert.ifError);
          return keys.size < keys.add(toHex(keyHashes)).size;
        });
        const sorted = sortedByKey(hashers, different);
        assert.equal(await itemsRoot(hashers, pool, await fileOf(sorted)), expectRoot(hashers, sorted));
      });

      it('are told where a key is out of order, and which record is no item', async () => {
        for (const at of [1, 2000, 3999]) {
          const repeated = state.slice(0, 4000).with(at, state[at - 1] ?? new Uint8Array());
          for await (const batch of pool.stateItems(sourceOf(batchOf(repeated)))) {
            assert.equal(batch.disorder?.record, at);
            assert.match(batch.disorder.message, /does not follow/);
            assert.equal(batch.segment, undefined);
          }
        }
        const broken = state.with(17, Uint8Array.of(7));
        const [fault, ...others] = await findFaults(pool, sourceOf(batchOf(broken.slice(0, 100))));
        assert.deepEqual(others, []);
        const { record, code } = fault as RecordFault;
        assert.deepEqual([record, code], [17, 'RECORD_INVALID']);
      });

      it('have the faults of the codecs at the same places, also around the ends of batches', async () => {
        // Where the second batch of a bare file begins: the record that the first one has no room for.
        let boundary = 0;
        for await (const batch of pool.stateItems(await fileOf(state))) boundary ||= batch.count;
        assert(boundary > 0 && boundary < state.length);
        const at = fc.oneof(fc.nat(state.length - 1), fc.integer({ min: boundary - 2, max: boundary + 2 }));
        const damage = at.chain((index) =>
          fc.record({ index: fc.constant(index), bytes: arbitraryDamage(state[index] ?? new Uint8Array()) }),
        );
        await fc.assert(
          fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
            const records = [...state];
            for (const { index, bytes } of damages) records[index] = bytes;
            assert.deepEqual(await findFaults(pool, await fileOf(records)), expectFaults(hashers, records));
          }),
          { numRuns: 12 },
        );
      });

      it('are proven when more tiny ones come than a batch may have, and ones larger than a batch', async () => {
        const tiny = sortedByKey(
          hashers,
          Array.from({ length: 40_000 }, (_, index) =>
            Uint8Array.of(2, 3, index & 255, (index >> 8) & 255, index >> 16, 0, 0),
          ),
        );
        assert.equal(await itemsRoot(hashers, pool, await fileOf(tiny)), expectRoot(hashers, tiny));
        const key = { variant: 'Raw', value: Buffer.from('huge') } as const;
        const value = { variant: 'V0', value: new Uint8Array(randomBytes(3_000_001)) } as const;
        const huge = sortedByKey(hashers, [encode(StateRecord, [key, value]), ...state]);
        const expected = expectRoot(hashers, huge);
        assert.equal(await itemsRoot(hashers, pool, await fileOf(huge)), expected);
        assert.equal(await itemsRoot(hashers, pool, await fileOf(huge, true)), expected);
        assert.equal(await itemsRoot(hashers, pool, sourceOf(batchOf(huge))), expected);
      });
    });
  }
}
