import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { CommandAdapterStorage, type CommandAdapterOptions } from './command-adapter.js';
import { readDecompressed } from './decompress.js';
import { StorageError } from './storage-error.js';

let folder = '';
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'command-adapter-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const unused = 'exit 99';

function adapter(
  commands: { read?: string; list?: string; variables?: Record<string, string> },
  options: CommandAdapterOptions = {},
): CommandAdapterStorage {
  const envVars = Object.entries(commands.variables ?? {}).map(([key, value]) => ({ key, value }));
  const config = {
    envVars,
    commands: {
      create_backup: unused,
      create_for_write: unused,
      save_metadata_line: unused,
      open_for_read: commands.read ?? unused,
      list_metadata_files: commands.list ?? unused,
    },
  };
  return new CommandAdapterStorage(config, options);
}

async function readText(
  storage: CommandAdapterStorage,
  handle: string,
  signal?: AbortSignal,
): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of await storage.openForRead(handle, { signal })) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}

async function failureOf(work: Promise<unknown>): Promise<StorageError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof StorageError, String(error));
    return error;
  }
  return assert.fail('it succeeded');
}

/** Whether the process still does anything; a zombie that nobody has collected does not. */
async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
    const status = await readFile(`/proc/${pid}/stat`, 'utf8');
    return !/^\d+ \(.*\) [ZX]/.test(status);
  } catch {
    return false;
  }
}

/** Waits for processes to be gone by looking, turn after turn; the test's own limit ends a failure. */
async function allGone(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (const pid of pids) {
    while (await isAlive(pid)) {
      assert.ok(performance.now() < deadline, `process ${pid} still runs`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** A command with a child and a grandchild that never end; it prints their numbers as its first line. */
const TREE = `
bash -c 'sleep 1000 & echo $! > "$PIDS"; wait' &
while [ ! -s "$PIDS" ]; do :; done
echo $$ $! $(cat "$PIDS")
`;

async function treePids(first: Uint8Array): Promise<number[]> {
  // What the command prints next may have come along.
  const [line = ''] = Buffer.from(first).toString('latin1').split('\n', 1);
  const pids = line.split(' ').map(Number);
  assert.equal(pids.length, 3);
  for (const pid of pids) assert.ok(await isAlive(pid), `process ${pid} should run`);
  return pids;
}

let trees = 0;
function treeAdapter(tail: string, options: CommandAdapterOptions = {}): CommandAdapterStorage {
  const variables = { PIDS: path.join(folder, `pids-${trees++}`) };
  return adapter({ read: TREE + tail, variables }, options);
}

test('a file is what the command prints for its handle', async () => {
  const name = `with 'quotes" and $dollars`;
  await writeFile(path.join(folder, name), 'content\n');
  const storage = adapter({ read: 'cat "$FOLDER/$FILE_HANDLE"', variables: { FOLDER: folder } });
  assert.equal(await readText(storage, name), 'content\n');
});

test("variables of the configuration go before the tool's own, and the operation's before both", async () => {
  const environment = { ...process.env, A: 'tool', B: 'tool', FILE_HANDLE: 'tool' };
  const variables = { B: 'config', FILE_HANDLE: 'config' };
  const storage = adapter({ read: 'echo "$A $B $FILE_HANDLE"', variables }, { environment });
  assert.equal(await readText(storage, 'h'), 'tool config h\n');
});

test('commands that must succeed succeed', async () => {
  for (const read of [
    'echo okay',
    'echo okay; false && true; true',
    'echo okay; exec 1>&-; true',
    'X=okay; echo $X',
    'echo okay | cat',
    'if false; then exit 1; fi; echo okay',
  ])
    assert.equal(await readText(adapter({ read }), 'h'), 'okay\n', read);
});

test('commands that must fail fail, although all bytes came', async () => {
  for (const read of [
    'echo okay; exec 1>&-; false; cat > /dev/null',
    'echo okay; echo $NOBODY_HAS_SET_THIS',
    'echo okay | false',
    'false | echo okay',
    'echo okay; false; true',
    'echo okay; exit 7',
    'echo okay; kill -SEGV $$',
  ]) {
    const error = await failureOf(readText(adapter({ read }), 'h'));
    assert.equal(error.code, 'COMMAND_FAILED', read);
    assert.equal(error.facts.handle, 'h');
  }
});

test('a failure tells exit code or signal, command, and the end of the error output', async () => {
  const read = 'for i in $(seq 3000); do echo "line $i" >&2; done; exit 7';
  const error = await failureOf(readText(adapter({ read }), 'some/handle'));
  assert.equal(error.facts.exitCode, 7);
  assert.equal(error.facts.command, read);
  assert.equal(error.facts.operation, 'open_for_read');
  assert.match(error.message, /some\/handle failed with exit code 7: line 3000/);
  assert.ok((error.facts.stderr ?? '').endsWith('line 2999\nline 3000\n'));
  assert.equal(Buffer.byteLength(error.facts.stderr ?? ''), 4096);
  const killed = await failureOf(readText(adapter({ read: 'kill -SEGV $$' }), 'h'));
  assert.equal(killed.facts.signal, 'SIGSEGV');
  assert.equal(killed.facts.exitCode, undefined);
});

test('a command that cannot be started is a failure and no crash', async () => {
  const nowhere = adapter({ read: 'echo x', list: 'echo x' }, { environment: { PATH: folder } });
  const error = await failureOf(readText(nowhere, 'h'));
  assert.equal(error.code, 'COMMAND_FAILED');
  assert.match(error.message, /could not be started/);
  assert.equal((await failureOf(nowhere.listMetadataFiles())).code, 'STORAGE_UNREACHABLE');
  const huge = adapter({ read: 'echo x', variables: { HUGE: 'x'.repeat(4 * 1024 * 1024) } });
  assert.equal((await failureOf(readText(huge, 'h'))).code, 'COMMAND_FAILED');
  assert.equal((await failureOf(readText(adapter({ read: 'cat' }), 'a\0b'))).code, 'FILE_HANDLE_ILLEGAL');
});

test('standard input is an open pipe as long as the command runs', async () => {
  // `read` with a time limit ends with more than 128 when the limit passed, and with 1 at an end of file.
  const storage = adapter({ read: 'code=0; read -t 0.05 || code=$?; [ $code -gt 128 ] && echo open' });
  assert.equal(await readText(storage, 'h'), 'open\n');
});

test('the listing is one handle a line, taken as it is', async () => {
  const list = (command: string) => adapter({ list: command }).listMetadataFiles();
  assert.deepEqual(await list("printf 'metadata/b\\nmetadata/a\\r\\n c \\n'"), [
    ' c ',
    'metadata/a',
    'metadata/b',
  ]);
  assert.deepEqual(await list("printf 'a\\n\\nb'"), ['', 'a', 'b']);
  assert.deepEqual(await list('printf "a\\na\\n"'), ['a']);
  assert.deepEqual(await list('true'), []);
  assert.deepEqual(await list('ls /nowhere/at/all 2>/dev/null ||:'), []);
});

test('a listing that fails, or is no text, makes the storage unreachable', async () => {
  const failed = await failureOf(adapter({ list: 'echo a; echo denied >&2; exit 3' }).listMetadataFiles());
  assert.equal(failed.code, 'STORAGE_UNREACHABLE');
  assert.equal(failed.facts.exitCode, 3);
  assert.match(failed.message, /denied/);
  const bytes = await failureOf(adapter({ list: "printf '\\xff\\n'" }).listMetadataFiles());
  assert.equal(bytes.code, 'STORAGE_UNREACHABLE');
});

test('megabytes pass unaltered, and a slow reader slows the command', async () => {
  const marker = path.join(folder, 'written');
  const read = 'head -c 8000000 /dev/zero; echo done > "$MARKER"';
  const storage = adapter({ read, variables: { MARKER: marker } });
  const pieces = (await storage.openForRead('h'))[Symbol.asyncIterator]();
  const first = await pieces.next();
  // The pipe holds 64 KiB and the stream as much, so the command is far from its end.
  assert.ok(!first.done && first.value.length <= 256 * 1024);
  await assert.rejects(readFile(marker));
  let size = first.value.length;
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) size += next.value.length;
  assert.equal(size, 8_000_000);
  assert.equal(await readFile(marker, 'utf8'), 'done\n');
});

test('leaving early kills the command with its children and grandchildren', async () => {
  let pids: number[] = [];
  for await (const first of await treeAdapter('cat /dev/zero').openForRead('h')) {
    pids = await treePids(first);
    break;
  }
  await allGone(pids);
});

test('leaving early while the unpacking waits for bytes kills the command', async () => {
  // A gzip whose first blocks come out while the rest never comes.
  const gzipOnly = adapter({
    read: `sleep 1000 & echo $! > "$PID"; head -c 3000000 /dev/urandom | gzip | head -c 2900000 || :; wait`,
    variables: { PID: path.join(folder, 'gzip-pid') },
  });
  for await (const _piece of readDecompressed(gzipOnly, 'x.chunk')) break;
  await allGone([Number(await readFile(path.join(folder, 'gzip-pid'), 'utf8'))]);
});

test('an abort rejects with its reason and kills the tree, also while a read waits', async () => {
  const storage = treeAdapter('wait');
  const controller = new AbortController();
  const reason = new Error('enough');
  const pieces = (await storage.openForRead('h', { signal: controller.signal }))[Symbol.asyncIterator]();
  const first = await pieces.next();
  const pids = await treePids(first.value ?? new Uint8Array(0));
  const waiting = pieces.next();
  controller.abort(reason);
  await assert.rejects(waiting, (error) => error === reason);
  await allGone(pids);
  await assert.rejects(storage.openForRead('h', { signal: controller.signal }), (error) => error === reason);
  await assert.rejects(storage.listMetadataFiles({ signal: controller.signal }), (error) => error === reason);
});

test('a command that stays silent for too long is killed with its tree', async () => {
  const storage = treeAdapter('wait', { idleTimeoutMs: 300 });
  const pieces = (await storage.openForRead('the/handle'))[Symbol.asyncIterator]();
  const pids = await treePids((await pieces.next()).value ?? new Uint8Array(0));
  const error = await failureOf(pieces.next());
  assert.equal(error.code, 'COMMAND_TIMEOUT');
  assert.equal(error.facts.handle, 'the/handle');
  assert.equal(error.facts.timeoutMs, 300);
  await allGone(pids);
});

test('a command that gave all bytes but does not end is too late as well', async () => {
  const storage = adapter({ read: 'echo x; exec 1>&-; sleep 1000' }, { idleTimeoutMs: 100 });
  assert.equal((await failureOf(readText(storage, 'h'))).code, 'COMMAND_TIMEOUT');
});

test('a reader that takes its time is not a silent command', async () => {
  const storage = adapter({ read: 'head -c 1000000 /dev/zero' }, { idleTimeoutMs: 100 });
  let size = 0;
  for await (const piece of await storage.openForRead('h')) {
    if (size === 0) await once(AbortSignal.timeout(200), 'abort');
    size += piece.length;
  }
  assert.equal(size, 1_000_000);
});

test('closing ends what runs, and its reader does not take that for the end of the file', async () => {
  const storage = treeAdapter('wait');
  const pieces = (await storage.openForRead('h'))[Symbol.asyncIterator]();
  const pids = await treePids((await pieces.next()).value ?? new Uint8Array(0));
  const waiting = failureOf(pieces.next());
  await storage.close();
  await storage.close();
  assert.equal((await waiting).code, 'STORAGE_UNREACHABLE');
  assert.equal((await failureOf(pieces.next())).code, 'STORAGE_UNREACHABLE');
  assert.equal((await failureOf(storage.openForRead('h'))).code, 'STORAGE_UNREACHABLE');
  await allGone(pids);
});

test('when the process ends, the commands that it runs end too', async () => {
  const modulePath = new URL('./command-adapter.js', import.meta.url).href;
  const pidFile = path.join(folder, 'exit-pid');
  const script = `
    const { CommandAdapterStorage } = await import(${JSON.stringify(modulePath)});
    const commands = { open_for_read: 'sleep 1000 & echo $! > "$FILE_HANDLE"; echo up; wait' };
    const config = { envVars: [], commands: { list_metadata_files: '', ...commands } };
    const storage = new CommandAdapterStorage(config);
    const pieces = (await storage.openForRead(${JSON.stringify(pidFile)}))[Symbol.asyncIterator]();
    await pieces.next();
    process.exit(0);`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
  assert.equal(status, 0, String(stderr));
  await allGone([Number(await readFile(pidFile, 'utf8'))]);
});

test('nothing is left open behind many reads', async () => {
  const storage = adapter({ read: 'echo "$FILE_HANDLE"; [ "$FILE_HANDLE" != bad ]' });
  await readText(storage, 'first');
  const opened = (await readdir('/proc/self/fd')).length;
  const listeners = process.listenerCount('exit');
  const controller = new AbortController();
  for (let count = 0; count < 5; count++) {
    await Promise.all(['a', 'b', 'c'].map((handle) => readText(storage, handle, controller.signal)));
    await failureOf(readText(storage, 'bad', controller.signal));
    for await (const _piece of await storage.openForRead('d', { signal: controller.signal })) break;
  }
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await readdir('/proc/self/fd')).length, opened);
  assert.equal(process.listenerCount('exit'), listeners);
});

test('the identity follows the commands and the variables that they mention, and shows no value', () => {
  const make = (environment: NodeJS.ProcessEnv, read = 'cat "$ARCHIVE/$FILE_HANDLE"') =>
    adapter({ read, list: `ls "\${ARCHIVE}/metadata"` }, { environment }).identity;
  assert.equal(make({ ARCHIVE: '/secret/a', OTHER: '1' }), make({ ARCHIVE: '/secret/a', OTHER: '2' }));
  assert.notEqual(make({ ARCHIVE: '/secret/a' }), make({ ARCHIVE: '/secret/b' }));
  assert.notEqual(make({ ARCHIVE: '/secret/a' }), make({ ARCHIVE: '/secret/a' }, 'gzip -cd'));
  assert.ok(!make({ ARCHIVE: '/secret/a' }).includes('secret'));
});

test("the operator's start-up files take no part in a command", async () => {
  const home = path.join(folder, 'home');
  await mkdir(home);
  await writeFile(path.join(home, '.bashrc'), 'echo from a start-up file\n');
  // Bash takes a socket on its standard input for a remote login where no shell is above it.
  const { SHLVL: _, ...environment }: NodeJS.ProcessEnv = { ...process.env, HOME: home };
  assert.equal(await readText(adapter({ read: 'echo okay' }, { environment }), 'h'), 'okay\n');
});
