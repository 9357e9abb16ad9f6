import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BackupReader } from '../aptosdb/backup-reader.js';
import { decode } from '../bcs/codec.js';
import { u64 } from '../bcs/primitives.js';
import { toHex } from '../hashing/hash-value.js';
import { withoutFixture } from '../test-support/fixtures.js';
import { recordsOf } from '../test-support/record-frames.js';
import {
  differenceFromRecorded,
  rawRequest,
  type RecordedRequest,
  recordedBody,
  recordedRequests,
} from '../test-support/recorded-requests.js';
import { OptionalDbState } from '../types/proofs.js';
import { BackupServer } from './backup-server.js';

/** Answers as the reference's handler did: the service around it is what is tested. */
function recordedReader(requests: readonly RecordedRequest[]): BackupReader {
  const value = async (path: string): Promise<Uint8Array> => {
    const recorded = requests.find((request) => request.path === path && request.status === 200);
    if (!recorded) throw new Error(`the reference has no answer to ${path}`);
    return recordedBody(recorded);
  };
  async function* stream(path: string): AsyncGenerator<Uint8Array> {
    yield* recordsOf(await value(path));
  }
  const wholeState = 2n ** 64n - 1n;
  return {
    dbState: async () => decode(OptionalDbState, await value('/db_state')),
    stateItemCount: async (version) => decode(u64, await value(`/state_item_count/${version}`)),
    stateItems: (version, start, limit) =>
      stream(
        limit === wholeState
          ? `/state_snapshot/${version}`
          : `/state_snapshot_chunk/${version}/${start}/${limit}`,
      ),
    stateRangeProof: (version, key) => value(`/state_range_proof/${version}/${toHex(key)}`),
    stateRootProof: (version) => value(`/state_root_proof/${version}`),
    epochEndingLedgerInfos: (start, end) => stream(`/epoch_ending_ledger_infos/${start}/${end}`),
    transactions: (start, count) => stream(`/transactions/${start}/${count}`),
    transactionRangeProof: (first, last) => value(`/transaction_range_proof/${first}/${last}`),
  };
}

describe('requests recorded from the reference', {
  skip: withoutFixture('reference-ledger', 'service'),
}, () => {
  it('get the same status, headers, bodies and breaks from our service', async (test) => {
    const requests = recordedRequests();
    assert.equal(requests.length, 63);
    const server = await BackupServer.start({ reader: recordedReader(requests), port: 0 });
    test.after(() => server.close(0));
    for (const recorded of requests) {
      const answer = await rawRequest(server, recorded.path, { method: recorded.method });
      assert.equal(
        differenceFromRecorded(recorded, answer),
        undefined,
        `${recorded.method} ${recorded.path}`,
      );
    }
  });

  it('differ where an answer has another status, header or body', async () => {
    const recorded = recordedRequests().find(({ path }) => path === '/db_state');
    assert.ok(recorded);
    const body = Buffer.from(recordedBody(recorded));
    const headers = { ...recorded.headers };
    const same = { status: 200, headers, body, broken: false };
    assert.equal(differenceFromRecorded(recorded, same), undefined);
    assert.match(differenceFromRecorded(recorded, { ...same, status: 500 }) ?? '', /status/);
    assert.match(differenceFromRecorded(recorded, { ...same, headers: {} }) ?? '', /content-type/);
    assert.match(differenceFromRecorded(recorded, { ...same, broken: true }) ?? '', /broken/);
    assert.match(differenceFromRecorded(recorded, { ...same, body: body.subarray(1) }) ?? '', /body/);
  });
});
