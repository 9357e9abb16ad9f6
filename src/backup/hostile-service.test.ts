import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { BackupReader } from '../aptosdb/backup-reader.js';
import { archiveFiles, backupInto, lyingReader, serve } from '../test-support/backup-into.js';
import { GeneratedBackupReader } from '../test-support/generated-backup-reader.js';
import { memoryFolder } from '../test-support/memory-folder.js';
import { seededRandom } from '../test-support/seeded-random.js';

import { verifyFolder } from '../test-support/verify-folder.js';
import { generateLedger } from '../testing/ledger-generator.js';
import { parseWaypoint } from '../types/waypoint.js';
import { backUpEpochEndings } from './back-up-epoch-endings.js';
import { backUpStateSnapshot } from './back-up-state-snapshot.js';
import { backUpTransactions } from './back-up-transactions.js';
import type { BackupContext } from './backup-context.js';

const options = { epochs: 3, transactions: 80, stateItems: 100 };
const ledger = generateLedger({ seed: 'attacked', ...options });
const honest = new GeneratedBackupReader(ledger);
/** Another chain, signed just as well by other validators. */
const foreign = new GeneratedBackupReader(generateLedger({ seed: 'another chain', ...options }));
const waypoint = parseWaypoint(ledger.genesisWaypoint);
const count = BigInt(ledger.transactionCount);

type RecordLie = (record: Uint8Array, index: number) => Iterable<Uint8Array>;

async function* altered(records: AsyncIterable<Uint8Array>, lie: RecordLie): AsyncGenerator<Uint8Array> {
  let index = 0;
  for await (const record of records) yield* lie(record, index++);
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

function lyingRecords(lie: RecordLie): BackupReader {
  return lyingReader(honest, {
    epochEndingLedgerInfos: (start, end) => altered(honest.epochEndingLedgerInfos(start, end), lie),
    transactions: (first, limit) => altered(honest.transactions(first, limit), lie),
    stateItems: (version, first, limit) => altered(honest.stateItems(version, first, limit), lie),
  });
}

const BACKUPS: Readonly<Record<string, (context: BackupContext) => Promise<unknown>>> = {
  'epoch endings': (context) => backUpEpochEndings(context, { startEpoch: 0n, endEpoch: 3n }),
  'a state snapshot': (context) => backUpStateSnapshot(context, 2n),
  transactions: (context) => backUpTransactions(context, { startVersion: 0n, count }),
};

/** Takes a backup from a lying service, then the same from the honest one. */
async function refused(
  test: TestContext,
  reader: BackupReader,
  backUp: (context: BackupContext) => Promise<unknown>,
  codes: RegExp,
): Promise<void> {
  const folder = memoryFolder(test);
  const lied = await serve(test, reader);
  const first = await backupInto(folder, lied.client, { trustedWaypoints: [waypoint], chunkBytesMax: 8000 });
  await assert.rejects(backUp(first.context), (error) => {
    assert.ok(error instanceof Error && 'code' in error, String(error));
    assert.match(String(error.code), codes, error.message);
    return true;
  });
  await first.storage.close();
  assert.ok(!existsSync(path.join(folder, 'metadata')), 'nothing is committed');
  assert.deepEqual(readdirSync(path.join(folder, '.holdfast', 'staging')), [], 'nothing stays staged');

  const { client } = await serve(test, honest);
  const second = await backupInto(folder, client, { trustedWaypoints: [waypoint], chunkBytesMax: 8000 });
  await backUp(second.context);
  await backUpEpochEndings(second.context, { startEpoch: 0n, endEpoch: 3n });
  await second.storage.close();
  const report = await verifyFolder(folder, ledger.genesisWaypoint);
  assert.deepEqual(report.findings, []);
}

describe('a service that', () => {
  for (const [name, backUp] of Object.entries(BACKUPS)) {
    it(`flips a bit in ${name} gets nothing committed`, async (test) => {
      const random = seededRandom(name.length);
      for (let round = 0; round < 3; round++) {
        const at = random(3);
        const flip: RecordLie = (record, index) =>
          index === at ? [flipped(record, random(record.length * 8))] : [record];
        await refused(test, lyingRecords(flip), backUp, /^SERVICE_/);
      }
    });

    it(`leaves out, doubles or holds back ${name} gets nothing committed`, async (test) => {
      const lies: readonly RecordLie[] = [
        (record, index) => (index === 1 ? [] : [record]),
        (record, index) => (index === 1 ? [record, record] : [record]),
        (record, index) => (index < 2 ? [record] : []),
      ];
      for (const lie of lies) await refused(test, lyingRecords(lie), backUp, /^SERVICE_|^EPOCH_NOT_ENDED$/);
    });

    it(`serves ${name} of another chain gets nothing committed`, async (test) => {
      await refused(test, foreign, backUp, /^SERVICE_LEDGER_INFO_REFUSED$/);
    });
  }

  it('exchanges proofs gets nothing committed', async (test) => {
    const lies: readonly Partial<BackupReader>[] = [
      { transactionRangeProof: (first, last) => foreign.transactionRangeProof(first, last) },
      { transactionRangeProof: (first, last) => honest.transactionRangeProof(first, last - 1n) },
      { transactionRangeProof: async () => new Uint8Array(10) },
    ];
    for (const lie of lies) {
      await refused(test, lyingReader(honest, lie), BACKUPS['transactions'] ?? assert.fail(), /^SERVICE_/);
    }
    const snapshot = ledger.epochs[2]?.snapshot ?? assert.fail();
    const stateLies: readonly Partial<BackupReader>[] = [
      { stateRootProof: (version) => foreign.stateRootProof(version) },
      { stateRootProof: () => honest.stateRootProof(ledger.epochs[1]?.lastVersion ?? 0n) },
      { stateRangeProof: (version) => honest.stateRangeProof(version, snapshot.keyHash(3)) },
      { stateItemCount: async (version) => (await honest.stateItemCount(version)) - 1n },
    ];
    for (const lie of stateLies) {
      await refused(
        test,
        lyingReader(honest, lie),
        BACKUPS['a state snapshot'] ?? assert.fail(),
        /^SERVICE_/,
      );
    }
  });

  it('serves another chain than the archive holds is named', async (test) => {
    const folder = memoryFolder(test);
    const own = await serve(test, honest);
    const first = await backupInto(folder, own.client);
    await backUpEpochEndings(first.context, { startEpoch: 0n, endEpoch: 2n });
    await first.storage.close();
    const before = archiveFiles(folder);
    const other = await serve(test, foreign);
    const second = await backupInto(folder, other.client);
    for (const backUp of [
      (context: BackupContext) => backUpEpochEndings(context, { startEpoch: 2n, endEpoch: 3n }),
      (context: BackupContext) => backUpStateSnapshot(context, 1n),
      (context: BackupContext) => backUpTransactions(context, { startVersion: 0n, count }),
    ]) {
      await assert.rejects(backUp(second.context), { code: 'OTHER_CHAIN' });
    }
    await second.storage.close();
    assert.deepEqual(archiveFiles(folder), before);
  });
});

describe('a backup', () => {
  it('goes on from the archive’s own endings, and fetches those that it lacks without storing them', async (test) => {
    const folder = memoryFolder(test);
    const { client } = await serve(test, honest);
    const { context, storage } = await backupInto(folder, client);
    const report = await backUpStateSnapshot(context, 2n);
    assert.ok(report.outcome === 'committed' && report.trustRoot.kind === 'service');
    await storage.close();
    assert.deepEqual(readdirSync(path.join(folder, 'metadata')).length, 1);

    const again = await backupInto(folder, client);
    await backUpEpochEndings(again.context, { startEpoch: 0n, endEpoch: 1n });
    await again.storage.close();
    const third = await backupInto(folder, client);
    const later = await backUpEpochEndings(third.context, { startEpoch: 2n, endEpoch: 3n });
    assert.ok(later.outcome === 'committed' && later.trustRoot.kind === 'archive');
    assert.equal(later.trustRoot.waypoint, ledger.genesisWaypoint);
    await third.storage.close();
  });

  it('that would overlap another one is refused; one that is there is named', async (test) => {
    const folder = memoryFolder(test);
    const { client } = await serve(test, honest);
    const { context, storage } = await backupInto(folder, client);
    await backUpTransactions(context, { startVersion: 0n, count: 30n });
    await backUpTransactions(context, { startVersion: 30n, count: 30n });
    await assert.rejects(backUpTransactions(context, { startVersion: 0n, count }), {
      code: 'RANGE_OVERLAPS_BACKUP',
    });
    const there = await backUpTransactions(context, { startVersion: 10n, count: 40n });
    assert.equal(there.outcome, 'already-there');
    assert.deepEqual(there.metadata, ['metadata/transaction_0-29.meta', 'metadata/transaction_30-59.meta']);
    await storage.close();
  });

  it('of what is not there yet is refused', async (test) => {
    const { client } = await serve(test, honest);
    const { context, storage } = await backupInto(memoryFolder(test), client);
    const beyond = { startVersion: 0n, count: count + 1n };
    await assert.rejects(backUpTransactions(context, beyond), { code: 'RANGE_NOT_COMMITTED' });
    await assert.rejects(backUpTransactions(context, { startVersion: 5n, count: 0n }), {
      code: 'RANGE_INVALID',
    });
    await assert.rejects(backUpStateSnapshot(context, 3n), { code: 'EPOCH_NOT_ENDED' });
    await assert.rejects(backUpEpochEndings(context, { startEpoch: 2n, endEpoch: 2n }), {
      code: 'RANGE_INVALID',
    });
    await storage.close();
  });
});
