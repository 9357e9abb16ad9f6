// The whole story on an embedded default: a ledger is made, served, backed up by a writer that is killed in the
// middle, proven, damaged in a copy, and restored. Every command is the real one and is printed before it runs.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { build, install, root } from './setup.mjs';

install();
build();

const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-demo-'));
const program = path.join(root, 'dist', 'cli', 'main.js');
const children = new Set();

function say(text) {
  console.log(`\n# ${text}`);
}

function holdfast(expectedExitCode, ...args) {
  console.log(`$ holdfast ${args.join(' ')}`);
  const { status } = spawnSync(process.execPath, [program, ...args], { stdio: 'inherit', cwd: folder });
  console.log(`(exit ${status})`);
  assert.equal(status, expectedExitCode, 'the exit code that the demo expects');
}

/** What a command prints as JSON. */
function holdfastJson(...args) {
  console.log(`$ holdfast ${args.join(' ')} --json`);
  const { status, stdout } = spawnSync(process.execPath, [program, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: folder,
    encoding: 'utf8',
  });
  process.stdout.write(stdout);
  assert.equal(status, 0, 'the exit code that the demo expects');
  return JSON.parse(stdout);
}

function start(args, stdio) {
  console.log(`$ holdfast ${args.join(' ')} &`);
  const child = spawn(process.execPath, [program, ...args], { stdio, cwd: folder });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** A backup service over a database, at a port that the system picks. */
async function serve(database) {
  const args = ['serve', '--db-dir', database, '--backup-service-address', '127.0.0.1:0'];
  const child = start(args, ['ignore', 'pipe', 'inherit']);
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  console.log(line);
  return { url: line.slice(line.lastIndexOf(' ') + 1), child };
}

async function stop({ child }) {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Resolves once the archive holds some chunks of a state snapshot. */
function someStateChunks(archive) {
  return new Promise((resolve) => {
    const watcher = watch(archive, { recursive: true }, () => {
      const names = readdirSync(archive, { recursive: true });
      if (names.filter((name) => /state_.*\.chunk$/.test(name)).length < 5) return;
      watcher.close();
      resolve();
    });
  });
}

/** Starts a backup and ends its process without warning once it has committed some chunks. */
async function killInTheMiddle(...args) {
  const underWay = someStateChunks(path.join(folder, 'archive'));
  const child = start(args, 'inherit');
  const ended = once(child, 'exit');
  await Promise.race([underWay, ended]);
  child.kill('SIGKILL');
  const [, signal] = await ended;
  assert.equal(signal, 'SIGKILL', 'the writer is killed before it is done');
  console.log(`(kill -9 ${child.pid})`);
}

async function answer(url, route) {
  const response = await fetch(`${url}/${route}`);
  assert.equal(response.status, 200, route);
  return Buffer.from(await response.arrayBuffer());
}

try {
  say('A ledger with real signatures: 3 ended epochs and an open one');
  const size = ['--epochs', '3', '--transactions', '3000', '--state-items', '20000'];
  const ledger = holdfastJson('ledger', 'generate', '--db-dir', 'ledger', ...size, '--seed', 'demo');
  const { genesisWaypoint } = ledger;
  const lastVersion = Number(ledger.lastVersion);

  say('Serve it as a node does, and back it up');
  const original = await serve('ledger');
  const from = ['--backup-service-address', original.url];
  const to = ['--local-fs-dir', 'archive', '--max-chunk-size', '100000'];
  const oneoff = ['backup', 'oneoff', ...from];
  holdfast(0, ...oneoff, 'epoch-ending', '--start-epoch', '0', '--end-epoch', '3', ...to);
  const range = ['--start-version', '0', '--num_transactions', String(lastVersion + 1)];
  holdfast(0, ...oneoff, 'transaction', ...range, ...to);

  say(
    'The writer of the state snapshot is killed in the middle (it is slowed down, so that there is a middle)',
  );
  const snapshot = ['state-snapshot', '--state-snapshot-epoch', '2', ...to];
  await killInTheMiddle(...oneoff, ...snapshot, '--max-bytes-per-second', '400000');
  say('The next run keeps what was committed, and goes on from there');
  holdfast(0, ...oneoff, ...snapshot);
  holdfast(0, 'backup', 'query', 'backup-storage-state', '--local-fs-dir', 'archive');

  say('Prove the archive, from the genesis waypoint down to each record');
  const verify = ['--trust-waypoint', genesisWaypoint, '--all-state-snapshots'];
  holdfast(0, 'backup', 'verify', '--local-fs-dir', 'archive', ...verify);

  say('One flipped bit in a copy of it');
  cpSync(path.join(folder, 'archive'), path.join(folder, 'damaged'), { recursive: true });
  const chunk = readdirSync(path.join(folder, 'damaged'), { recursive: true })
    .filter((name) => /^transaction_.*\.chunk$/.test(name))
    .sort()
    .at(-1);
  const file = path.join(folder, 'damaged', chunk);
  const bytes = readFileSync(file);
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(file, bytes);
  holdfast(1, 'backup', 'verify', '--local-fs-dir', 'damaged', ...verify);

  say('The day of the disaster: a database from the archive, proven on the way in');
  const history = ['--ledger-history-start-version', '0'];
  const trust = ['--trust-waypoint', genesisWaypoint];
  const target = ['--local-fs-dir', 'archive', '--target-db-dir', 'restored'];
  holdfast(0, 'restore', 'bootstrap-db', ...target, ...history, ...trust);
  holdfast(0, 'debug', 'check-db', '--db-dir', 'restored');

  say('Both ledgers have the same root and serve the same bytes');
  const restored = await serve('restored');
  const snapshotVersion = ledger.endedEpochs.at(-1).lastVersion;
  const routes = [
    'db_state',
    'epoch_ending_ledger_infos/0/3',
    `transactions/0/${lastVersion + 1}`,
    `transaction_range_proof/0/${lastVersion}`,
    `state_root_proof/${snapshotVersion}`,
    `state_snapshot/${snapshotVersion}`,
  ];
  for (const route of routes) {
    const [ours, theirs] = await Promise.all([answer(original.url, route), answer(restored.url, route)]);
    assert.ok(ours.equals(theirs), `${route} differs`);
    console.log(`the same ${String(ours.length).padStart(9)} bytes: ${route}`);
  }
  await Promise.all([stop(original), stop(restored)]);
  say('Done: nothing was lost, and what was damaged has a name.');
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
