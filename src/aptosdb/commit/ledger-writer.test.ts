import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decode, encode } from '../../bcs/codec.js';
import { ledgerInfoAt } from '../../test-support/killed-ledger.js';
import { dumpRows } from '../../test-support/load-rows.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import { hashWriteSet } from '../../types/hashes.js';
import { TransactionRecordV1 } from '../../types/transaction-record.js';
import type { WriteSet } from '../../types/write-set.js';
import { assertFit, blocks, commitBlocks, ledger, open } from './committed-blocks.test.support.js';
import { LedgerWriter, type TransactionChunk } from './ledger-writer.js';

const { hashers } = ledger;

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
    const folder = memoryFolder(t);
    const stops = [1, 4, 9, blocks.length];
    let from = 0;
    for (const stop of stops) {
      await using database = await open(folder);
      await commitBlocks(database, blocks.slice(from, stop));
      from = stop;
    }
    await assertFit(folder, ledger.lastVersion);
    const other = memoryFolder(t);
    await using database = await open(folder);
    await using inOneGo = await open(other);
    await commitBlocks(inOneGo, blocks);
    const [interrupted, whole] = [await dumpRows(database), await dumpRows(inOneGo)];
    for (const name of whole.keys()) assert.deepEqual(interrupted.get(name), whole.get(name), name);
  });

  it('takes back what was appended but not committed when it is opened again', async (t) => {
    const folder = memoryFolder(t);
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
    await using database = await open(memoryFolder(t));
    const writer = await LedgerWriter.open(database, hashers);
    for (const block of blocks.slice(0, 3)) await writer.append(block);
    const again = await LedgerWriter.open(database, hashers);
    assert.equal(again.lastVersion, undefined);
    assert.equal((await dumpRows(database)).size, 0);
  });

  it('lets no wrong write set in: its hash tells, or else the state root does', async (t) => {
    const index = indexOfModifyingBlock();
    const block = blocks[index];
    assert.ok(block);
    for (const [vouched, code] of [
      [false, 'COMMIT_PART_MISMATCH'],
      [true, 'COMMIT_STATE_ROOT_MISMATCH'],
    ] as const) {
      const folder = memoryFolder(t);
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
    await using database = await open(memoryFolder(t));
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
