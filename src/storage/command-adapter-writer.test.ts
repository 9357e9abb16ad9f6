import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { fileAppears } from '../test-support/file-appears.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import type { AdapterCommands } from './command-adapter-config.js';
import { type CommandAdapterWriterOptions, CommandAdapterWriterStorage } from './command-adapter-writer.js';
import { localFolderCommands } from './local-folder-commands.test.support.js';
import { StorageError } from './storage-error.js';

const isReadable = (content: Uint8Array): boolean => content[0] === 0x7b;

/** The working commands, some of them replaced. */
function adapter(
  context: TestContext,
  commands: Partial<AdapterCommands>,
  options: CommandAdapterWriterOptions = {},
) {
  const folder = temporaryFolder(context);
  const config = localFolderCommands(folder);
  const storage = new CommandAdapterWriterStorage(
    { ...config, commands: { ...config.commands, ...commands } },
    options,
  );
  context.after(() => storage.close());
  return { storage, folder };
}

async function writeOne(storage: CommandAdapterWriterStorage, bytes: Uint8Array, signal?: AbortSignal) {
  const file = await storage.createForWrite('backup', '0-.chunk', { signal });
  await file.write(bytes);
  return await file.commit();
}

async function failureOf(work: Promise<unknown>): Promise<StorageError> {
  const error = await work.then(
    () => assert.fail('it succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof StorageError, String(error));
  return error;
}

const HELLO = Buffer.from('hello');
const LARGE = Buffer.alloc(1_000_000, 'x');

describe('a command that writes a file fails the file', () => {
  for (const [what, command, code] of [
    [
      'when it exits with another code than 0 at the end',
      'echo h; exec 1>&-; cat >/dev/null; exit 7',
      'COMMAND_FAILED',
    ],
    ['when it fails at once', 'exit 7', 'COMMAND_FAILED'],
    ['when a part of a pipe fails', 'echo h; exec 1>&-; cat | false | cat >/dev/null', 'COMMAND_FAILED'],
    [
      'when it uses a variable that is not set',
      'echo "$NOT_SET"; exec 1>&-; cat >/dev/null',
      'COMMAND_FAILED',
    ],
    ['when it prints no handle', 'echo; exec 1>&-; cat >/dev/null', 'COMMAND_HANDLE_INVALID'],
    ['when it prints two handles', 'echo a; echo b; exec 1>&-; cat >/dev/null', 'COMMAND_HANDLE_INVALID'],
    ['when its handle is not UTF-8', "printf '\\xff'; exec 1>&-; cat >/dev/null", 'COMMAND_HANDLE_INVALID'],
    ['when it never ends its output', 'yes', 'COMMAND_FAILED'],
  ] as const) {
    for (const bytes of [HELLO, LARGE]) {
      test(`${what} (${bytes.length} bytes)`, async (context) => {
        const { storage } = adapter(context, { create_for_write: command });
        assert.equal((await failureOf(writeOne(storage, bytes))).code, code);
      });
    }
  }

  // A few bytes would fit into the pipe without being taken: only reading back (`verifyWrites`) tells.
  test('when it takes nothing of a large file and ends well', async (context) => {
    const { storage } = adapter(context, { create_for_write: 'echo h' });
    assert.equal((await failureOf(writeOne(storage, LARGE))).code, 'COMMAND_FAILED');
  });

  test('when it takes part of a large file and ends well', async (context) => {
    const { storage } = adapter(context, { create_for_write: 'echo h; exec 1>&-; head -c 10 >/dev/null' });
    assert.equal((await failureOf(writeOne(storage, LARGE))).code, 'COMMAND_FAILED');
  });

  test('when it gives two files the same handle', async (context) => {
    const { storage } = adapter(context, { create_for_write: 'echo same; exec 1>&-; cat >/dev/null' });
    await writeOne(storage, HELLO);
    assert.equal((await failureOf(writeOne(storage, HELLO))).code, 'COMMAND_HANDLE_INVALID');
  });

  test('and the error holds the end of what it said', async (context) => {
    const command = 'echo h; exec 1>&-; cat >/dev/null; echo "no quota left" >&2; exit 3';
    const { storage } = adapter(context, { create_for_write: command });
    const { message, facts } = await failureOf(writeOne(storage, HELLO));
    assert.match(message, /create_for_write of 0-\.chunk failed with exit code 3: no quota left/);
    assert.equal(facts.exitCode, 3);
  });
});

describe('a command that does nothing', () => {
  for (const [what, command] of [
    ['before its handle', 'sleep 600'],
    ['instead of reading', 'echo h; exec 1>&-; sleep 600'],
    ['after the end of its input', 'echo h; exec 1>&-; cat >/dev/null; sleep 600'],
  ] as const) {
    test(`${what} is given up after the time limit`, async (context) => {
      const { storage } = adapter(context, { create_for_write: command }, { idleTimeoutMs: 200 });
      assert.equal((await failureOf(writeOne(storage, LARGE))).code, 'COMMAND_TIMEOUT');
    });
  }
});

describe('a writing command is killed with its children', () => {
  const command = (folder: string): string =>
    `echo h; exec 1>&-; sh -c 'echo $$ > ${folder}/pid.new; mv ${folder}/pid.new ${folder}/pid; exec sleep 600'`;

  for (const how of ['abort', 'discard', 'close'] as const) {
    test(`by ${how}`, async (context) => {
      const pids = temporaryFolder(context);
      const { storage } = adapter(context, { create_for_write: command(pids) });
      const abort = new AbortController();
      const file = await storage.createForWrite('backup', '0-.chunk', { signal: abort.signal });
      const pid = Number(await fileAppears(pids, 'pid'));
      if (how === 'abort') {
        const commit = file.commit();
        abort.abort(new Error('enough'));
        await assert.rejects(commit, { message: 'enough' });
      } else if (how === 'discard') await file.discard();
      else {
        const commit = file.commit();
        await storage.close();
        await assert.rejects(commit, { code: 'STORAGE_UNREACHABLE' });
      }
      const deadline = performance.now() + 10_000;
      for (;;) {
        const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
        if (stat === '' || /\) [ZX]/.test(stat)) break;
        assert.ok(performance.now() < deadline, 'the child still runs');
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
  }
});

describe('reading back', () => {
  test('finds a file that the commands alter, before anything can name it', async (context) => {
    const create_for_write =
      'mkdir -p "$FOLDER/$BACKUP_HANDLE"; cd "$FOLDER/$BACKUP_HANDLE"; ' +
      'echo "$BACKUP_HANDLE/$FILE_NAME"; exec 1>&-; tr h j | gzip -c > "$FILE_NAME"';
    const altering = adapter(context, { create_for_write }, { verifyWrites: true });
    assert.equal((await failureOf(writeOne(altering.storage, HELLO))).code, 'WRITE_NOT_VERIFIED');
    const trusting = adapter(context, { create_for_write });
    await writeOne(trusting.storage, HELLO);
  });

  test('finds metadata that cannot be read', async (context) => {
    const save_metadata_line = 'echo "metadata/$FILE_NAME"; exec 1>&-; cat >/dev/null';
    const { storage } = adapter(context, { save_metadata_line }, { verifyWrites: true });
    const save = storage.saveMetadataLines('identity.meta', ['{}'], { isReadable });
    assert.equal((await failureOf(save)).code, 'COMMAND_FAILED');
  });

  test('accepts a file that only looks like gzip', async (context) => {
    const { storage } = adapter(context, {}, { verifyWrites: true });
    const backup = await storage.createBackup('transaction_0-.0a1b');
    const file = await storage.createForWrite(backup, '0-9.proof');
    await file.write(Uint8Array.of(0x1f, 0x8b, 8, 0, 1, 2, 3));
    await file.commit();
  });
});

test('an adapter that cannot move metadata says so', async (context) => {
  const config = localFolderCommands(temporaryFolder(context));
  const { backup_metadata_file: _, ...commands } = config.commands;
  const storage = new CommandAdapterWriterStorage({ ...config, commands });
  assert.equal(storage.capabilities.moveMetadata, false);
  const error = await failureOf(storage.backupMetadataFile('metadata/identity.meta'));
  assert.equal(error.code, 'OPERATION_UNSUPPORTED');
});

test('a backup whose name the command refuses, or gives no handle for, is not begun', async (context) => {
  const { storage } = adapter(context, { create_backup: 'true' });
  assert.equal((await failureOf(storage.createBackup('transaction_0-.0a1b'))).code, 'COMMAND_HANDLE_INVALID');
  const refusing = adapter(context, { create_backup: 'exit 1' });
  assert.equal((await failureOf(refusing.storage.createBackup('abc'))).code, 'COMMAND_FAILED');
});
