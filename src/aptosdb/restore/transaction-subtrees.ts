import { equalBytes, type HashValue, toHex } from '../../hashing/hash-value.js';
import { CommitError } from '../commit/commit-error.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { WriteBatch } from '../driver/write-batch.js';
import { frozenSubtreePositions, postOrderIndex } from '../schema/accumulator-position.js';
import { getRows, putRow } from '../schema/rows.js';
import { transactionAccumulatorRows } from '../schema/transaction-accumulator.js';

/**
 * Makes the roots of the complete subtrees before a version known to the database, or confirms that they
 * are those it has (spec: aptosdb-schema.md, 10.3).
 * @param leftSiblings of the proven range that begins at the version, from the bottom to the root
 * @throws CommitError COMMIT_FROZEN_SUBTREE_MISMATCH
 */
export async function confirmOrSaveFrozenSubtrees(
  database: AptosDatabaseFiles,
  firstVersion: bigint,
  leftSiblings: readonly HashValue[],
): Promise<void> {
  const keys = frozenSubtreePositions(firstVersion).map(postOrderIndex);
  const expected = keys.length;
  if (leftSiblings.length !== expected) {
    throw new CommitError(
      'COMMIT_FROZEN_SUBTREE_MISMATCH',
      `${firstVersion} versions have ${expected} frozen subtrees, not ${leftSiblings.length}`,
      { facts: { firstVersion, expected, actual: leftSiblings.length } },
    );
  }
  const store = database.ledger('ledger_db/transaction_accumulator_db');
  const rows = await getRows(store, transactionAccumulatorRows, keys);
  const batch = new WriteBatch();
  for (const [place, root] of leftSiblings.toReversed().entries()) {
    const key = keys[place] ?? 0n;
    const stored = rows[place];
    if (stored === undefined) putRow(batch, transactionAccumulatorRows, key, root);
    else if (!equalBytes(stored, root)) {
      throw new CommitError(
        'COMMIT_FROZEN_SUBTREE_MISMATCH',
        `the database has ${toHex(stored)} for a subtree before version ${firstVersion}, not ${toHex(root)}`,
        { facts: { firstVersion, expected: toHex(root), actual: toHex(stored) } },
      );
    }
  }
  await store.write(batch);
}
