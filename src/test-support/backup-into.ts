import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { BackupReader } from '../aptosdb/backup-reader.js';
import { BackupServer } from '../service/backup-server.js';
import { BackupServiceClient } from '../service/backup-service-client.js';
import type { RetryOptions } from '../service/retry-policy.js';
import { LocalFsWriterStorage } from '../storage/local-fs-writer.js';
import { GeneratedBackupReader } from './generated-backup-reader.js';
import type { GeneratedLedger } from '../testing/generated-ledger.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import type { BackupContext } from '../backup/backup-context.js';
import { type OpenBackupOptions, openBackup } from '../backup/open-backup.js';

export const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);

/** A service over a reader, and a client of it; both go away after the test. */
export async function serve(
  test: Pick<TestContext, 'after'>,
  reader: BackupReader,
  retry: RetryOptions = { attemptsMax: 2 },
): Promise<{ readonly client: BackupServiceClient; readonly url: string }> {
  const server = await BackupServer.start({ reader, port: 0 });
  const { url } = server;
  const client = new BackupServiceClient({
    address: url,
    retry: { firstPauseMs: 1, ...retry },
    betweenBytesMs: 2000,
  });
  test.after(() => {
    client.close();
    return server.close(0);
  });
  return { client, url };
}

export async function serveGenerated(
  test: Pick<TestContext, 'after'>,
  ledger: GeneratedLedger,
): Promise<BackupServiceClient> {
  return (await serve(test, new GeneratedBackupReader(ledger))).client;
}

/** An honest reader with some answers exchanged. */
export function lyingReader(honest: BackupReader, lies: Partial<BackupReader>): BackupReader {
  return new Proxy<BackupReader>(honest, {
    get: (target, name: keyof BackupReader) => lies[name] ?? target[name].bind(target),
  });
}

/** An archive in a local folder that is ready for backups; the caller closes the storage. */
export async function backupInto(
  folder: string,
  client: BackupServiceClient,
  options: Partial<OpenBackupOptions> = {},
): Promise<{ readonly context: BackupContext; readonly storage: LocalFsWriterStorage }> {
  const storage = await LocalFsWriterStorage.open(folder, { owner: 'a test' });
  const context = await openBackup({ storage, client, hashers, ...options });
  return { context, storage };
}

/**
 * Files of an archive by name, with the random part of folder names and all attestations taken away: JSON as
 * text, everything else in hex.
 */
export function archiveFiles(root: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const name = path.relative(root, path.join(entry.parentPath, entry.name));
    if (!entry.isFile() || name.startsWith('.holdfast')) continue;
    const bytes = readFileSync(path.join(root, name));
    const isJson = name.endsWith('.manifest') || name.endsWith('.meta');
    const attestation = /,"holdfast":\{(?:"[a-z_]+":\{[^}]*\},?)*\}/g;
    const text = isJson
      ? withoutSalt(bytes.toString('utf8').replace(attestation, ''))
      : bytes.toString('hex');
    files.set(withoutSalt(name), text);
  }
  return files;
}

function withoutSalt(text: string): string {
  return text.replace(/\.[0-9a-f]{4}\//g, '/');
}
