import { readFileSync } from 'node:fs';
import path from 'node:path';
import { attestationExtras } from '../archive/attestation.js';
import { attestationOf, commitBackup, writeFile } from '../archive/commit-backup.js';
import { serializeEpochEndingManifest } from '../archive/epoch-ending-manifest.js';
import {
  loadEpochEndingManifest,
  loadStateSnapshotManifest,
  loadTransactionManifest,
} from '../archive/load-manifest.js';
import { loadMetadata } from '../archive/load-metadata.js';
import type { MetadataEntry } from '../archive/metadata-entry.js';
import { serializeStateSnapshotManifest } from '../archive/state-snapshot-manifest.js';
import { serializeTransactionManifest } from '../archive/transaction-manifest.js';
import { LocalFsStorage } from '../storage/local-fs.js';
import type { WritableBackupStorage, WrittenFile } from '../storage/writable-backup-storage.js';

/** Writes the backups of an archive anew through a durable storage, with attestations. */
export async function rewriteArchive(source: string, target: WritableBackupStorage): Promise<void> {
  const from = new LocalFsStorage(source);
  for (const { entry } of (await loadMetadata(from)).entries) await rewrite(from, source, target, entry);
}

async function rewrite(
  from: LocalFsStorage,
  source: string,
  target: WritableBackupStorage,
  entry: MetadataEntry,
): Promise<void> {
  if (!('manifest' in entry)) return;
  const [folder = '', manifestName = ''] = entry.manifest.split('/');
  const backup = await target.createBackup(folder);
  const copy = (handle: string): Promise<WrittenFile> =>
    writeFile(target, backup, path.posix.basename(handle), readFileSync(path.join(source, handle)));
  switch (entry.kind) {
    case 'EpochEndingBackup': {
      const manifest = await loadEpochEndingManifest(from, entry.manifest);
      const chunks = [];
      for (const chunk of manifest.chunks) {
        const file = await copy(chunk.ledgerInfos);
        const extras = attestationExtras({ ledger_infos: attestationOf(file) });
        chunks.push({ ...chunk, ledgerInfos: file.handle, extras });
      }
      await commitBackup(target, {
        backup,
        manifestName,
        manifest: serializeEpochEndingManifest({ ...manifest, chunks }),
        metadataName: {
          kind: 'epochEnding',
          compacted: false,
          first: entry.firstEpoch,
          last: entry.lastEpoch,
        },
        entry,
      });
      return;
    }
    case 'StateSnapshotBackup': {
      const manifest = await loadStateSnapshotManifest(from, entry.manifest);
      const chunks = [];
      for (const chunk of manifest.chunks) {
        const [blobs, proof] = [await copy(chunk.blobs), await copy(chunk.proof)];
        const extras = attestationExtras({ blobs: attestationOf(blobs), proof: attestationOf(proof) });
        chunks.push({ ...chunk, blobs: blobs.handle, proof: proof.handle, extras });
      }
      const proof = await copy(manifest.proof);
      const extras = attestationExtras({ proof: attestationOf(proof) });
      await commitBackup(target, {
        backup,
        manifestName,
        manifest: serializeStateSnapshotManifest({ ...manifest, chunks, proof: proof.handle, extras }),
        metadataName: { kind: 'stateSnapshot', version: entry.version },
        entry,
      });
      return;
    }
    case 'TransactionBackup': {
      const manifest = await loadTransactionManifest(from, entry.manifest);
      const chunks = [];
      for (const chunk of manifest.chunks) {
        const [transactions, proof] = [await copy(chunk.transactions), await copy(chunk.proof)];
        const extras = attestationExtras({
          transactions: attestationOf(transactions),
          proof: attestationOf(proof),
        });
        chunks.push({ ...chunk, transactions: transactions.handle, proof: proof.handle, extras });
      }
      await commitBackup(target, {
        backup,
        manifestName,
        manifest: serializeTransactionManifest({ ...manifest, chunks }),
        metadataName: {
          kind: 'transaction',
          compacted: false,
          first: entry.firstVersion,
          last: entry.lastVersion,
        },
        entry,
      });
      return;
    }
  }
}
