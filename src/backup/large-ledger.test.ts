import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import { AptosDbBackupReader } from '../aptosdb/read/aptosdb-backup-reader.js';
import { CommandAdapterStorage } from '../storage/command-adapter.js';
import { CommandAdapterWriterStorage } from '../storage/command-adapter-writer.js';
import { localFolderCommands } from '../storage/local-folder-commands.test.support.js';
import { LocalFsWriterStorage } from '../storage/local-fs-writer.js';
import type { BackupStorage } from '../storage/backup-storage.js';
import type { WritableBackupStorage } from '../storage/writable-backup-storage.js';
import { hashers, serve } from '../test-support/backup-into.js';
import { memoryFolder } from '../test-support/memory-folder.js';
import { commitGeneratedLedger } from '../testing/commit-generated-ledger.js';
import { generateLedger } from '../testing/ledger-generator.js';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';
import { parseWaypoint } from '../types/waypoint.js';
import { verifyArchive } from '../verify/verify-archive.js';
import { backUpEpochEndings } from './back-up-epoch-endings.js';
import { backUpStateSnapshot } from './back-up-state-snapshot.js';
import { backUpTransactions } from './back-up-transactions.js';
import { openBackup } from './open-backup.js';

/** `HOLDFAST_CAMPAIGN=full` takes the ledger that the promises are about. */
const FULL = process.env['HOLDFAST_CAMPAIGN'] === 'full';
const EPOCHS = 5;
const TRANSACTIONS = FULL ? 50_000 : 600;
const STATE_ITEMS = FULL ? 100_000 : 1200;
const CHUNK_BYTES = FULL ? 4_000_000 : 100_000;
const GZIP = Buffer.from([0x1f, 0x8b]);

/** A service over a database with the ledger. */
async function served(test: TestContext) {
  const ledger = generateLedger({
    seed: 'large',
    epochs: EPOCHS,
    transactions: TRANSACTIONS,
    stateItems: STATE_ITEMS,
  });
  const folder = memoryFolder(test);
  const database = await AptosDatabaseFiles.open(folder, { mode: 'create' });
  await commitGeneratedLedger(ledger, database);
  await database.close();
  const reader = await AptosDbBackupReader.open(folder);
  const { client } = await serve(test, reader);
  test.after(() => reader.close());
  return { ledger, client };
}

describe('a large ledger from a database', () => {
  it('is backed up over HTTP, and verified from its genesis waypoint as it is and unpacked by commands', async (test) => {
    const { ledger, client } = await served(test);
    const version = ledger.epochs[EPOCHS - 1]?.lastVersion ?? 0n;
    const stateItems = await client.stateItemCount(version);
    assert.ok(stateItems > STATE_ITEMS * 0.9, `${stateItems}`);
    const backUpAll = async (storage: WritableBackupStorage): Promise<void> => {
      const context = await openBackup({ storage, client, hashers, chunkBytesMax: CHUNK_BYTES });
      await backUpEpochEndings(context, { startEpoch: 0n, endEpoch: BigInt(EPOCHS) });
      await backUpStateSnapshot(context, BigInt(EPOCHS) - 1n);
      const report = await backUpTransactions(context, {
        startVersion: 0n,
        count: BigInt(ledger.transactionCount),
      });
      assert.ok(report.outcome === 'committed' && report.chunks > 5);
      await storage.close();
    };
    const verify = async (storage: BackupStorage): Promise<void> => {
      const { findings, proven, checked } = await verifyArchive({
        storage,
        family: LEDGER_FAMILIES.aptos,
        trustedWaypoints: [parseWaypoint(ledger.genesisWaypoint)],
        allStateSnapshots: true,
      });
      await storage.close();
      assert.deepEqual(findings, []);
      assert.equal(proven.lastVersion, ledger.lastVersion);
      assert.equal(checked.transactions, ledger.transactionCount);
      assert.equal(checked.stateItems, Number(stateItems));
      assert.equal(checked.unattestedFiles, 0);
    };
    const folder = memoryFolder(test);
    await backUpAll(await LocalFsWriterStorage.open(folder, { owner: 'a test' }));
    await verify(await LocalFsWriterStorage.open(folder, { owner: 'a test' }));

    const packed = memoryFolder(test);
    await backUpAll(new CommandAdapterWriterStorage(localFolderCommands(packed)));
    const files = readdirSync(packed, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    assert.ok(files.length > 10);
    for (const { parentPath, name } of files) {
      assert.deepEqual(readFileSync(path.join(parentPath, name)).subarray(0, GZIP.length), GZIP, name);
    }
    await verify(new CommandAdapterStorage(localFolderCommands(packed)));
  });
});
