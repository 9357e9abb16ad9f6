import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { BackupReader } from '../aptosdb/backup-reader.js';
import { toHex } from '../hashing/hash-value.js';
import { matchRoute, ROUTES } from './routes.js';

const U64_MAX = 2n ** 64n - 1n;
const u64 = fc.bigInt({ min: 0n, max: U64_MAX });
const ZEROS = '0'.repeat(64);

function statusOf(target: string): number {
  const { call } = matchRoute(target);
  return typeof call === 'number' ? call : 200;
}

/** Notes what is asked of it, and answers nothing. */
function askedOf(target: string): string {
  const { call } = matchRoute(target);
  assert.ok(typeof call !== 'number', target);
  let asked = '';
  const reader = new Proxy({} as BackupReader, {
    get:
      (_target, method) =>
      (...args: readonly unknown[]) => {
        const values = args.map((value) => (value instanceof Uint8Array ? toHex(value) : value));
        asked = [String(method), ...values.filter((value) => typeof value !== 'object')].join(' ');
        return Promise.resolve(0n);
      },
  });
  if (call.kind === 'stream') call.records(reader, {});
  else call.answer(reader).catch(() => {});
  return asked;
}

describe('matchRoute', () => {
  it('gives the status of the reference for paths that are no request', () => {
    const expected: readonly (readonly [string, number])[] = [
      ['/', 404],
      ['', 404],
      ['/x', 404],
      ['//db_state', 404],
      ['/DB_STATE', 404],
      ['/db%5Fstate', 404],
      ['/db_state', 200],
      ['/db_state/', 200],
      ['/db_state//', 400],
      ['/db_state?x=1', 200],
      ['/db_state/extra', 400],
      ['http://host:1/db_state', 200],
      ['/state_range_proof', 400],
      ['/state_range_proof/123', 400],
      ['/state_range_proof/1/ff', 400],
      [`/state_range_proof/1/${ZEROS}`, 200],
      [`/state_range_proof/1/${'F'.repeat(64)}`, 200],
      [`/state_range_proof/1/0x${'0'.repeat(62)}`, 400],
      [`/state_range_proof/1/${ZEROS}/1`, 400],
      ['/state_snapshot', 400],
      ['/state_snapshot/', 400],
      ['/state_snapshot/1', 200],
      ['/state_snapshot/+1', 200],
      ['/state_snapshot/++1', 400],
      ['/state_snapshot/%31', 400],
      ['/state_snapshot/0x1', 400],
      ['/state_snapshot/1.0', 400],
      [`/state_snapshot/${U64_MAX}`, 200],
      [`/state_snapshot/${U64_MAX + 1n}`, 400],
      ['/transactions/-1/5', 400],
      ['/transactions//5', 400],
      ['/transactions/5', 400],
      ['/transactions/0001/5/', 200],
    ];
    for (const [target, status] of expected) assert.equal(statusOf(target), status, target);
  });

  it('names the endpoint for metrics without letting requests invent names', () => {
    assert.equal(matchRoute('/').endpoint, '-');
    assert.equal(matchRoute('/invented').endpoint, 'other');
    assert.equal(matchRoute('/transactions/x').endpoint, 'transactions');
  });

  it('reads back every path that a client writes', () => {
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(u64, u64, u64, hash, (a, b, c, key) => {
        assert.equal(askedOf(ROUTES.stateItemCount.path({ version: a })), `stateItemCount ${a}`);
        assert.equal(askedOf(ROUTES.stateRootProof.path({ version: a })), `stateRootProof ${a}`);
        const range = ROUTES.stateRangeProof.path({ version: a, endKey: key });
        assert.equal(askedOf(range), `stateRangeProof ${a} ${toHex(key)}`);
        const chunk = ROUTES.stateSnapshotChunk.request({ version: a, startIndex: b, limit: c });
        assert.equal(askedOf(chunk.path(0n)), `stateItems ${a} ${b} ${c}`);
      }),
    );
    assert.equal(askedOf('/state_snapshot/7'), `stateItems 7 0 ${U64_MAX}`);
  });

  it('asks for the rest of a stream behind the records that are there', () => {
    const chunk = ROUTES.stateSnapshotChunk.request({ version: 9n, startIndex: 100n, limit: 50n });
    assert.equal(chunk.recordsMax, 50n);
    assert.equal(chunk.path(20n), '/state_snapshot_chunk/9/120/30');
    const transactions = ROUTES.transactions.request({ startVersion: 5n, count: 10n });
    assert.equal(transactions.path(3n), '/transactions/8/7');
    const endings = ROUTES.epochEndingLedgerInfos.request({ startEpoch: 2n, endEpoch: 6n });
    assert.equal(endings.recordsMax, 4n);
    assert.equal(endings.path(1n), '/epoch_ending_ledger_infos/3/6');
    const none = ROUTES.epochEndingLedgerInfos.request({ startEpoch: 6n, endEpoch: 2n });
    assert.equal(none.recordsMax, 0n);
  });

  it('never throws, whatever the target', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (target) => void matchRoute(target)));
  });
});
