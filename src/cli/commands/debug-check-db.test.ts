import assert from 'node:assert/strict';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { Command } from 'commander';
import { AptosDatabaseFiles } from '../../aptosdb/driver/aptos-database-files.js';
import { temporaryFolder } from '../../test-support/temporary-folder.js';
import type { ExitCode } from '../exit-codes.js';
import type { Action } from '../dispatch.js';
import { addDebugCheckDb } from './debug-check-db.js';

/** Runs the command alone, with streams in memory. */
async function checkDb(...args: readonly string[]): Promise<{ exitCode: ExitCode; stdout: string }> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const console = { stdout, stderr, interactive: false, signal: new AbortController().signal };
  const actions: Action[] = [];
  const debug = new Command('debug');
  addDebugCheckDb(debug, { console, run: (action) => void actions.push(action) });
  await debug.parseAsync(['check-db', ...args], { from: 'user' });
  const [action] = actions;
  assert.ok(action);
  const exitCode = await action();
  stdout.end();
  return { exitCode, stdout: await text(stdout) };
}

describe('debug check-db', () => {
  it('prints a line for each condition, and that an empty database is fit', async (t) => {
    const root = temporaryFolder(t);
    await (await AptosDatabaseFiles.open(root, { mode: 'create' })).close();
    const { exitCode, stdout } = await checkDb('--db-dir', root);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^PASSED {2}instances {11}42 open$/m);
    assert.match(stdout, /^FIT: an empty database$/m);
  });

  it('has exit code 1 where a condition fails, also as JSON', async (t) => {
    const root = path.join(temporaryFolder(t), 'absent');
    const plain = await checkDb('--db-dir', root);
    assert.equal(plain.exitCode, 1);
    assert.match(plain.stdout, /^FAILED {2}instances {11}no ledger database at .*absent$/m);
    assert.match(plain.stdout, /^NOT FIT: 1 condition failed$/m);
    const asJson = await checkDb('--db-dir', root, '--json');
    assert.equal(asJson.exitCode, 1);
    const report = JSON.parse(asJson.stdout);
    assert.equal(report.ok, false);
    assert.deepEqual(
      report.results.map(({ name, status }: { name: string; status: string }) => [name, status]),
      [['instances', 'failed']],
    );
  });
});
