import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decode, encode } from '../../bcs/codec.js';
import { generatedBlocks, killedLedger, ledgerInfoAt } from '../../test-support/killed-ledger.js';
import { dumpRows } from '../../test-support/load-rows.js';
import { temporaryFolder } from '../../test-support/temporary-folder.js';
import { hashWriteSet } from '../../types/hashes.js';
import { TransactionRecordV1 } from '../../types/transaction-record.js';
import type { WriteSet } from '../../types/write-set.js';
import { checkDatabase } from '../check/check-database.js';
import { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { LedgerWriter, type TransactionChunk } from './ledger-writer.js';
import { truncateDatabase } from './truncate.js';

const ledger = killedLedger('writer');
const { hashers } = ledger;
const blocks = generatedBlocks(ledger);

function open(folder: string): Promise<AptosDatabaseFiles> {
  return AptosDatabaseFiles.open(folder, { mode: 'create' });
}

/** Appends blocks and commits the last of them. */
async function commitBlocks(database: AptosDatabaseFiles, some: readonly TransactionChunk[]): Promise<void> {
  const writer = await LedgerWriter.open(database, hashers);
  for (const [index, block] of some.entries()) {
    const last = Number(block.firstVersion) + block.records.length - 1;
    const isLast = index === some.length - 1;
    const ledgerInfo = block.ledgerInfo ?? (isLast ? ledgerInfoAt(ledger, last) : undefined);
    await writer.append({ ...block, ledgerInfo });
  }
  await writer.commit();
}

async function assertFit(folder: string, lastVersion: bigint): Promise<void> {
  const report = await checkDatabase(folder, { hashers });
  assert.deepEqual(
    report.results.filter(({ status }) => status === 'failed'),
    [],
  );
  assert.equal(report.syncedVersion, lastVersion);
}

/** A block whose first write of data is another one, with or without an info that vouches for it. */
function withOtherValue(block: TransactionChunk, vouched: boolean): TransactionChunk {
  const records = block.records.map((bytes) => {
    const [transaction, auxiliary, info, events, writeSet] = decode(TransactionRecordV1, bytes);
    const target = writeSet.value.write_set.findIndex(([, op]) => op.variant === 'Modification');
    if (target < 0) return bytes;
    const changed: WriteSet = {
      variant: 'V0',
      value: {
        write_set: writeSet.value.write_set.map((entry, index) =>
          index === target ? [entry[0], { variant: 'Modification', value: Uint8Array.of(1, 2, 3) }] : entry,
        ),
      },
    };
    const state_change_hash = vouched ? hashWriteSet(hashers, changed) : info.value.state_change_hash;
    const newInfo = { ...info, value: { ...info.value, state_change_hash } };
    return encode(TransactionRecordV1, [transaction, auxiliary, newInfo, events, changed]);
  });
  assert.notDeepEqual(records, block.records, 'the block modifies something');
  return { ...block, records };
}

function indexOfModifyingBlock(): number {
  return blocks.findIndex(({ records }, index) => {
    if (index === 0) return false;
    const ops = records.flatMap((bytes) => decode(TransactionRecordV1, bytes)[4].value.write_set);
    return ops.some(([, op]) => op.variant === 'Modification');
  });
}

describe('committing transactions', () => {
  it('makes a database that is fit after every commit, reopened in between or not', async (t) => {
    const folder = temporaryFolder(t);
    const stops = [1, 4, 9, blocks.length];
    let from = 0;
    for (const stop of stops) {
      await using database = await open(folder);
      await commitBlocks(database, blocks.slice(from, stop));
      from = stop;
    }
    await assertFit(folder, ledger.lastVersion);
    const other = temporaryFolder(t);
    await using database = await open(folder);
    await using inOneGo = await open(other);
    await commitBlocks(inOneGo, blocks);
    const [interrupted, whole] = [await dumpRows(database), await dumpRows(inOneGo)];
    for (const name of whole.keys()) assert.deepEqual(interrupted.get(name), whole.get(name), name);
  });

  it('takes back what was appended but not committed when it is opened again', async (t) => {
    const folder = temporaryFolder(t);
    await using database = await open(folder);
    await commitBlocks(database, blocks.slice(0, 5));
    const before = await dumpRows(database);
    const writer = await LedgerWriter.open(database, hashers);
    for (const block of blocks.slice(5, 12)) await writer.append(block);
    assert.notDeepEqual(await dumpRows(database), before);
    const again = await LedgerWriter.open(database, hashers);
    assert.equal(again.lastVersion, (blocks[5]?.firstVersion ?? 0n) - 1n);
    assert.deepEqual(await dumpRows(database), before);
  });

  it('takes back everything where nothing was ever committed', async (t) => {
    await using database = await open(temporaryFolder(t));
    const writer = await LedgerWriter.open(database, hashers);
    for (const block of blocks.slice(0, 3)) await writer.append(block);
    const again = await LedgerWriter.open(database, hashers);
    assert.equal(again.lastVersion, undefined);
    assert.equal((await dumpRows(database)).size, 0);
  });

  it('lets no wrong write set in: the info’s hash tells, and if that lies too, the state root does', async (t) => {
    const index = indexOfModifyingBlock();
    const block = blocks[index];
    assert.ok(block);
    for (const [vouched, code] of [
      [false, 'COMMIT_PART_MISMATCH'],
      [true, 'COMMIT_STATE_ROOT_MISMATCH'],
    ] as const) {
      const folder = temporaryFolder(t);
      const database = await open(folder);
      await commitBlocks(database, blocks.slice(0, index));
      const before = await dumpRows(database);
      const writer = await LedgerWriter.open(database, hashers);
      await assert.rejects(writer.append(withOtherValue(block, vouched)), { code });
      await assert.rejects(writer.append(block), { code: 'COMMIT_WRITER_FAILED' });
      await assert.rejects(writer.commit(), { code: 'COMMIT_WRITER_FAILED' });
      assert.deepEqual(await dumpRows(database), before, 'nothing of it was written');
      await commitBlocks(database, [block]);
      await database.close();
      await assertFit(folder, block.firstVersion + BigInt(block.records.length) - 1n);
    }
  });

  it('refuses versions out of turn, and ledger infos of something else', async (t) => {
    await using database = await open(temporaryFolder(t));
    const [genesis, block] = blocks;
    assert.ok(genesis && block);
    const refused = async (chunk: TransactionChunk, code: string): Promise<void> => {
      const writer = await LedgerWriter.open(database, hashers);
      await assert.rejects(writer.append(chunk), { code });
    };
    await refused(block, 'COMMIT_VERSION_UNEXPECTED');
    await commitBlocks(database, [genesis]);
    await refused(genesis, 'COMMIT_VERSION_UNEXPECTED');
    const last = Number(block.firstVersion) + block.records.length - 1;
    await refused({ ...block, ledgerInfo: ledgerInfoAt(ledger, last + 1) }, 'COMMIT_LEDGER_INFO_MISMATCH');
    const right = ledgerInfoAt(ledger, last);
    const { ledger_info } = right.value;
    for (const wrong of [{ epoch: 7n }, { executed_state_id: new Uint8Array(32) }]) {
      const commit_info = { ...ledger_info.commit_info, ...wrong };
      const value = { ...right.value, ledger_info: { ...ledger_info, commit_info } };
      await refused({ ...block, ledgerInfo: { ...right, value } }, 'COMMIT_LEDGER_INFO_MISMATCH');
    }
    await commitBlocks(database, [{ ...block, ledgerInfo: right }]);
  });
});

describe('truncating a database', () => {
  it('gives the rows of a database that was never longer, ledger infos of the open epoch aside', async (t) => {
    for (const kept of [1, 6, 11]) {
      const folder = temporaryFolder(t);
      const shorter = temporaryFolder(t);
      const lastBlock = blocks[kept - 1];
      assert.ok(lastBlock);
      const target = lastBlock.firstVersion + BigInt(lastBlock.records.length) - 1n;
      {
        await using database = await open(folder);
        await commitBlocks(database, blocks);
        await truncateDatabase(database, hashers, target);
        await using expected = await open(shorter);
        await commitBlocks(expected, blocks.slice(0, kept));
        const [actual, wanted] = [await dumpRows(database), await dumpRows(expected)];
        for (const name of new Set([...actual.keys(), ...wanted.keys()])) {
          if (name !== 'ledger_db/metadata/ledger_info')
            assert.deepEqual(actual.get(name), wanted.get(name), name);
        }
        await commitBlocks(database, blocks.slice(kept));
      }
      await assertFit(folder, ledger.lastVersion);
    }
  });

  it('also ends in the middle of a block, from where commits of the rest go on', async (t) => {
    const folder = temporaryFolder(t);
    const block = blocks[7];
    assert.ok(block && block.records.length > 2);
    const target = block.firstVersion + 1n;
    {
      await using database = await open(folder);
      await commitBlocks(database, blocks);
      await truncateDatabase(database, hashers, target);
    }
    {
      await using database = await open(folder);
      const rest = { ...block, firstVersion: target + 1n, records: block.records.slice(2) };
      await commitBlocks(database, [rest, ...blocks.slice(8)]);
    }
    await assertFit(folder, ledger.lastVersion);
  });

  it('refuses versions that are not there', async (t) => {
    await using database = await open(temporaryFolder(t));
    const invalid = { code: 'COMMIT_TARGET_INVALID' };
    await assert.rejects(truncateDatabase(database, hashers, 0n), invalid);
    await commitBlocks(database, blocks.slice(0, 3));
    await assert.rejects(truncateDatabase(database, hashers, 10_000n), invalid);
  });
});
