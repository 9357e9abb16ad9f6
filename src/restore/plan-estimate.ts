import type { PlanEstimate, PlannedRange, RestoreSteps } from './plan.js';
import type { MeasuredFiles } from './plan-sizes.js';

// How many rows and bytes a database has for what an archive holds: measured on a ledger of real Move
// transactions that the reference restored, of which the rows are known. Other ledgers differ.

const LEDGER_ROWS = 15;
/** Keys, hashes and indices, beside the transaction's own bytes. */
const LEDGER_BYTES = 520;
const VALUE_ROWS = 9;
/** Values and their stale rows, as a share of the transaction's bytes: write sets are part of those. */
const VALUE_SHARE = 65n;
const TREE_ROWS = 5;
const TREE_SHARE = 35n;
/** Of a snapshot's item: its value's row, its leaf and a part of the nodes above. */
const ITEM_ROWS = 1;
const ITEM_KEY_BYTES = 36;
const NODE_ROWS_TENTHS = 14;
const NODE_BYTES = 230;

/** Where nothing tells. */
const TRANSACTION_BYTES = 2_000n;
const STATE_ITEM_BYTES = 200n;

/** 42 instances with their logs. */
const EMPTY_DATABASE_BYTES = 4n * 1024n * 1024n;
/** What open instances reserve for logs and manifests, and give back when they close: measured. */
const RESERVED_BYTES = 300n * 1024n * 1024n;

export function estimateDatabase(
  steps: RestoreSteps,
  { snapshotContent, transactionContent }: MeasuredFiles,
): PlanEstimate {
  const { saved, replayed, tail, kvSnapshot, treeSnapshot } = steps;
  const tailCount = countOf(tail);
  const replayCount = countOf(replayed) + tailCount;
  const count = countOf(saved) + replayCount;
  const content = transactionContent ?? count * TRANSACTION_BYTES;
  const shareOf = (part: bigint, percent: bigint): bigint =>
    count === 0n ? 0n : (content * part * percent) / (count * 100n);
  let rows = count * BigInt(LEDGER_ROWS) + replayCount * BigInt(VALUE_ROWS) + tailCount * BigInt(TREE_ROWS);
  let bytes = content + count * BigInt(LEDGER_BYTES);
  bytes += shareOf(replayCount, VALUE_SHARE) + shareOf(tailCount, TREE_SHARE);
  let bytesMin = content;
  let stateItems: bigint | undefined = 0n;
  let isGuess = transactionContent === undefined;
  for (const snapshot of [kvSnapshot, treeSnapshot]) {
    if (!snapshot) continue;
    const { items, mode } = snapshot;
    if (items === undefined) {
      stateItems = undefined;
      isGuess = true;
      continue;
    }
    if (stateItems !== undefined) stateItems += items;
    if (mode !== 'tree_only') {
      const values = snapshotContent.get(snapshot.backup.entry.manifest) ?? items * STATE_ITEM_BYTES;
      isGuess ||= !snapshotContent.has(snapshot.backup.entry.manifest);
      rows += items * BigInt(ITEM_ROWS);
      bytes += values + items * BigInt(ITEM_KEY_BYTES);
      bytesMin += values;
    }
    if (mode !== 'kv_only') {
      rows += (items * BigInt(NODE_ROWS_TENTHS)) / 10n;
      bytes += items * BigInt(NODE_BYTES);
    }
  }
  const done = (bytes * 11n) / 10n + EMPTY_DATABASE_BYTES;
  return {
    transactions: count,
    ...(stateItems === undefined ? {} : { stateItems }),
    rows,
    bytes: done,
    bytesMin: isGuess ? 0n : (bytesMin * 9n) / 10n,
    // RocksDB writes files anew before it deletes the old ones.
    bytesPeak: (done * 3n) / 2n + RESERVED_BYTES,
    basis: isGuess
      ? 'guessed: the sizes of files are not known before they are read'
      : 'estimated from the sizes of files and the rows of a ledger of real transactions',
  };
}

function countOf(range: PlannedRange | undefined): bigint {
  return range ? range.last - range.first + 1n : 0n;
}
