import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FaultFileSystem, type Fault } from '../durable-fs/fault-file-system.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { HoldfastError } from '../errors/holdfast-error.js';
import { CommandAdapterWriterStorage } from '../storage/command-adapter-writer.js';
import { loadCommandAdapterConfig } from '../storage/command-adapter-config.js';
import { LocalFsWriterStorage } from '../storage/local-fs-writer.js';
import { ownProcessIdentity } from '../storage/process-identity.js';
import type { WritableBackupStorage } from '../storage/writable-backup-storage.js';
import { hashers, serveGenerated } from '../test-support/backup-into.js';
import { memoryFolder } from '../test-support/memory-folder.js';
import { verifyFolder } from '../test-support/verify-folder.js';
import { generateLedger } from '../testing/ledger-generator.js';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';
import { parseWaypoint } from '../types/waypoint.js';
import { verifyArchive } from '../verify/verify-archive.js';
import { backUpEpochEndings } from './back-up-epoch-endings.js';
import { backUpStateSnapshot } from './back-up-state-snapshot.js';
import { backUpTransactions } from './back-up-transactions.js';
import { openBackup } from './open-backup.js';
import type { BackupServiceClient } from '../service/backup-service-client.js';

const ledger = generateLedger({ seed: 'faults', epochs: 2, transactions: 40, stateItems: 60 });
const FAULTS = process.env['HOLDFAST_CAMPAIGN'] === 'full' ? 400 : 40;

/** All three kinds, one after the other. */
async function backUpAll(storage: WritableBackupStorage, client: BackupServiceClient): Promise<void> {
  const context = await openBackup({ storage, client, hashers, chunkBytesMax: 5000 });
  await backUpEpochEndings(context, { startEpoch: 0n, endEpoch: 2n });
  await backUpStateSnapshot(context, 1n);
  await backUpTransactions(context, { startVersion: 0n, count: BigInt(ledger.transactionCount) });
}

async function requireWhole(folder: string): Promise<void> {
  const report = await verifyFolder(folder, ledger.genesisWaypoint);
  assert.deepEqual(report.findings, []);
  assert.equal(report.checked.unattestedFiles, 0);
  assert.equal(report.proven.lastVersion, ledger.lastVersion);
}

/** Backs up through a file system with faults, as far as that goes; whether it failed. */
async function failing(
  folder: string,
  client: BackupServiceClient,
  faults: readonly Fault[],
): Promise<{ readonly failure: unknown; readonly calls: number }> {
  let seen: FaultFileSystem | undefined;
  const wrapFileSystem = (inner: FileSystem): FileSystem => {
    seen = new FaultFileSystem(inner, faults);
    return seen;
  };
  let storage: LocalFsWriterStorage | undefined;
  let failure: unknown;
  try {
    // Somebody who is dead by the next run, whatever became of the lock.
    const process = { ...ownProcessIdentity(), pid: 2 ** 22 + 1 };
    storage = await LocalFsWriterStorage.open(folder, { owner: 'a test', wrapFileSystem, process });
    await backUpAll(storage, client);
  } catch (error) {
    failure = error;
  }
  await storage?.close().catch(() => undefined);
  return { failure, calls: seen?.callsSeen ?? 0 };
}

describe('a backup to a disk that fails', () => {
  it('commits nothing false, names the error, and is completed by the next run', async (test) => {
    const client = await serveGenerated(test, ledger);
    const { calls } = await failing(memoryFolder(test), client, []);
    const effects = [
      { code: 'ENOSPC', lasting: true },
      { code: 'EIO', lasting: false },
    ];
    let failed = 0;
    for (let round = 0; round < FAULTS; round++) {
      const folder = memoryFolder(test);
      const nth = Math.floor((round * calls) / FAULTS);
      const { code, lasting } = effects[round % 2] ?? assert.fail();
      const { failure } = await failing(folder, client, [{ nth, lasting, effect: { type: 'error', code } }]);
      if (failure) {
        failed++;
        assert.ok(failure instanceof HoldfastError, `call ${nth}: ${String(failure)}`);
        if (code === 'ENOSPC') assert.match(failure.message, /ENOSPC|space/, `call ${nth}`);
      }
      const found = await verifyFolder(folder, undefined);
      const harmless = ['UNLISTED_BACKUP', 'ARCHIVE_EMPTY'];
      const faults = found.findings.filter((finding) => !harmless.includes(finding.code));
      // Without the endings that name the validators nothing can be judged; with them everything is good.
      if (found.proven.lastEpoch !== undefined) assert.deepEqual(faults, [], `call ${nth}`);
      const again = await failing(folder, client, []);
      assert.equal(again.failure, undefined, `call ${nth}: ${String(again.failure)}`);
      await requireWhole(folder);
    }
    assert.ok(failed > FAULTS / 2, `${failed} of ${FAULTS} faults were felt`);
  });
});

/** Commands over a local folder that compress, with one command replaced. */
async function adapter(test: TestContext, folder: string, changes: Readonly<Record<string, string>> = {}) {
  const commands: Record<string, string> = {
    create_backup: 'cd "$FOLDER" && mkdir "$BACKUP_NAME" && echo "$BACKUP_NAME"',
    create_for_write:
      'cd "$FOLDER/$BACKUP_HANDLE" && test ! -f "$FILE_NAME" && echo "$BACKUP_HANDLE/$FILE_NAME" && ' +
      'exec 1>&- && gzip -c > "$FILE_NAME"',
    open_for_read: 'cd "$FOLDER" && gzip -cd "$FILE_HANDLE"',
    save_metadata_line:
      'cd "$FOLDER" && mkdir -p metadata && cd metadata && echo "metadata/$FILE_NAME" && exec 1>&- && ' +
      'gzip -c > "$FILE_NAME"',
    list_metadata_files:
      'cd "$FOLDER" && (test -d metadata && cd metadata && ls -1 || exec) | while read f; do echo metadata/$f; done',
    ...changes,
  };
  const file = path.join(memoryFolder(test), 'adapter.yaml');
  const lines = Object.entries(commands).map(([name, command]) => `  ${name}: ${JSON.stringify(command)}`);
  writeFileSync(
    file,
    ['env_vars:', '  - key: FOLDER', `    value: ${JSON.stringify(folder)}`, 'commands:', ...lines, ''].join(
      '\n',
    ),
  );
  return await loadCommandAdapterConfig(file);
}

describe('a backup through a command adapter', () => {
  it('verifies through the adapter and from its folder, and says that it cannot be resumed', async (test) => {
    const folder = memoryFolder(test);
    const client = await serveGenerated(test, ledger);
    const storage = new CommandAdapterWriterStorage(await adapter(test, folder));
    const warnings: string[] = [];
    await openBackup({ storage, client, hashers, onWarning: (code) => warnings.push(code) });
    assert.deepEqual(warnings, ['RESUME_UNAVAILABLE']);
    await backUpAll(storage, client);
    const report = await verifyArchive({
      storage,
      family: LEDGER_FAMILIES.aptos,
      trustedWaypoints: [parseWaypoint(ledger.genesisWaypoint)],
      allStateSnapshots: true,
    });
    assert.deepEqual(report.findings, []);
    assert.equal(report.checked.unattestedFiles, 0);
    await storage.close();
    await requireWhole(folder);
  });

  it('commits nothing when a command fails, hangs or lies', async (test) => {
    const client = await serveGenerated(test, ledger);
    const isProof = 'case "$FILE_NAME" in *.proof) ';
    const head = 'cd "$FOLDER/$BACKUP_HANDLE" && echo "$BACKUP_HANDLE/$FILE_NAME" && exec 1>&-';
    const cases: readonly (readonly [string, string])[] = [
      ['COMMAND_FAILED', `${head} && ${isProof} exit 3;; *) gzip -c > "$FILE_NAME";; esac`],
      [
        'COMMAND_TIMEOUT',
        `${head} && ${isProof} cat > /dev/null; sleep 60;; *) gzip -c > "$FILE_NAME";; esac`,
      ],
      [
        'COMMAND_HANDLE_INVALID',
        `${isProof} exec 1>&-; cat > /dev/null;; *) ${head} && gzip -c > "$FILE_NAME";; esac`,
      ],
      ['WRITE_NOT_VERIFIED', `${head} && head -c 40 | gzip -c > "$FILE_NAME" && cat > /dev/null`],
    ];
    for (const [code, command] of cases) {
      const folder = memoryFolder(test);
      mkdirSync(path.join(folder, 'metadata'));
      const config = await adapter(test, folder, { create_for_write: command });
      const storage = new CommandAdapterWriterStorage(config, { verifyWrites: true, idleTimeoutMs: 300 });
      const context = await openBackup({ storage, client, hashers });
      await assert.rejects(backUpTransactions(context, { startVersion: 0n, count: 20n }), { code }, code);
      assert.deepEqual(await storage.listMetadataFiles(), [], code);
      await storage.close();
      const whole = new CommandAdapterWriterStorage(await adapter(test, folder));
      await backUpAll(whole, client);
      await whole.close();
      await requireWhole(folder);
    }
  });
});
