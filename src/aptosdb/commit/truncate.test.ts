import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dumpRows } from '../../test-support/load-rows.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import { assertFit, blocks, commitBlocks, ledger, open } from './committed-blocks.test.support.js';
import { truncateDatabase } from './truncate.js';

const { hashers } = ledger;

describe('truncating a database', () => {
  it('gives the rows of a database that was never longer, the last ledger info aside', async (t) => {
    for (const kept of [1, 6]) {
      const folder = memoryFolder(t);
      const shorter = memoryFolder(t);
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
    const folder = memoryFolder(t);
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
    await using database = await open(memoryFolder(t));
    const invalid = { code: 'COMMIT_TARGET_INVALID' };
    await assert.rejects(truncateDatabase(database, hashers, 0n), invalid);
    await commitBlocks(database, blocks.slice(0, 3));
    await assert.rejects(truncateDatabase(database, hashers, 10_000n), invalid);
  });
});
