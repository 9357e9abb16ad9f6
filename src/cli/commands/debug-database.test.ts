import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { Command } from 'commander';
import { fixturePath, withoutFixture } from '../../test-support/fixtures.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import type { Action } from '../dispatch.js';
import { reportError } from '../report-error.js';
import { addBootstrap } from './bootstrap.js';
import { addDebugCheckDb } from './debug-check-db.js';
import { addDebugLedger } from './debug-ledger.js';
import { addDebugStateTree } from './debug-state-tree.js';
import { addDebugCheckpoint, addDebugTruncate } from './debug-truncate.js';
import { addLedger } from './ledger-generate.js';

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line of these commands alone. */
async function holdfast(...args: readonly string[]): Promise<Outcome> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const console = { stdout, stderr, interactive: false, signal: new AbortController().signal };
  const texts = Promise.all([text(stdout), text(stderr)]);
  const actions: Action[] = [];
  const dispatch = { console, run: (action: Action) => void actions.push(action) };
  const program = new Command('holdfast').exitOverride();
  addBootstrap(program, dispatch);
  addLedger(program, dispatch);
  const debug = program.command('debug');
  for (const add of [addDebugCheckDb, addDebugStateTree, addDebugLedger]) add(debug, dispatch);
  for (const add of [addDebugTruncate, addDebugCheckpoint]) add(debug, dispatch);
  let exitCode: number;
  try {
    await program.parseAsync(args, { from: 'user' });
    exitCode = (await actions[0]?.()) ?? -1;
  } catch (error) {
    exitCode = reportError(error, console);
  }
  stdout.end();
  stderr.end();
  const [out, err] = await texts;
  return { exitCode, stdout: out, stderr: err };
}

describe('ledger generate, and commands that look into a database', () => {
  let root = '';
  let db = '';
  let generated: Outcome;
  let cleanUp = (): void => {};
  after(() => cleanUp());

  before(async () => {
    // Inside of a hook, `after` would mean: after the hook.
    root = memoryFolder({
      after: (work) => {
        cleanUp = work;
      },
    });
    db = path.join(root, 'db');
    const size = ['--epochs', '3', '--transactions', '120', '--state-items', '60'];
    generated = await holdfast('ledger', 'generate', '--db-dir', db, '--seed', 'cli', ...size, '--json');
  });

  it('generates a ledger of the wanted shape, in a database that is fit', async () => {
    assert.equal(generated.exitCode, 0, generated.stderr);
    const summary = JSON.parse(generated.stdout);
    assert.match(summary.genesisWaypoint, /^0:[0-9a-f]{64}$/);
    assert.equal(summary.lastVersion, 119);
    assert.equal(summary.openEpoch, 3);
    assert.deepEqual(
      summary.endedEpochs.map(({ epoch }: { epoch: number }) => epoch),
      [0, 1, 2],
    );
    const checked = await holdfast('debug', 'check-db', '--db-dir', db);
    assert.equal(checked.exitCode, 0, checked.stdout);
    assert.match(checked.stdout, /^FIT: a ledger up to version 119$/m);
  });

  it('generates neither onto a ledger nor fewer transactions than epochs', async () => {
    const size = ['--epochs', '3', '--transactions', '120', '--state-items', '60', '--seed', 'x'];
    const again = await holdfast('ledger', 'generate', '--db-dir', db, ...size);
    assert.equal(again.exitCode, 2);
    assert.match(again.stderr, /holds a ledger already/);
    const few = await holdfast(
      'ledger',
      'generate',
      '--db-dir',
      path.join(root, 'few'),
      ...size.with(3, '2'),
    );
    assert.equal(few.exitCode, 2);
    assert.match(few.stderr, /at least 3 transactions/);
  });

  it('lists snapshots newest first, strictly before a version', async () => {
    const { endedEpochs } = JSON.parse(generated.stdout);
    const ends: number[] = endedEpochs
      .map(({ lastVersion }: { lastVersion: number }) => lastVersion)
      .reverse();
    const all = await holdfast('debug', 'state-tree', 'get-snapshots', '--db-dir', db);
    assert.equal(all.stdout, ends.map((version, index) => `${index} ${version}\n`).join(''));
    const before = ['--next-version', String(ends[0])];
    const earlier = await holdfast('debug', 'state-tree', 'get-snapshots', '--db-dir', db, ...before);
    assert.equal(
      earlier.stdout,
      ends
        .slice(1)
        .map((version, index) => `${index} ${version}\n`)
        .join(''),
    );
  });

  it('prints a leaf, and the way to it', async () => {
    const tree = ['--db-dir', db, '--before-version', '1'];
    const leaf = await holdfast('debug', 'state-tree', 'get-leaf', ...tree, '--leaf-index', '17');
    assert.equal(leaf.exitCode, 0, leaf.stderr);
    const [, keyHash = ''] = /key hash ([0-9a-f]{64})/.exec(leaf.stdout) ?? [];
    assert.match(leaf.stdout, /leaf 17 of the state tree of version 0\n/);
    const way = await holdfast('debug', 'state-tree', 'get-path', ...tree, '--nibble-path', keyHash);
    assert.match(way.stdout, /^internal path '' version 0 hash [0-9a-f]{64}\n/);
    assert.ok(way.stdout.includes(`key hash ${keyHash}`));
    const beyond = await holdfast('debug', 'state-tree', 'get-leaf', ...tree, '--leaf-index', '60');
    assert.equal(beyond.exitCode, 1);
    assert.match(beyond.stderr, /has no leaf 60/);
  });

  it('proves ranges towards every later ledger info, and checks the leaves', async () => {
    const proven = await holdfast('debug', 'ledger', 'check-range-proof', '--db-dir', db, '1', '30');
    assert.equal(proven.exitCode, 0, proven.stderr);
    assert.match(proven.stdout, /epoch 3 at version 119\n$/);
    const info = ['debug', 'ledger', 'check-transaction-info-hashes', '--db-dir', db];
    const checked = await holdfast(...info, '0', '120');
    assert.equal(checked.stdout, '120 versions checked, 0 wrong\n');
    const beyond = await holdfast(...info, '100', '21');
    assert.equal(beyond.exitCode, 1);
    assert.match(beyond.stderr, /version 120.*LEDGER_VERSION_MISSING/);
  });

  it('truncates after a copy, which stays as it was', async () => {
    const copy = path.join(root, 'copy');
    const flags = ['--db-dir', db, '--target-version', '50'];
    const undecided = await holdfast('debug', 'truncate', ...flags);
    assert.equal(undecided.exitCode, 2);
    const truncated = await holdfast('debug', 'truncate', ...flags, '--backup-checkpoint-dir', copy);
    assert.equal(truncated.exitCode, 0, truncated.stderr);
    const shorter = await holdfast('debug', 'check-db', '--db-dir', db);
    assert.match(shorter.stdout, /^FIT: a ledger up to version 50$/m);
    const kept = await holdfast('debug', 'check-db', '--db-dir', copy);
    assert.match(kept.stdout, /^FIT: a ledger up to version 119$/m);
    const again = await holdfast('debug', 'checkpoint', '--db-dir', db, '--output-dir', copy);
    assert.equal(again.exitCode, 1, 'the folder exists');
    const second = path.join(root, 'second');
    assert.equal((await holdfast('debug', 'checkpoint', '--db-dir', db, '--output-dir', second)).exitCode, 0);
    const copied = await holdfast('debug', 'check-db', '--db-dir', second);
    assert.match(copied.stdout, /^FIT: a ledger up to version 50$/m);
  });
});

describe('bootstrap with a database', () => {
  const waypoint = '0:4b56f15c1dcef7f9f3eb4b4798c0cba0f1caacc0d35f1c80ad9b7a21f1f8b454';

  it('commits genesis once, in the reference’s words', {
    skip: withoutFixture('genesis', 'testnet'),
  }, async (t) => {
    const db = path.join(memoryFolder(t), 'db');
    const file = fixturePath('genesis', 'testnet', 'genesis.blob');
    const genesis = ['bootstrap', db, '--genesis-txn-file', file];
    const head = `Db has 0 transactions\nSuccessfully calculated genesis. Got waypoint: ${waypoint}\n`;
    const looked = await holdfast(...genesis);
    assert.deepEqual(looked, { exitCode: 0, stdout: head, stderr: '' });
    assert.ok(!existsSync(db), 'nothing is written without --commit');
    assert.equal((await holdfast(...genesis, '--commit')).exitCode, 2);
    const commit = [...genesis, '--waypoint-to-verify', waypoint, '--commit'];
    const committed = await holdfast(...commit);
    assert.equal(committed.stdout, `${head}Waypoint verified.\nSuccessfully committed genesis.\n`);
    const again = await holdfast(...commit);
    assert.equal(again.exitCode, 1);
    assert.equal(again.stdout, 'Db has 1 transactions\n');
    assert.match(again.stderr, /Trying to generate waypoint at version 0, but DB has 1 transactions\./);
    const checked = await holdfast('debug', 'check-db', '--db-dir', db);
    assert.match(checked.stdout, /^FIT: a ledger up to version 0$/m);
  });
});
