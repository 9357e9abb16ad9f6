import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { verifyFolder } from '../test-support/verify-folder.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { writeReferenceArchive } from '../testing/archive-writer.js';
import { generateLedger } from '../testing/ledger-generator.js';
import { backUpEpochEndings } from './back-up-epoch-endings.js';
import { backUpStateSnapshot } from './back-up-state-snapshot.js';
import { backUpTransactions } from './back-up-transactions.js';
import { archiveFiles, backupInto, serveGenerated } from '../test-support/backup-into.js';

const ledger = generateLedger({ seed: 'oneoff', epochs: 3, transactions: 160, stateItems: 220 });
const CHUNK_BYTES = 20_000;

describe('one-off backups', () => {
  it('are the files that the reference writes, proven and attested', async (test) => {
    const client = await serveGenerated(test, ledger);
    const folder = path.join(temporaryFolder(test), 'archive');
    const { context, storage } = await backupInto(folder, client, { chunkBytesMax: CHUNK_BYTES });
    const endings = await backUpEpochEndings(context, { startEpoch: 0n, endEpoch: 3n });
    assert.equal(endings.outcome, 'committed');
    assert.equal(endings.trustRoot.kind, 'service');
    assert.equal(endings.trustRoot.waypoint, ledger.genesisWaypoint);
    for (const epoch of [0n, 1n, 2n]) {
      const report = await backUpStateSnapshot(context, epoch);
      assert.equal(report.outcome, 'committed');
    }
    const versions = BigInt(ledger.transactionCount);
    const report = await backUpTransactions(context, { startVersion: 0n, count: versions });
    assert.ok(report.outcome === 'committed' && report.chunks > 3);
    await storage.close();

    const reference = path.join(temporaryFolder(test), 'reference');
    await writeReferenceArchive(ledger, reference, { maxChunkSize: CHUNK_BYTES });
    const [actual, expected] = [archiveFiles(folder), archiveFiles(reference)];
    assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort());
    for (const [name, content] of expected) assert.equal(actual.get(name), content, name);

    const verified = await verifyFolder(folder, ledger.genesisWaypoint);
    assert.deepEqual(verified.findings, []);
    assert.equal(verified.checked.unattestedFiles, 0);
  });
});
