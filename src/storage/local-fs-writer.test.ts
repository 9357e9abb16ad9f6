import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Fault, FaultFileSystem } from '../durable-fs/fault-file-system.js';
import { RecordingFileSystem } from '../durable-fs/recording-file-system.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { type LocalFsWriterOptions, LocalFsWriterStorage } from './local-fs-writer.js';
import type { StorageWarning } from './writable-backup-storage.js';

const isReadable = (content: Uint8Array): boolean => content[0] === 0x7b && content.at(-1) === 0x0a;
const BACKUP = 'transaction_0-.0a1b';
const ENTRY = 'transaction_0-9.meta';
const LINE = '{"TransactionBackup":{}}';

async function open(context: TestContext, folder: string, options: Partial<LocalFsWriterOptions> = {}) {
  const storage = await LocalFsWriterStorage.open(folder, { owner: 'test', ...options });
  context.after(() => storage.close());
  return storage;
}

async function writeBackup(storage: LocalFsWriterStorage): Promise<void> {
  const backup = await storage.createBackup(BACKUP);
  for (const [name, dependent] of [
    ['0-.chunk', false],
    ['0-9.proof', false],
    ['transaction.manifest', true],
  ] as const) {
    const file = await storage.createForWrite(backup, name, { dependent });
    await file.write(Buffer.from(`the content of ${name}`));
    await file.commit();
  }
  await storage.saveMetadataLines(ENTRY, [LINE], { isReadable, after: [backup] });
}

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();

const WHOLE_BACKUP = [
  `metadata/${ENTRY}`,
  `${BACKUP}/0-.chunk`,
  `${BACKUP}/0-9.proof`,
  `${BACKUP}/transaction.manifest`,
];

describe('a backup in a local folder', () => {
  test('leaves nothing but its files when it is done', async (context) => {
    const folder = temporaryFolder(context);
    const storage = await open(context, path.join(folder, 'new', 'archive'));
    await writeBackup(storage);
    await storage.close();
    await storage.close();
    assert.deepEqual(filesBelow(path.join(folder, 'new', 'archive')), WHOLE_BACKUP);
  });

  test('is made durable step by step: files, manifest, entry, each before the next is staged', async (context) => {
    let recording: RecordingFileSystem | undefined;
    const storage = await open(context, temporaryFolder(context), {
      wrapFileSystem: (inner) => {
        recording = new RecordingFileSystem(inner);
        return recording;
      },
    });
    await writeBackup(storage);
    const steps = (recording?.log ?? []).flatMap(({ call }) => {
      if (call.kind === 'sync-directory') return [`sync ${call.path}`];
      if (call.kind === 'link' && !call.to.startsWith('.')) return [`link ${path.posix.basename(call.to)}`];
      return [];
    });
    assert.deepEqual(steps, [
      'link 0-.chunk',
      'link 0-9.proof',
      'sync .',
      `sync ${BACKUP}`,
      'link transaction.manifest',
      `sync ${BACKUP}`,
      `link ${ENTRY}`,
      'sync .',
      'sync metadata',
    ]);
  });

  test('fails as a whole at any failing call, shows nothing unfinished, and succeeds when tried again', async (context) => {
    const count = async (): Promise<number> => {
      let faults: FaultFileSystem | undefined;
      const storage = await open(context, temporaryFolder(context), {
        wrapFileSystem: (inner) => {
          faults = new FaultFileSystem(inner, []);
          return faults;
        },
      });
      await writeBackup(storage);
      return faults?.callsSeen ?? 0;
    };
    const calls = await count();
    assert.ok(calls > 40);
    for (const code of ['EIO', 'ENOSPC']) {
      for (let nth = 0; nth < calls; nth++) {
        const folder = temporaryFolder(context);
        const fault: Fault = { nth, effect: { type: 'error', code } };
        let failed = false;
        try {
          const wrapFileSystem = (inner: ConstructorParameters<typeof FaultFileSystem>[0]) =>
            new FaultFileSystem(inner, [fault]);
          const storage = await LocalFsWriterStorage.open(folder, { owner: 'test', wrapFileSystem });
          try {
            await writeBackup(storage);
          } finally {
            await storage.close().catch(() => undefined);
          }
        } catch {
          failed = true;
        }
        const visible = filesBelow(folder).filter((file) => !file.startsWith('.'));
        if (!failed) assert.deepEqual(visible, WHOLE_BACKUP);
        for (const file of visible.filter((name) => name.startsWith(BACKUP))) {
          const text = readFileSync(path.join(folder, file), 'utf8');
          assert.equal(text, `the content of ${path.basename(file)}`);
        }
        assert.ok(
          !visible.includes(`metadata/${ENTRY}`) || visible.length === WHOLE_BACKUP.length,
          `call ${nth}`,
        );
        // Whatever a failure left behind, the next writer gets in and the range can be backed up.
        const again = await LocalFsWriterStorage.open(folder, { owner: 'test' });
        await again.saveMetadataLines(ENTRY, [LINE], { isReadable });
        await again.close();
      }
    }
  });

  test('that failed to become durable is never listed, and does not stop another backup', async (context) => {
    const fault = { call: 'sync-directory', nth: 1, effect: { type: 'error', code: 'EIO' } } as const;
    const storage = await open(context, temporaryFolder(context), {
      wrapFileSystem: (inner) => new FaultFileSystem(inner, [fault]),
    });
    await assert.rejects(writeBackup(storage), { code: 'SYNC_FAILED' });
    const save = storage.saveMetadataLines(ENTRY, [LINE], { isReadable, after: [BACKUP] });
    await assert.rejects(save, { code: 'SYNC_FAILED' });
    await assert.rejects(storage.saveMetadataLines(ENTRY, [LINE], { isReadable }), { code: 'SYNC_FAILED' });
    assert.deepEqual(await storage.listMetadataFiles(), []);
    const other = await storage.createBackup('transaction_10-.0a1b');
    const file = await storage.createForWrite(other, '10-.chunk');
    await file.commit();
    await storage.saveMetadataLines('transaction_10-19.meta', [LINE], { isReadable, after: [other] });
    assert.deepEqual(await storage.listMetadataFiles(), ['metadata/transaction_10-19.meta']);
  });

  test('that is discarded or left was never there', async (context) => {
    const folder = temporaryFolder(context);
    const storage = await open(context, folder);
    const backup = await storage.createBackup(BACKUP);
    const file = await storage.createForWrite(backup, '0-.chunk');
    await file.write(Buffer.from('half'));
    await file.discard();
    await file.discard();
    const left = await storage.createForWrite(backup, '1-.chunk');
    await left.write(Buffer.from('half'));
    await storage.close();
    assert.deepEqual(readdirSync(path.join(folder, BACKUP)), []);
    await left.discard();
  });
});

describe('a metadata file whose name is taken', () => {
  async function withExisting(context: TestContext, content: Uint8Array) {
    const folder = temporaryFolder(context);
    mkdirSync(path.join(folder, 'metadata'));
    writeFileSync(path.join(folder, 'metadata', ENTRY), content);
    const warnings: StorageWarning[] = [];
    const storage = await open(context, folder, { onWarning: (warning) => warnings.push(warning) });
    return { folder, storage, warnings };
  }
  const save = (storage: LocalFsWriterStorage) => storage.saveMetadataLines(ENTRY, [LINE], { isReadable });

  for (const [what, content] of [
    ['as they are', Buffer.from(`${LINE}\n`)],
    ['compressed', gzipSync(`${LINE}\n`)],
  ] as const) {
    test(`by the same bytes, ${what}, counts as done`, async (context) => {
      const { storage, warnings, folder } = await withExisting(context, content);
      assert.deepEqual(await save(storage), { handle: `metadata/${ENTRY}`, outcome: 'unchanged' });
      assert.deepEqual(readFileSync(path.join(folder, 'metadata', ENTRY)), Buffer.from(content));
      assert.deepEqual(warnings, []);
    });
  }

  test('by another readable content is refused with what to do, and stays', async (context) => {
    const other = Buffer.from('{"TransactionBackup":{"other":1}}\n');
    const { storage, folder } = await withExisting(context, other);
    await assert.rejects(save(storage), (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, 'METADATA_CONFLICT');
      assert.match(error.hint ?? '', /metadata_backup/);
      return true;
    });
    assert.deepEqual(readFileSync(path.join(folder, 'metadata', ENTRY)), other);
  });

  for (const [what, content] of [
    ['nothing', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(100)],
    ['a torn line', Buffer.from(LINE.slice(0, 9))],
    ['a damaged gzip', gzipSync(LINE).subarray(0, 20)],
  ] as const) {
    test(`by ${what} is moved aside with a warning, and the backup commits`, async (context) => {
      const { storage, warnings, folder } = await withExisting(context, content);
      const saved = await save(storage);
      assert.deepEqual(saved, {
        handle: `metadata/${ENTRY}`,
        outcome: 'written',
        movedAside: `metadata_backup/${ENTRY}`,
      });
      assert.equal(warnings[0]?.code, 'METADATA_MOVED_ASIDE');
      assert.equal(readFileSync(path.join(folder, 'metadata', ENTRY), 'utf8'), `${LINE}\n`);
      assert.deepEqual(readFileSync(path.join(folder, 'metadata_backup', ENTRY)), Buffer.from(content));
    });
  }

  test('twice by nothing keeps both of the moved files', async (context) => {
    const { storage, folder } = await withExisting(context, Buffer.alloc(0));
    await save(storage);
    await storage.backupMetadataFile(`metadata/${ENTRY}`);
    writeFileSync(path.join(folder, 'metadata', ENTRY), '');
    await save(storage);
    const kept = readdirSync(path.join(folder, 'metadata_backup')).sort();
    assert.deepEqual(kept, [ENTRY, `${ENTRY}.1`, `${ENTRY}.2`]);
  });

  test('by a folder is an error, and the folder stays', async (context) => {
    const folder = temporaryFolder(context);
    mkdirSync(path.join(folder, 'metadata', ENTRY), { recursive: true });
    await assert.rejects(save(await open(context, folder)), { code: 'FILE_UNREADABLE' });
    assert.ok(existsSync(path.join(folder, 'metadata', ENTRY)));
  });

  test('moving anything but a metadata file is refused', async (context) => {
    const { storage } = await withExisting(context, Buffer.alloc(0));
    for (const handle of ['metadata/', 'metadata/a/b', `${BACKUP}/0-.chunk`, 'metadata']) {
      await assert.rejects(storage.backupMetadataFile(handle), { code: 'FILE_HANDLE_ILLEGAL' });
    }
  });
});

describe('opening for writing', () => {
  test('reclaims what a dead writer staged, and nothing that is not its own', async (context) => {
    const folder = temporaryFolder(context);
    const staging = path.join(folder, '.holdfast', 'staging');
    mkdirSync(staging, { recursive: true });
    writeFileSync(path.join(staging, '6f1c1f8e-0000-4000-8000-000000000000-1.0'), 'half');
    writeFileSync(path.join(staging, 'readme'), 'not ours');
    await open(context, folder);
    assert.deepEqual(readdirSync(staging), ['readme']);
  });

  test('leaves alone what somebody alive staged', async (context) => {
    const folder = temporaryFolder(context);
    const maintenance = await open(context, folder, { role: 'maintenance' });
    const file = await maintenance.createForWrite('transaction_0-.0a1b', '0-.chunk');
    await file.write(Buffer.from('half'));
    const writer = await open(context, folder);
    await file.write(Buffer.from(', and the rest'));
    await file.commit();
    await writer.close();
    assert.equal(readFileSync(path.join(folder, file.handle), 'utf8'), 'half, and the rest');
  });

  test('where no folder can be made says so', async (context) => {
    const file = path.join(temporaryFolder(context), 'file');
    writeFileSync(file, '');
    await assert.rejects(open(context, path.join(file, 'archive')), { code: 'STORAGE_UNREACHABLE' });
  });
});
