import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { AptosDbBackupReader } from '../aptosdb/read/aptosdb-backup-reader.js';
import { archiveFiles, backupInto, serve } from '../test-support/backup-into.js';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { loadRows } from '../test-support/load-rows.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { verifyFolder } from '../test-support/verify-folder.js';
import { backUpEpochEndings } from './back-up-epoch-endings.js';
import { backUpStateSnapshot } from './back-up-state-snapshot.js';
import { backUpTransactions } from './back-up-transactions.js';

const GENESIS = '0:cda249717441d5a732df74ffe644ccce8e371a64529859bed5699abf258547df';

describe('the reference ledger, backed up from its database', () => {
  const skip = withoutFixture('reference-ledger', 'rows');
  it('gives the files of the archive that the reference wrote', { skip }, async (test) => {
    const database = path.join(temporaryFolder(test), 'db');
    await (await loadRows(fixturePath('reference-ledger', 'rows', 'node'), database)).close();
    const reader = await AptosDbBackupReader.open(database);
    test.after(() => reader.close());
    const { client } = await serve(test, reader);
    const folder = path.join(temporaryFolder(test), 'archive');
    const { context, storage } = await backupInto(folder, client, { chunkBytesMax: 60_000 });
    await backUpEpochEndings(context, { startEpoch: 0n, endEpoch: 6n });
    for (const epoch of [0n, 3n, 5n]) await backUpStateSnapshot(context, epoch);
    await backUpTransactions(context, { startVersion: 0n, count: 290n });
    await backUpTransactions(context, { startVersion: 290n, count: 291n });
    await storage.close();

    const expected = archiveFiles(fixturePath('reference-ledger', 'archive'));
    const actual = archiveFiles(folder);
    assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort());
    for (const [name, content] of expected) assert.equal(actual.get(name), content, name);
    const report = await verifyFolder(folder, GENESIS);
    assert.deepEqual(report.findings, []);
    assert.equal(report.checked.unattestedFiles, 0);
  });
});
