import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { encode } from '../../bcs/codec.js';
import { u64 } from '../../bcs/primitives.js';
import { hashFromHex } from '../../hashing/hash-value.js';
import { commitReferenceLedger } from '../../test-support/commit-reference-ledger.js';
import { fixturePath, withoutFixture } from '../../test-support/fixtures.js';
import { loadRows } from '../../test-support/load-rows.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import { OptionalDbState } from '../../types/proofs.js';
import type { BackupReader } from '../backup-reader.js';
import { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { AptosDbBackupReader } from './aptosdb-backup-reader.js';

const skip = withoutFixture('reference-ledger', 'service', 'index.json');
const MAX = 2n ** 64n - 1n;

interface RecordedAnswer {
  readonly method: string;
  readonly path: string;
  readonly status?: number;
  readonly sha256?: string;
  readonly broken?: boolean;
}

/** Requests that reach the database: the others are refused before. */
function recordedAnswers(): RecordedAnswer[] {
  const text = readFileSync(fixturePath('reference-ledger', 'service', 'index.json'), 'utf8');
  const all = JSON.parse(text) as RecordedAnswer[];
  return all.filter(({ broken, status }) => broken === true || status === 200 || status === 500);
}

async function framed(records: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const record of records) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(record.length);
    parts.push(length, record);
  }
  return Buffer.concat(parts);
}

async function answer(reader: BackupReader, path: string): Promise<Uint8Array> {
  const [, endpoint, first = '', second = '', third = ''] = path.split('/');
  switch (endpoint) {
    case 'db_state':
      return encode(OptionalDbState, await reader.dbState());
    case 'state_item_count':
      return encode(u64, await reader.stateItemCount(BigInt(first)));
    case 'state_snapshot':
      return framed(reader.stateItems(BigInt(first), 0n, MAX));
    case 'state_snapshot_chunk':
      return framed(reader.stateItems(BigInt(first), BigInt(second), BigInt(third)));
    case 'state_range_proof':
      return reader.stateRangeProof(BigInt(first), hashFromHex(second));
    case 'state_root_proof':
      return reader.stateRootProof(BigInt(first));
    case 'epoch_ending_ledger_infos':
      return framed(reader.epochEndingLedgerInfos(BigInt(first), BigInt(second)));
    case 'transactions':
      return framed(reader.transactions(BigInt(first), BigInt(second)));
    case 'transaction_range_proof':
      return reader.transactionRangeProof(BigInt(first), BigInt(second));
    default:
      throw new Error(`no endpoint ${endpoint}`);
  }
}

async function assertRecordedAnswers(reader: BackupReader): Promise<void> {
  const recorded = recordedAnswers();
  assert.ok(recorded.length > 45);
  for (const { path, status, sha256 } of recorded) {
    if (status === 200) {
      const body = await answer(reader, path);
      assert.equal(createHash('sha256').update(body).digest('hex'), sha256, path);
    } else {
      await assert.rejects(answer(reader, path), { code: /^(LEDGER|JELLYFISH)_/ }, path);
    }
  }
}

describe('reading a ledger database for backups', () => {
  it('answers over the node’s rows as the reference did', { skip }, async (t) => {
    const folder = memoryFolder(t);
    const database = await loadRows(fixturePath('reference-ledger', 'rows', 'node'), folder);
    await database.close();
    await using reader = await AptosDbBackupReader.open(folder);
    await assertRecordedAnswers(reader);
  });

  it('answers over what our own commits wrote as the reference did over its own', { skip }, async (t) => {
    await using reader = new AptosDbBackupReader(await commitReferenceLedger(memoryFolder(t)));
    await assertRecordedAnswers(reader);
  });

  it('gives the state in chunks of any size as in one piece', { skip }, async (t) => {
    await using reader = new AptosDbBackupReader(await commitReferenceLedger(memoryFolder(t)));
    const whole = Buffer.from(await framed(reader.stateItems(490n, 0n, MAX)));
    for (const size of [7n, 100n, 411n]) {
      const chunks: Uint8Array[] = [];
      const count = await reader.stateItemCount(490n);
      for (let start = 0n; start < count; start += size) {
        chunks.push(await framed(reader.stateItems(490n, start, size)));
      }
      assert.ok(whole.equals(Buffer.concat(chunks)), `chunks of ${size}`);
    }
  });

  it('is empty over an empty database, and refuses what is not there', async (t) => {
    const database = await AptosDatabaseFiles.open(memoryFolder(t), { mode: 'create' });
    await using reader = new AptosDbBackupReader(database);
    assert.equal(await reader.dbState(), undefined);
    assert.equal((await framed(reader.transactions(0n, 5n))).length, 0);
    assert.equal((await framed(reader.epochEndingLedgerInfos(0n, 5n))).length, 0);
    await assert.rejects(reader.stateItemCount(0n), { code: 'JELLYFISH_ROOT_MISSING' });
    await assert.rejects(reader.stateRootProof(0n), { code: 'LEDGER_INFO_MISSING' });
    await assert.rejects(framed(reader.stateItems(0n, 0n, 0n)), { code: 'JELLYFISH_ROOT_MISSING' });
    await assert.rejects(framed(reader.transactions(MAX, 5n)), { code: 'LEDGER_RANGE_INVALID' });
  });

  it('stops with the signal’s reason', { skip }, async (t) => {
    await using reader = new AptosDbBackupReader(await commitReferenceLedger(memoryFolder(t)));
    const abort = new AbortController();
    const records = reader.transactions(1n, 500n, { signal: abort.signal });
    await records.next();
    abort.abort(new Error('enough'));
    await assert.rejects(framed(records), /enough/);
  });
});
