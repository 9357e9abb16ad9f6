import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { HoldfastError } from '../errors/holdfast-error.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { CommandAdapterWriterStorage } from './command-adapter-writer.js';
import { readDecompressed } from './decompress.js';
import { fileWritable } from './file-writable.js';
import { localFolderCommands } from './local-folder-commands.test.support.js';
import { LocalFsWriterStorage } from './local-fs-writer.js';
import type { BackupFileWriter, WritableBackupStorage } from './writable-backup-storage.js';

/** A fresh archive of a backend, and where its files stand. */
type Factory = (context: TestContext) => Promise<{ storage: WritableBackupStorage; folder: string }>;

const BACKENDS: Readonly<Record<string, Factory>> = {
  'local folder': async (context) => {
    const folder = temporaryFolder(context);
    const storage = await LocalFsWriterStorage.open(folder, { owner: 'test' });
    context.after(() => storage.close());
    return { storage, folder };
  },
  'command adapter': async (context) => {
    const folder = temporaryFolder(context);
    const storage = new CommandAdapterWriterStorage(localFolderCommands(folder), { verifyWrites: true });
    context.after(() => storage.close());
    return { storage, folder };
  },
};

const isReadable = (content: Uint8Array): boolean => content[0] === 0x7b;
const HELLO = Buffer.from('hello, archive');

async function read(storage: WritableBackupStorage, handle: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readDecompressed(storage, handle)) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function write(file: BackupFileWriter, ...pieces: readonly Uint8Array[]) {
  for (const piece of pieces) await file.write(piece);
  return await file.commit();
}

for (const [name, open] of Object.entries(BACKENDS)) {
  describe(`writing to a ${name}`, () => {
    test('gives back what was written, under the handle, size and digest that it told', async (context) => {
      const { storage } = await open(context);
      const backup = await storage.createBackup('transaction_0-.0a1b');
      const file = await storage.createForWrite(backup, '0-.chunk');
      const written = await write(file, HELLO.subarray(0, 5), HELLO.subarray(5));
      await storage.syncBackup(backup);
      assert.equal(written.handle, 'transaction_0-.0a1b/0-.chunk');
      assert.equal(written.size, HELLO.length);
      assert.deepEqual(Buffer.from(written.sha256), createHash('sha256').update(HELLO).digest());
      assert.deepEqual(await read(storage, written.handle), HELLO);
    });

    test('takes any bytes in any pieces', async (context) => {
      const { storage } = await open(context);
      const backup = await storage.createBackup('state_epoch_1_ver_5.0000');
      let count = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 4 }), async (pieces) => {
          const file = await storage.createForWrite(backup, `${count++}-.chunk`);
          const { handle, size } = await write(file, ...pieces);
          const whole = Buffer.concat(pieces);
          assert.equal(size, whole.length);
          assert.deepEqual(await read(storage, handle), whole);
        }),
        { numRuns: name === 'local folder' ? 30 : 8 },
      );
    });

    test('takes a file that is larger than any pipe', async (context) => {
      const { storage } = await open(context);
      const backup = await storage.createBackup('transaction_0-.0a1b');
      const piece = Buffer.alloc(1_500_001, 'abcdefg');
      const { handle } = await write(await storage.createForWrite(backup, '0-.chunk'), piece, piece);
      assert.deepEqual(await read(storage, handle), Buffer.concat([piece, piece]));
    });

    test('is a stream that commits when it ends', async (context) => {
      const { storage } = await open(context);
      const backup = await storage.createBackup('transaction_0-.0a1b');
      const file = await storage.createForWrite(backup, '0-.chunk');
      await pipeline([HELLO, HELLO], fileWritable(file));
      assert.deepEqual(await read(storage, file.handle), Buffer.concat([HELLO, HELLO]));
    });

    test('refuses a name that is taken, and leaves what has it', async (context) => {
      const { storage } = await open(context);
      const backup = await storage.createBackup('transaction_0-.0a1b');
      const { handle } = await write(await storage.createForWrite(backup, '0-.chunk'), HELLO);
      await assert.rejects(async () => {
        await write(await storage.createForWrite(backup, '0-.chunk'), Buffer.from('other'));
      }, HoldfastError);
      assert.deepEqual(await read(storage, handle), HELLO);
    });

    test('refuses names that are none, before anything is made', async (context) => {
      const { storage } = await open(context);
      for (const bad of ['..', '.hidden', 'a b', 'a/b', 'ab', 'x'.repeat(128), '-rf', 'a\nb']) {
        await assert.rejects(storage.createBackup(bad), { code: 'FILE_NAME_ILLEGAL' });
        await assert.rejects(storage.createForWrite('transaction_0-.0a1b', bad), {
          code: 'FILE_NAME_ILLEGAL',
        });
        const save = storage.saveMetadataLines(bad, ['{}'], { isReadable });
        await assert.rejects(save, { code: 'FILE_NAME_ILLEGAL' });
      }
    });

    test('lists metadata that was saved, with one line feed after each line', async (context) => {
      const { storage } = await open(context);
      const one = await storage.saveMetadataLines('transaction_0-9.meta', ['{"a":1}'], { isReadable });
      assert.deepEqual(one, { handle: 'metadata/transaction_0-9.meta', outcome: 'written' });
      await storage.saveMetadataLines('identity.meta', ['{"b":2}', '{"c":3}'], { isReadable });
      assert.deepEqual(await storage.listMetadataFiles(), ['metadata/identity.meta', one.handle]);
      assert.equal((await read(storage, one.handle)).toString(), '{"a":1}\n');
      assert.equal((await read(storage, 'metadata/identity.meta')).toString(), '{"b":2}\n{"c":3}\n');
    });

    test('takes metadata without lines, or with broken ones, for a mistake of the caller', async (context) => {
      const { storage } = await open(context);
      for (const lines of [[], [''], ['{"a":1}\n'], ['a\rb']]) {
        const save = storage.saveMetadataLines('identity.meta', lines, { isReadable: () => true });
        await assert.rejects(save, assert.AssertionError);
      }
      assert.deepEqual(await storage.listMetadataFiles(), []);
    });

    test('moves a metadata file out of the listed set, and keeps it', async (context) => {
      const { storage, folder } = await open(context);
      const { handle } = await storage.saveMetadataLines('identity.meta', ['{}'], { isReadable });
      await storage.backupMetadataFile(handle);
      assert.deepEqual(await storage.listMetadataFiles(), []);
      assert.ok(existsSync(path.join(folder, 'metadata_backup', 'identity.meta')));
    });

    test('does nothing once its signal is aborted', async (context) => {
      const { storage } = await open(context);
      const signal = AbortSignal.abort(new Error('enough'));
      await assert.rejects(storage.createBackup('transaction_0-.0a1b', { signal }), { message: 'enough' });
      const save = storage.saveMetadataLines('identity.meta', ['{}'], { isReadable, signal });
      await assert.rejects(save, { message: 'enough' });
      assert.deepEqual(await storage.listMetadataFiles(), []);
    });

    test('says what it can do', async (context) => {
      const { storage } = await open(context);
      const isLocal = name === 'local folder';
      const { lock, staging, attestationSideFiles, resume, moveMetadata } = storage.capabilities;
      assert.deepEqual([lock, staging, attestationSideFiles, resume], [isLocal, isLocal, isLocal, isLocal]);
      assert.ok(moveMetadata);
      assert.equal(storage.sideFolder !== undefined, isLocal);
      assert.equal(storage.saveSideFile !== undefined, isLocal);
    });
  });
}
