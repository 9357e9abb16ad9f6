import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BackupReader } from '../aptosdb/backup-reader.js';
import { frameRecord } from '../archive/record-framing.js';
import { encode } from '../bcs/codec.js';
import { u64 } from '../bcs/primitives.js';
import { toHex } from '../hashing/hash-value.js';
import { GeneratedBackupReader } from '../test-support/generated-backup-reader.js';
import { sendRandomRequests } from '../test-support/random-requests.js';
import { rawRequest } from '../test-support/recorded-requests.js';
import { seededRandom } from '../test-support/seeded-random.js';
import { generateLedger } from '../testing/ledger-generator.js';
import { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import { OptionalDbState } from '../types/proofs.js';
import { BackupServer, type BackupServerOptions, type ServiceEvent } from './backup-server.js';

const ledger = generateLedger({ seed: 'backup-server', epochs: 3, transactions: 150, stateItems: 200 });
const reader = new GeneratedBackupReader(ledger);
const endings = ledger.epochs.filter(({ ended }) => ended);
const lastEnding = endings.at(-1);
assert.ok(lastEnding?.snapshot);
const snapshot = lastEnding.snapshot;

async function start(
  test: Pick<TestContext, 'after'>,
  options: Partial<BackupServerOptions> = {},
): Promise<BackupServer> {
  const server = await BackupServer.start({ reader, port: 0, ...options });
  test.after(() => server.close(0));
  return server;
}

/** A reader whose transactions are whatever the test gives. */
function readerOfTransactions(transactions: BackupReader['transactions']): BackupReader {
  return new Proxy<BackupReader>(reader, {
    get: (target, name) => (name === 'transactions' ? transactions : Reflect.get(target, name).bind(target)),
  });
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Records of 64 KiB without an end, counted as they are asked for. */
function endlessReader(): {
  readonly reader: BackupReader;
  readonly pulled: () => number;
  readonly ended: Promise<void>;
} {
  let pulled = 0;
  const { promise: ended, resolve } = deferred();
  const endless = readerOfTransactions(async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        pulled++;
        // As a disk would: without a turn for others a service that never waits could not be seen.
        await nextTurn();
        yield new Uint8Array(64 * 1024);
      }
    } finally {
      resolve();
    }
  });
  return { reader: endless, pulled: () => pulled, ended };
}

describe('the endpoints of a backup service', () => {
  it('answer with what the generator of the ledger knows', async (test) => {
    const server = await start(test);
    const get = async (target: string): Promise<Buffer> => {
      const answer = await rawRequest(server, target);
      assert.equal(answer.status, 200, target);
      assert.ok(!answer.broken, target);
      return answer.body;
    };
    const framed = (records: readonly Uint8Array[]): Buffer => Buffer.concat(records.map(frameRecord));
    const transactions = Array.from({ length: 150 }, (_, version) => ledger.record(version, 'V1'));
    const items = Array.from({ length: snapshot.itemCount }, (_, index) => snapshot.record(index));
    const infos = endings.map(({ ledgerInfo }) => encode(LedgerInfoWithSignatures, ledgerInfo));
    const { version } = snapshot;
    const key = snapshot.keyHash(7);
    const newest = { epoch: BigInt(endings.length), committed_version: 149n };
    const expected: readonly (readonly [string, Uint8Array])[] = [
      ['/db_state', encode(OptionalDbState, newest)],
      [`/state_item_count/${version}`, encode(u64, BigInt(items.length))],
      [`/state_snapshot/${version}`, framed(items)],
      [`/state_snapshot_chunk/${version}/10/25`, framed(items.slice(10, 35))],
      [`/state_snapshot_chunk/${version}/10/100000`, framed(items.slice(10))],
      [`/state_snapshot_chunk/${version}/100000/5`, framed([])],
      [`/state_range_proof/${version}/${toHex(key)}`, await reader.stateRangeProof(version, key)],
      [`/state_root_proof/${version}`, await reader.stateRootProof(version)],
      ['/state_root_proof/149', await reader.stateRootProof(149n)],
      ['/epoch_ending_ledger_infos/0/99', framed(infos)],
      ['/epoch_ending_ledger_infos/1/2', framed(infos.slice(1, 2))],
      ['/epoch_ending_ledger_infos/2/1', framed([])],
      ['/transactions/0/150', framed(transactions)],
      ['/transactions/140/999', framed(transactions.slice(140))],
      ['/transactions/150/1', framed([])],
      ['/transaction_range_proof/3/77', await reader.transactionRangeProof(3n, 77n)],
    ];
    for (const [target, body] of expected) {
      assert.ok((await get(target)).equals(body), target);
    }
  });

  it('give a state that is the concatenation of its chunks at any split', async (test) => {
    const server = await start(test);
    const { version } = snapshot;
    const { body: whole } = await rawRequest(server, `/state_snapshot/${version}`);
    const random = seededRandom(1);
    for (let turn = 0; turn < 10; turn++) {
      const chunks: Buffer[] = [];
      for (let first = 0; first < snapshot.itemCount; ) {
        const limit = 1 + random(90);
        chunks.push((await rawRequest(server, `/state_snapshot_chunk/${version}/${first}/${limit}`)).body);
        first += limit;
      }
      assert.ok(Buffer.concat(chunks).equals(whole), `split ${turn}`);
    }
  });

  it('give the documented status to 1,000 random requests and stay alive', async (test) => {
    const server = await start(test);
    const versions = [0n, 1n, 149n, 150n, snapshot.version];
    const hashes = [toHex(snapshot.keyHash(0)), '0'.repeat(64), 'F'.repeat(64)];
    await sendRandomRequests(server, { seed: 20_260, count: 1000, versions, hashes });
    assert.equal((await rawRequest(server, '/db_state')).status, 200);
    while (server.streamCount > 0) await nextTurn();
  });

  it('break the connection where the records fail, behind what was sent before', async (test) => {
    const events: ServiceEvent[] = [];
    const broken = readerOfTransactions(async function* () {
      for (let record = 0; record < 100; record++) yield new Uint8Array(10_000);
      throw new Error('a record is pruned');
    });
    const server = await start(test, { reader: broken, onEvent: (event) => events.push(event) });
    const answer = await rawRequest(server, '/transactions/0/200');
    assert.equal(answer.status, 200);
    assert.ok(answer.broken, 'the answer must not look whole');
    assert.ok(answer.body.length < 100 * 10_004, 'the unsent buffer is dropped');
    assert.match(String(events[0]?.error), /a record is pruned/);
  });

  it('break a stream over a range of versions that overflows', async (test) => {
    const server = await start(test);
    assert.ok((await rawRequest(server, '/transactions/18446744073709551615/1')).broken);
  });

  it('send records that are larger than the buffer', async (test) => {
    const large = new Uint8Array(3_000_000).fill(7);
    const small = Uint8Array.of(1, 2, 3);
    const server = await start(test, {
      reader: readerOfTransactions(async function* () {
        yield* [small, large, small, large];
      }),
    });
    const { body } = await rawRequest(server, '/transactions/0/4');
    assert.ok(body.equals(Buffer.concat([small, large, small, large].map(frameRecord))));
  });

  it('refuse streams over HTTP/1.0, where a broken body would look whole', async (test) => {
    const server = await start(test);
    const ask = async (target: string): Promise<string> => {
      const socket = net.connect(server.port, '127.0.0.1');
      socket.write(`GET ${target} HTTP/1.0\r\n\r\n`);
      let text = '';
      socket.on('data', (piece: Buffer) => {
        text += piece.toString('latin1');
      });
      await once(socket, 'close');
      return text.split('\r\n')[0] ?? '';
    };
    assert.match(await ask('/transactions/0/1'), / 505 /);
    assert.match(await ask('/db_state'), / 200 /);
  });
});

describe('a backup service under strain', () => {
  it('reads no further ahead than the connection holds when a client stops reading', async (test) => {
    const { reader: endless, pulled, ended } = endlessReader();
    const server = await start(test, { reader: endless });
    const socket = net.connect(server.port, '127.0.0.1');
    socket.pause();
    socket.write('GET /transactions/0/9999999 HTTP/1.1\r\nhost: x\r\n\r\n');
    let before = -1;
    // Still as long as it grows; a service without back-pressure would grow until memory ends.
    for (let quiet = 0; quiet < 200; quiet = pulled() === before ? quiet + 1 : 0) {
      before = pulled();
      assert.ok(before < 1000, `${before} records of 64 KiB were read for a client that takes none`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.ok(before > 0);
    assert.equal(server.streamCount, 1);
    socket.destroy();
    await ended;
  });

  it('gives up a client that takes nothing for too long', async (test) => {
    const { reader: endless, ended } = endlessReader();
    const events: ServiceEvent[] = [];
    const server = await start(test, {
      reader: endless,
      clientStallMs: 50,
      onEvent: (event) => events.push(event),
    });
    const socket = net.connect(server.port, '127.0.0.1');
    test.after(() => socket.destroy());
    socket.pause();
    socket.write('GET /transactions/0/9999999 HTTP/1.1\r\nhost: x\r\n\r\n');
    await ended;
    while (server.streamCount > 0) await nextTurn();
    assert.match(String(events[0]?.error), /took nothing for 50 ms/);
  });

  it('ends the reading when a client goes away', async (test) => {
    const { reader: endless, ended } = endlessReader();
    const server = await start(test, { reader: endless });
    const request = http.get({ port: server.port, host: '127.0.0.1', path: '/transactions/0/99999' });
    request.on('error', () => {});
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.on('error', () => {});
    await once(response, 'data');
    request.destroy();
    await ended;
  });

  it('answers one stream too many with 503 and goes on when one ends', async (test) => {
    const { reader: endless, ended } = endlessReader();
    const server = await start(test, { reader: endless, streamsMax: 1 });
    const request = http.get({ port: server.port, host: '127.0.0.1', path: '/transactions/0/99999' });
    request.on('error', () => {});
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.on('error', () => {});
    const refused = await rawRequest(server, '/epoch_ending_ledger_infos/0/1');
    assert.equal(refused.status, 503);
    assert.equal(refused.headers['retry-after'], '1');
    assert.equal((await rawRequest(server, '/db_state')).status, 200, 'single values are no streams');
    request.destroy();
    await ended;
    while (server.streamCount > 0) await nextTurn();
    assert.equal((await rawRequest(server, '/epoch_ending_ledger_infos/0/1')).status, 200);
  });

  it('lets running answers end when it closes, and takes no new ones', async (test) => {
    const gate = deferred();
    const server = await start(test, {
      reader: readerOfTransactions(async function* () {
        yield new Uint8Array(100_000);
        await gate.promise;
        yield new Uint8Array(5);
      }),
    });
    const agent = new http.Agent({ keepAlive: true });
    test.after(() => agent.destroy());
    const request = http.get({ port: server.port, host: '127.0.0.1', path: '/transactions/0/2', agent });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const { port } = server;
    const closed = server.close(60_000);
    const refused = await rawRequest({ port }, '/db_state');
    assert.ok(refused.broken || refused.status === 503);
    gate.resolve();
    const pieces: Buffer[] = [];
    for await (const piece of response) pieces.push(piece as Buffer);
    assert.equal(Buffer.concat(pieces).length, 100_000 + 5 + 8);
    assert.ok(response.complete);
    await closed;
  });

  it('breaks what is still running when the grace is over', async (test) => {
    const { reader: endless, ended } = endlessReader();
    const server = await start(test, { reader: endless });
    const request = http.get({ port: server.port, host: '127.0.0.1', path: '/transactions/0/99999' });
    request.on('error', () => {});
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.on('error', () => {});
    const closed = new Promise((resolve) => response.once('close', resolve));
    response.resume();
    await server.close(10);
    await ended;
    await closed;
    assert.ok(!response.complete);
  });
});

describe('closing a backup service', () => {
  it('takes until nobody reads from the ledger any more', async (test) => {
    const gate = deferred();
    let reading = true;
    const server = await start(test, {
      reader: readerOfTransactions(async function* () {
        yield new Uint8Array(100_000);
        // A read that no signal stops: the ledger must not be closed under it.
        await gate.promise;
        reading = false;
      }),
    });
    const request = http.get({ port: server.port, host: '127.0.0.1', path: '/transactions/0/9' });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.on('error', () => {});
    const broken = new Promise((resolve) => response.once('close', resolve));
    response.resume();
    const closed = server.close(0).then(() => reading);
    await broken;
    gate.resolve();
    assert.equal(await closed, false);
  });
});

describe('what stands around a backup service', () => {
  it('asks for the bearer token on everything but health', async (test) => {
    const server = await start(test, { bearerToken: 'open-sesame' });
    const status = async (target: string, authorization?: string): Promise<number | undefined> =>
      (await rawRequest(server, target, authorization === undefined ? {} : { headers: { authorization } }))
        .status;
    for (const target of ['/db_state', '/metrics', '/transactions/0/1', '/foo']) {
      assert.equal(await status(target), 401, target);
      assert.equal(await status(target, 'Bearer wrong'), 401, target);
      assert.equal(await status(target, 'Basic open-sesame'), 401, target);
      assert.notEqual(await status(target, 'Bearer open-sesame'), 401, target);
    }
    assert.equal(await status('/-/healthy'), 200);
    assert.equal(await status('/-/ready'), 200);
  });

  it('says on /-/ready when the ledger cannot be read', async (test) => {
    const broken = {
      ...reader,
      dbState: () => Promise.reject(new Error('closed')),
    } as unknown as BackupReader;
    const server = await start(test, { reader: broken });
    assert.equal((await rawRequest(server, '/-/ready')).status, 503);
    assert.equal((await rawRequest(server, '/-/healthy')).status, 200);
    assert.equal((await rawRequest(server, '/db_state')).status, 500);
  });

  it('counts under the names of the reference', async (test) => {
    const server = await start(test);
    const { body } = await rawRequest(server, '/transactions/0/100');
    await rawRequest(server, '/epoch_ending_ledger_infos/0/2');
    await rawRequest(server, `/state_snapshot_chunk/${snapshot.version}/5/10`);
    await rawRequest(server, '/state_item_count/abc');
    await rawRequest(server, '/invented-by-a-scanner');
    const metrics = (await rawRequest(server, '/metrics')).body.toString();
    const has = (line: string): void => assert.ok(metrics.includes(`${line}\n`), `${line} in\n${metrics}`);
    has(`aptos_backup_service_sent_bytes{endpoint="transactions"} ${body.length}`);
    has('aptos_backup_service_latency_s_count{endpoint="transactions",status="200"} 1');
    has('aptos_backup_service_latency_s_count{endpoint="state_item_count",status="400"} 1');
    has('aptos_backup_service_latency_s_count{endpoint="other",status="404"} 1');
    has('aptos_backup_handler_transaction_version 99');
    has('aptos_backup_handler_epoch_ending_epoch 1');
    has(`aptos_backup_handler_state_snapshot_version ${snapshot.version}`);
    has('aptos_backup_handler_state_snapshot_leaf_index 14');
    has('aptos_backup_handler_timers_seconds_count{name="backup_service_bytes_sender_transactions"} 1');
  });

  it('says which address it cannot have', async (test) => {
    const server = await start(test);
    await assert.rejects(BackupServer.start({ reader, port: server.port }), {
      code: 'SERVICE_ADDRESS_UNAVAILABLE',
    });
  });
});
