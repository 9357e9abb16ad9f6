import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { BackupReader } from '../aptosdb/backup-reader.js';
import { BackupServiceClient } from '../service/backup-service-client.js';
import { archiveFiles, backupInto, lyingReader, serve } from '../test-support/backup-into.js';
import { GeneratedBackupReader } from '../test-support/generated-backup-reader.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { verifyFolder } from '../test-support/verify-folder.js';
import { writeReferenceArchive } from '../testing/archive-writer.js';
import { generateLedger } from '../testing/ledger-generator.js';
import { backUpEpochEndings } from './back-up-epoch-endings.js';
import { backUpStateSnapshot } from './back-up-state-snapshot.js';
import { backUpTransactions } from './back-up-transactions.js';

const ledger = generateLedger({
  seed: 'older',
  epochs: 2,
  transactions: 60,
  stateItems: 1500,
  auxiliaryInfo: false,
});
const honest = new GeneratedBackupReader(ledger);
const chunkBytesMax = 8000;

/** A service of 2023: no counts, no chunks, records without auxiliary info. */
async function serveOlder(test: TestContext, reader: BackupReader = honest): Promise<BackupServiceClient> {
  async function* records(first: bigint, count: bigint): AsyncGenerator<Uint8Array> {
    for (let version = first; version < first + count; version++) yield ledger.record(Number(version), 'V0');
  }
  const { url } = await serve(test, lyingReader(reader, { transactions: records }));
  const front = http.createServer((request, response) => {
    if (/^\/state_(item_count|snapshot_chunk)\//.test(request.url ?? '')) {
      response.writeHead(404).end();
      return;
    }
    http.get(`${url}${request.url}`, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const { port } = front.address() as AddressInfo;
  const client = new BackupServiceClient({ address: `http://127.0.0.1:${port}`, retry: { attemptsMax: 1 } });
  test.after(() => {
    client.close();
    front.close();
    front.closeAllConnections();
  });
  return client;
}

describe('backups from a service of 2023', () => {
  it('take the state in one stream and transactions without auxiliary info', async (test) => {
    const folder = path.join(temporaryFolder(test), 'archive');
    const { context, storage } = await backupInto(folder, await serveOlder(test), { chunkBytesMax });
    await backUpEpochEndings(context, { startEpoch: 0n, endEpoch: 2n });
    for (const epoch of [0n, 1n]) await backUpStateSnapshot(context, epoch);
    await backUpTransactions(context, { startVersion: 0n, count: 60n });
    await storage.close();
    const reference = path.join(temporaryFolder(test), 'reference');
    await writeReferenceArchive(ledger, reference, { maxChunkSize: chunkBytesMax, format: 'V0' });
    assert.deepEqual(archiveFiles(folder), archiveFiles(reference));
    const report = await verifyFolder(folder, ledger.genesisWaypoint);
    assert.deepEqual(report.findings, []);
  });

  it('go on within the stream after an interruption', async (test) => {
    let proofs = 0;
    let askedTwice = (): void => {};
    const asked = new Promise<void>((resolve) => {
      askedTwice = resolve;
    });
    const breaking = lyingReader(honest, {
      stateItems: async function* (version, first, limit) {
        let sent = 0;
        for await (const item of honest.stateItems(version, first, limit)) {
          if (sent++ >= 1200) {
            await asked;
            throw new Error('the node goes down');
          }
          yield item;
        }
      },
      stateRangeProof: (version, key) => {
        if (++proofs === 2) askedTwice();
        return honest.stateRangeProof(version, key);
      },
    });
    const folder = temporaryFolder(test);
    const first = await backupInto(folder, await serveOlder(test, breaking), { chunkBytesMax });
    await assert.rejects(backUpStateSnapshot(first.context, 1n), { code: 'SERVICE_CONNECTION_LOST' });
    await first.storage.close();
    const second = await backupInto(folder, await serveOlder(test), { chunkBytesMax });
    const report = await backUpStateSnapshot(second.context, 1n);
    assert.ok(report.outcome === 'committed' && report.kept.chunks > 0);
    await backUpEpochEndings(second.context, { startEpoch: 0n, endEpoch: 2n });
    await second.storage.close();
    const { findings } = await verifyFolder(folder, ledger.genesisWaypoint);
    assert.deepEqual(findings, []);
  });

  it('refuse a state that lacks its last items', async (test) => {
    const short = lyingReader(honest, {
      stateItems: async function* (version, first, limit) {
        let sent = 0;
        for await (const item of honest.stateItems(version, first, limit)) if (sent++ < 1400) yield item;
      },
    });
    const { context, storage } = await backupInto(temporaryFolder(test), await serveOlder(test, short));
    await assert.rejects(backUpStateSnapshot(context, 1n), /SERVICE_|state_range_proof|version/);
    await storage.close();
    assert.deepEqual(await storage.listMetadataFiles(), []);
  });
});
