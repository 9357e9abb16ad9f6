import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { AptosDbBackupReader } from '../aptosdb/read/aptosdb-backup-reader.js';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { loadRows } from '../test-support/load-rows.js';
import { sendRandomRequests } from '../test-support/random-requests.js';
import { rawRequest } from '../test-support/recorded-requests.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { EpochHistory } from '../trust/epoch-history.js';
import { TrustedWaypoints } from '../trust/trusted-waypoints.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import { parseWaypoint } from '../types/waypoint.js';
import { BackupServer } from './backup-server.js';
import { BackupServiceClient } from './backup-service-client.js';
import { VerifiedLedgerSource } from './verified-ledger-source.js';

const GENESIS = '0:cda249717441d5a732df74ffe644ccce8e371a64529859bed5699abf258547df';
const LAST_VERSION = 580n;

async function serveReferenceLedger(test: Pick<TestContext, 'after'>): Promise<BackupServer> {
  const folder = temporaryFolder(test);
  await (await loadRows(fixturePath('reference-ledger', 'rows', 'node'), folder)).close();
  const reader = await AptosDbBackupReader.open(folder);
  const server = await BackupServer.start({ reader, port: 0 });
  test.after(async () => {
    await server.close(0);
    await reader.close();
  });
  return server;
}

describe('the ledger of the reference, served', { skip: withoutFixture('reference-ledger') }, () => {
  it('is proven from its genesis waypoint down to every record', async (test) => {
    const server = await serveReferenceLedger(test);
    const client = new BackupServiceClient({ address: server.url });
    test.after(() => client.close());
    const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
    const history = new EpochHistory(hashers, new TrustedWaypoints([parseWaypoint(GENESIS)]));
    const source = new VerifiedLedgerSource(client, { hashers, history });

    assert.deepEqual(await client.dbState(), { epoch: 6n, committed_version: LAST_VERSION });
    const endings: bigint[] = [];
    for await (const { epoch } of source.epochEndings(0n, 7n)) endings.push(epoch);
    assert.deepEqual(endings, [0n, 1n, 2n, 3n, 4n, 5n, 6n]);

    for (let first = 0n; first <= LAST_VERSION; first += 100n) {
      const count = first + 100n <= LAST_VERSION ? 100n : LAST_VERSION - first + 1n;
      const infoHashes: Uint8Array[] = [];
      for await (const batch of source.transactions(first, count)) infoHashes.push(batch.infoHashes);
      await source.proveTransactions(first, Buffer.concat(infoHashes));
    }

    for (const version of [0n, 310n, 490n, 580n]) {
      const snapshot = await source.snapshot(version);
      const prover = snapshot.prover();
      for (let first = 0n; first < snapshot.itemCount; first += 150n) {
        for await (const batch of snapshot.items(first, 150n)) prover.add(batch);
        await prover.proveChunk();
      }
      prover.finish();
      assert.ok(prover.itemCount > 100, `snapshot ${version}`);
    }
  });

  it('gives the documented status to random requests', async (test) => {
    const server = await serveReferenceLedger(test);
    const versions = [1n, 310n, 311n, 490n, 580n, 581n];
    const hashes = ['2b54fb605c1b4a7dae839d4ea28df69d9e8fd0af645ba05df14cabd512a2551e', '0'.repeat(64)];
    await sendRandomRequests(server, { seed: 5, count: 1000, versions, hashes });
    assert.equal((await rawRequest(server, '/db_state')).status, 200);
  });
});
