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
import type { BackupMetrics } from './backup-metrics.js';
import { archiveFiles, backupInto, serveGenerated } from '../test-support/backup-into.js';

const ledger = generateLedger({ seed: 'oneoff', epochs: 3, transactions: 160, stateItems: 220 });
const CHUNK_BYTES = 20_000;

/** Every timer and gauge of the reference that one-off backups have (spec: cli.md, section 10). */
async function requireReferenceMetrics({ registry }: BackupMetrics): Promise<void> {
  const text = await registry.metrics();
  const timers = [
    'backup_service_client_get_db_state',
    'backup_service_client_get_epoch_ending_ledger_infos',
    'backup_service_client_get_state_item_count',
    'backup_service_client_get_state_range_proof',
    'backup_service_client_get_state_root_proof',
    'backup_service_client_get_state_snapshot_chunk',
    'backup_service_client_get_transaction_range_proof',
    'backup_service_client_get_transactions',
    'read_record_bytes',
    'state_snapshot_next_full_chunk',
    'state_snapshot_process_records',
    'state_snapshot_read_record_bytes',
    'state_snapshot_record_stream_all',
    'state_snapshot_record_stream_send_bytes',
    'state_snapshot_write_chunk',
  ];
  for (const timer of timers) {
    assert.match(text, new RegExp(`^aptos_db_backup_timers_seconds_count\\{name="${timer}"\\} [1-9]`, 'm'));
  }
  for (const gauge of [
    'aptos_db_backup_coordinator_compacted_version',
    'aptos_backup_metadata_num_files',
    'aptos_backup_metadata_num_file_cache_misses',
    'aptos_backup_metadata_num_file_downloads',
  ]) {
    assert.match(text, new RegExp(`^${gauge} 0$`, 'm'));
  }
  assert.match(text, /^holdfast_backup_proving_seconds_total 0\.0*[1-9]/m);
}

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
    await requireReferenceMetrics(context.metrics);

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
