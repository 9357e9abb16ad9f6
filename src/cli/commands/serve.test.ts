import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { Command } from 'commander';
import { fixturePath, withoutFixture } from '../../test-support/fixtures.js';
import { loadRows } from '../../test-support/load-rows.js';
import {
  differenceFromRecorded,
  rawRequest,
  recordedRequests,
} from '../../test-support/recorded-requests.js';
import { temporaryFolder } from '../../test-support/temporary-folder.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Action } from '../dispatch.js';
import { parseListenAddress } from '../argument-parsers.js';
import { addServe } from './serve.js';

interface Served {
  readonly port: number;
  readonly stderr: () => string;
  /** Ends the command as SIGTERM does. */
  stop(): Promise<ExitCode>;
}

/** Runs `serve` with these arguments; undefined action where parsing failed. */
function parseServe(args: readonly string[], signal: AbortSignal) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let action: Action | undefined;
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  addServe(program, {
    console: { stdout, stderr, interactive: false, signal },
    run: (wanted) => {
      action = wanted;
    },
  });
  program.parse(['serve', ...args], { from: 'user' });
  assert.ok(action);
  return { action, stdout, stderr };
}

async function serve(test: Pick<TestContext, 'after'>, args: readonly string[]): Promise<Served> {
  const interruption = new AbortController();
  const { action, stdout, stderr } = parseServe(args, interruption.signal);
  let errors = '';
  stderr.on('data', (text: Buffer) => {
    errors += text.toString();
  });
  const ended = action();
  const stop = (): Promise<ExitCode> => {
    interruption.abort();
    return ended;
  };
  test.after(stop);
  const line = await new Promise<string>((resolve, reject) => {
    stdout.once('data', (text: Buffer) => resolve(text.toString()));
    ended.catch(reject);
  });
  return { port: Number(/:(\d+)\n$/.exec(line)?.[1]), stderr: () => errors, stop };
}

describe('serve', { skip: withoutFixture('reference-ledger') }, () => {
  it("gives all recorded answers over a database of the reference's rows", async (test) => {
    const folder = temporaryFolder(test);
    await (await loadRows(fixturePath('reference-ledger', 'rows', 'node'), folder)).close();
    const served = await serve(test, ['--db-dir', folder, '--backup-service-address', '127.0.0.1:0']);
    for (const recorded of recordedRequests()) {
      const answer = await rawRequest(served, recorded.path, { method: recorded.method });
      assert.equal(
        differenceFromRecorded(recorded, answer),
        undefined,
        `${recorded.method} ${recorded.path}`,
      );
    }
    assert.equal(await served.stop(), EXIT.ok);
    assert.doesNotMatch(served.stderr(), /WARNING/);
    assert.ok((await rawRequest(served, '/db_state')).broken, 'nobody listens any more');
  });

  it('says nothing of versions without a state, and names what fails', async (test) => {
    const folder = temporaryFolder(test);
    await (await loadRows(fixturePath('reference-ledger', 'rows', 'node'), folder)).close();
    const served = await serve(test, ['--db-dir', folder, '--backup-service-address', '127.0.0.1:0']);
    assert.equal((await rawRequest(served, '/state_item_count/18446744073709551615')).status, 500);
    assert.equal((await rawRequest(served, '/transaction_range_proof/9/8')).status, 500);
    assert.equal(await served.stop(), EXIT.ok);
    assert.doesNotMatch(served.stderr(), /state_item_count/);
    assert.match(served.stderr(), /^failed 500 "\/transaction_range_proof\/9\/8": Bad transaction range/m);
  });

  it('warns of an address that others can reach, and asks for its token', async (test) => {
    const folder = temporaryFolder(test);
    const database = path.join(folder, 'db');
    await (await loadRows(fixturePath('reference-ledger', 'rows', 'node'), database)).close();
    const tokenFile = path.join(folder, 'token');
    writeFileSync(tokenFile, 'sesame\n');
    const address = ['--backup-service-address', '0.0.0.0:0'];
    const served = await serve(test, ['--db-dir', database, ...address, '--bearer-token-file', tokenFile]);
    assert.match(served.stderr(), /WARNING: 0\.0\.0\.0 IS NOT A LOOPBACK ADDRESS: nothing is encrypted/);
    assert.equal((await rawRequest(served, '/db_state')).status, 401);
    const headers = { authorization: 'Bearer sesame' };
    assert.equal((await rawRequest(served, '/db_state', { headers })).status, 200);
    assert.equal(await served.stop(), EXIT.ok);
  });
});

describe('the command line of serve', () => {
  it('reads addresses as host and port', () => {
    assert.deepEqual(parseListenAddress('127.0.0.1:6186'), { host: '127.0.0.1', port: 6186 });
    assert.deepEqual(parseListenAddress('[::1]:1'), { host: '::1', port: 1 });
    assert.deepEqual(parseListenAddress('localhost:0'), { host: 'localhost', port: 0 });
    for (const text of ['', '6186', '127.0.0.1', '::1:6186', 'x:65536', 'x:-1', 'x:1 ']) {
      assert.throws(() => parseListenAddress(text), { code: 'commander.invalidArgument' }, text);
    }
  });

  it('refuses half of a TLS identity and a token file that holds no token', async (test) => {
    const folder = temporaryFolder(test);
    const empty = path.join(folder, 'empty');
    writeFileSync(empty, ' \n');
    for (const flags of [
      ['--tls-cert-file', empty],
      ['--bearer-token-file', empty],
      ['--bearer-token-file', path.join(folder, 'missing')],
    ]) {
      const { action } = parseServe(['--db-dir', folder, ...flags], new AbortController().signal);
      await assert.rejects(action(), { code: 'USAGE' }, flags.join(' '));
    }
  });
});
