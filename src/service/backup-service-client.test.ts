import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { frameRecord } from '../archive/record-framing.js';
import { encode } from '../bcs/codec.js';
import { OptionalDbState } from '../types/proofs.js';
import { GeneratedBackupReader } from '../test-support/generated-backup-reader.js';
import { seededRandom } from '../test-support/seeded-random.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { generateLedger } from '../testing/ledger-generator.js';
import { BackupServer, type BackupServerOptions } from './backup-server.js';
import { BackupServiceClient, type BackupServiceClientOptions } from './backup-service-client.js';
import { matchRoute } from './routes.js';
import type { ServiceErrorCode } from './service-error.js';

const ledger = generateLedger({ seed: 'client', epochs: 2, transactions: 80, stateItems: 120 });
const reader = new GeneratedBackupReader(ledger);
const snapshot = ledger.epochs[1]?.snapshot;
assert.ok(snapshot);
const { version } = snapshot;
const DB_STATE = encode(OptionalDbState, { epoch: 2n, committed_version: 79n });

async function collect(records: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const record of records) all.push(record);
  return all;
}

function clientOf(
  test: Pick<TestContext, 'after'>,
  address: string,
  options: Partial<BackupServiceClientOptions> = {},
): BackupServiceClient {
  const retry = { firstPauseMs: 1, attemptsMax: 3, ...options.retry };
  const client = new BackupServiceClient({ address, ...options, retry });
  test.after(() => client.close());
  return client;
}

async function served(
  test: Pick<TestContext, 'after'>,
  options: Partial<BackupServerOptions> = {},
): Promise<string> {
  const server = await BackupServer.start({ reader, port: 0, ...options });
  test.after(() => server.close(0));
  return server.url;
}

/** A server that does what the test says, and the targets that it was asked for. */
async function misbehaving(
  test: Pick<TestContext, 'after'>,
  handler: (request: http.IncomingMessage, response: http.ServerResponse, turn: number) => void,
): Promise<{ readonly address: string; readonly targets: string[] }> {
  const targets: string[] = [];
  const server = http.createServer((request, response) => {
    targets.push(request.url ?? '');
    handler(request, response, targets.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, targets };
}

/** The whole body of an honest answer. */
async function honestBody(target: string): Promise<Buffer> {
  const { call } = matchRoute(target);
  assert.ok(typeof call !== 'number', target);
  if (call.kind === 'value') return Buffer.from(await call.answer(reader));
  return Buffer.concat((await collect(call.records(reader, {}))).map(frameRecord));
}

async function refusedWith(code: ServiceErrorCode, action: Promise<unknown>): Promise<void> {
  await assert.rejects(action, { name: 'ServiceError', code });
}

describe('a backup service client', () => {
  it('reads what the reader behind the service gives', async (test) => {
    const client = clientOf(test, await served(test));
    const key = snapshot.keyHash(50);
    assert.deepEqual(await client.dbState(), await reader.dbState());
    assert.equal(await client.stateItemCount(version), BigInt(snapshot.itemCount));
    assert.deepEqual(await client.stateRootProof(version), await reader.stateRootProof(version));
    assert.deepEqual(await client.stateRangeProof(version, key), await reader.stateRangeProof(version, key));
    assert.deepEqual(await client.transactionRangeProof(5n, 9n), await reader.transactionRangeProof(5n, 9n));
    const streams = (from: BackupServiceClient | GeneratedBackupReader) => [
      from.epochEndingLedgerInfos(0n, 9n),
      from.epochEndingLedgerInfos(1n, 1n),
      from.transactions(0n, 80n),
      from.transactions(70n, 500n),
      from.stateItems(version, 0n, 2n ** 64n - 1n),
      from.stateItems(version, 30n, 40n),
      from.stateItems(version, 30n, 0n),
    ];
    const expected = await Promise.all(streams(reader).map(collect));
    assert.deepEqual(await Promise.all(streams(client).map(collect)), expected);
  });

  it('goes on behind the last whole record wherever the connection breaks', async (test) => {
    const random = seededRandom(7);
    const { address, targets } = await misbehaving(test, (request, response) => {
      void honestBody(request.url ?? '').then((body) => {
        // Whole in one of five cases; otherwise cut anywhere, inside of records and lengths as well.
        if (random(5) === 0) return response.end(body);
        return response.write(body.subarray(0, random(body.length + 1)), () => response.destroy());
      });
    });
    const client = clientOf(test, address, { retry: { attemptsMax: 50 } });
    const expected = await collect(reader.stateItems(version, 0n, 100n));
    for (let turn = 0; turn < 20; turn++) {
      assert.deepEqual(await collect(client.stateItems(version, 0n, 100n)), expected);
    }
    assert.deepEqual(
      await collect(client.transactions(0n, 80n)),
      await collect(reader.transactions(0n, 80n)),
    );
    const continued = targets.filter((target) => /^\/state_snapshot_chunk\/\d+\/[1-9]/.test(target));
    assert.ok(continued.length > 10, 'streams were gone on with, not begun again');
  });

  it('needs no more than the records, if the connection breaks behind the last', async (test) => {
    const { address, targets } = await misbehaving(test, (request, response) => {
      void honestBody(request.url ?? '').then((body) => response.write(body, () => response.destroy()));
    });
    assert.equal((await collect(clientOf(test, address).transactions(0n, 10n))).length, 10);
    assert.equal(targets.length, 1);
  });

  it('gives up after so many tries in a row without a record', async (test) => {
    const { address, targets } = await misbehaving(test, (_request, response) => response.destroy());
    await refusedWith('SERVICE_CONNECTION_LOST', clientOf(test, address).dbState());
    assert.equal(targets.length, 3);
    await refusedWith('SERVICE_CONNECTION_LOST', collect(clientOf(test, address).transactions(0n, 5n)));
    assert.equal(targets.length, 6);
  });

  it('tries again where the service is busy, and not where it refuses', async (test) => {
    for (const status of [408, 429, 502, 503, 504]) {
      const { address, targets } = await misbehaving(test, (_request, response, turn) => {
        response.writeHead(turn < 3 ? status : 200).end(turn < 3 ? undefined : DB_STATE);
      });
      assert.equal((await clientOf(test, address).dbState())?.committed_version, 79n);
      assert.equal(targets.length, 3, `status ${status}`);
    }
    const codes = [
      [503, 'SERVICE_BUSY', 3],
      [500, 'SERVICE_REFUSED', 1],
      [400, 'SERVICE_REFUSED', 1],
      [301, 'SERVICE_REFUSED', 1],
      [404, 'SERVICE_ENDPOINT_UNKNOWN', 1],
      [401, 'SERVICE_UNAUTHORIZED', 1],
    ] as const;
    for (const [status, code, requests] of codes) {
      const { address, targets } = await misbehaving(test, (_request, response) => {
        response.writeHead(status, { location: '/elsewhere' }).end();
      });
      await refusedWith(code, clientOf(test, address).dbState());
      assert.equal(targets.length, requests, `status ${status}`);
    }
  });

  it('does not wait for ever for an answer that does not begin, or does not go on', async (test) => {
    const silent = await misbehaving(test, () => {});
    let pauses = 0;
    const random = (): number => {
      pauses++;
      return 0;
    };
    const impatient = clientOf(test, silent.address, { firstByteMs: 20, retry: { random } });
    await refusedWith('SERVICE_SILENT', impatient.dbState());
    // Of requests that were given up so soon, the server need not have seen any.
    assert.equal(pauses, 2);
    const stalling = await misbehaving(test, (request, response) => {
      void honestBody(request.url ?? '').then((body) => response.write(body.subarray(0, 7)));
    });
    const limited = clientOf(test, stalling.address, { betweenBytesMs: 20 });
    await refusedWith('SERVICE_STALLED', limited.dbState());
    await refusedWith('SERVICE_STALLED', collect(limited.transactions(0n, 5n)));
    assert.equal(stalling.targets.length, 6);
  });

  it('does not count the time in which nobody reads', async (test) => {
    const client = clientOf(test, await served(test), { betweenBytesMs: 250, retry: { attemptsMax: 1 } });
    let count = 0;
    for await (const batch of client.transactionBatches(0n, 80n)) {
      if (count === 0) await new Promise((resolve) => setTimeout(resolve, 500));
      count += batch.count;
    }
    assert.equal(count, 80);
  });

  it('refuses an answer whose end could be a broken connection', async (test) => {
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n\x00'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    test.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    await refusedWith('SERVICE_BODY_UNBOUNDED', clientOf(test, `http://127.0.0.1:${port}`).dbState());
  });

  it('names an answer that ends in good order inside of a record', async (test) => {
    const { address, targets } = await misbehaving(test, (request, response) => {
      void honestBody(request.url ?? '').then((body) => response.end(body.subarray(0, -1)));
    });
    await refusedWith('SERVICE_RECORD_TRUNCATED', collect(clientOf(test, address).transactions(0n, 5n)));
    assert.equal(targets.length, 1, 'a fault of the service is not asked for again');
  });

  it('names more records than were asked for, also behind a break', async (test) => {
    const more = await honestBody('/transactions/0/6');
    const plain = await misbehaving(test, (_request, response) => response.end(more));
    await refusedWith('SERVICE_RECORDS_EXTRA', collect(clientOf(test, plain.address).transactions(0n, 5n)));
    // Breaks, and then begins again in the place of going on.
    const three = await honestBody('/transactions/0/3');
    const restarting = await misbehaving(test, (_request, response, turn) => {
      if (turn === 1) response.write(three, () => response.destroy());
      else response.end(three);
    });
    await refusedWith(
      'SERVICE_RECORDS_EXTRA',
      collect(clientOf(test, restarting.address).transactions(0n, 5n)),
    );
  });

  it('refuses a value that is not what was asked for', async (test) => {
    for (const body of ['', '\x02', `${'\x01'.repeat(17)}\x00`]) {
      const { address } = await misbehaving(test, (_request, response) => response.end(body));
      await refusedWith('SERVICE_BODY_INVALID', clientOf(test, address).dbState());
    }
  });

  it('refuses a value that has no end', async (test) => {
    const { address } = await misbehaving(test, (_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 20)));
      };
      response.on('drain', more);
      more();
    });
    await refusedWith('SERVICE_BODY_TOO_LARGE', clientOf(test, address).stateRootProof(1n));
  });

  it('stops at once with the reason of its signal', async (test) => {
    const { address } = await misbehaving(test, (_request, response) => response.write('\0\0\0'));
    const silent = await misbehaving(test, () => {});
    const reason = new Error('enough');
    for (const wanted of [address, silent.address]) {
      const client = clientOf(test, wanted);
      const abort = new AbortController();
      const reading = collect(client.transactions(0n, 5n, { signal: abort.signal }));
      setImmediate(() => abort.abort(reason));
      await assert.rejects(reading, reason);
    }
    const aborted = AbortSignal.abort(reason);
    await assert.rejects(clientOf(test, address).dbState({ signal: aborted }), reason);
  });

  it('says that nobody listens', async (test) => {
    const server = await BackupServer.start({ reader, port: 0 });
    const { url } = server;
    await server.close(0);
    await refusedWith('SERVICE_CONNECTION_LOST', clientOf(test, url).dbState());
    for (const address of ['', 'localhost:6186', 'ftp://x', 'nonsense']) {
      assert.throws(() => clientOf(test, address), { code: 'SERVICE_ADDRESS_UNAVAILABLE' }, address);
    }
  });

  it('puts a path of the address before every request', async (test) => {
    const { address, targets } = await misbehaving(test, (_request, response) => response.end(DB_STATE));
    await clientOf(test, `${address}/node-1/`).dbState();
    assert.deepEqual(targets, ['/node-1/db_state']);
  });

  it('shows its token, over TLS as well', { skip: withoutOpenssl() }, async (test) => {
    const tls = makeCertificate(test);
    const address = await served(test, { bearerToken: 'sesame', tls });
    const trusting = { tlsCa: tls.cert, bearerToken: 'sesame' };
    assert.equal((await clientOf(test, address, trusting).dbState())?.epoch, 2n);
    await refusedWith('SERVICE_UNAUTHORIZED', clientOf(test, address, { tlsCa: tls.cert }).dbState());
    // A certificate that nobody vouches for is no service.
    await refusedWith(
      'SERVICE_CERTIFICATE_REFUSED',
      clientOf(test, address, { bearerToken: 'sesame' }).dbState(),
    );
    const records = await collect(clientOf(test, address, trusting).transactions(0n, 80n));
    assert.equal(records.length, 80);
  });
});

function withoutOpenssl(): string | false {
  try {
    execFileSync('openssl', ['version']);
    return false;
  } catch {
    return 'no openssl to make a certificate with';
  }
}

function makeCertificate(test: Pick<TestContext, 'after'>): { readonly cert: string; readonly key: string } {
  const folder = temporaryFolder(test);
  const [cert, key] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  execFileSync('openssl', ['req', '-x509', ...newKey, ...subject, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}
