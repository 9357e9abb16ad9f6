import { equalBytes, HASH_SIZE, toHex } from '../../hashing/hash-value.js';
import { verifyAccumulatorRangeProof } from '../../merkle/accumulator-proof.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { postOrderIndex } from '../schema/accumulator-position.js';
import { ledgerInfoRows } from '../schema/ledger-info.js';
import { getRows, iterateRowBytes, iterateRows } from '../schema/rows.js';
import { transactionAccumulatorRows } from '../schema/transaction-accumulator.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import { AccumulatorReader } from './accumulator-reader.js';
import { epochOf } from './epochs.js';
import { LedgerReadError } from './read-error.js';

/** Leaves that are compared at once. */
const BATCH = 1000;

/** Hashes of the infos of consecutive versions, in batches; a gap is an error. */
async function* infoHashes(
  database: AptosDatabaseFiles,
  hashers: LedgerHashers,
  firstVersion: bigint,
  count: number,
): AsyncGenerator<{ readonly first: bigint; readonly hashes: Uint8Array[] }, void, undefined> {
  const store = database.ledger('ledger_db/transaction_info_db');
  let first = firstVersion;
  let hashes: Uint8Array[] = [];
  let next = firstVersion;
  const range = { gte: firstVersion, lt: firstVersion + BigInt(count) };
  for await (const { key: version, value } of iterateRowBytes(store, transactionInfoRows, range)) {
    if (version !== next) break;
    next++;
    hashes.push(hashers.transactionInfo.hash(value));
    if (hashes.length < BATCH) continue;
    yield { first, hashes };
    first = next;
    hashes = [];
  }
  if (next < firstVersion + BigInt(count)) missingVersion(next);
  if (hashes.length > 0) yield { first, hashes };
}

function missingVersion(version: bigint): never {
  const facts = { version, columnFamily: transactionInfoRows.name };
  throw new LedgerReadError('LEDGER_VERSION_MISSING', `no transaction info of version ${version}`, { facts });
}

/** A leaf of the accumulator that is not the hash of its transaction info. */
export interface WrongLeaf {
  readonly version: bigint;
  /** Undefined where there is no such leaf. */
  readonly stored: string | undefined;
  readonly expected: string;
}

/**
 * Compares each transaction info with its leaf of the accumulator.
 * @throws LedgerReadError LEDGER_VERSION_MISSING
 */
export async function* wrongTransactionInfoHashes(
  database: AptosDatabaseFiles,
  hashers: LedgerHashers,
  firstVersion: bigint,
  count: number,
): AsyncGenerator<WrongLeaf, void, undefined> {
  const store = database.ledger('ledger_db/transaction_accumulator_db');
  for await (const { first, hashes } of infoHashes(database, hashers, firstVersion, count)) {
    const keys = hashes.map((_, index) => postOrderIndex({ level: 0, index: first + BigInt(index) }));
    const leaves = await getRows(store, transactionAccumulatorRows, keys);
    for (const [index, hash] of hashes.entries()) {
      const leaf = leaves[index];
      if (leaf && equalBytes(leaf, hash)) continue;
      yield { version: first + BigInt(index), stored: leaf && toHex(leaf), expected: toHex(hash) };
    }
  }
}

/**
 * Proves a range of versions towards the ledger info of every epoch from that of its last version on, and
 * gives the epochs one by one.
 * @throws LedgerReadError LEDGER_VERSION_MISSING, LEDGER_PROOF_INCOMPLETE
 * @throws MerkleError where a proof does not hold
 */
export async function* proveRangeInEveryEpoch(
  database: AptosDatabaseFiles,
  hashers: LedgerHashers,
  firstVersion: bigint,
  count: number,
): AsyncGenerator<{ readonly epoch: bigint; readonly version: bigint }, void, undefined> {
  const packedLeaves = new Uint8Array(count * HASH_SIZE);
  let filled = 0;
  for await (const { hashes } of infoHashes(database, hashers, firstVersion, count)) {
    for (const hash of hashes) packedLeaves.set(hash, HASH_SIZE * filled++);
  }
  const lastVersion = firstVersion + BigInt(count) - 1n;
  const hasher = hashers.transactionAccumulator;
  const reader = new AccumulatorReader(hasher, database.ledger('ledger_db/transaction_accumulator_db'));
  const range = { gte: await epochOf(database.ledgerMetadata, lastVersion) };
  for await (const { key: epoch, value } of iterateRows(database.ledgerMetadata, ledgerInfoRows, range)) {
    const { version, executed_state_id: root } = value.value.ledger_info.commit_info;
    if (version < lastVersion) continue;
    const leafCount = version + 1n;
    const proof = await reader.rangeProof(firstVersion, lastVersion, leafCount);
    verifyAccumulatorRangeProof(hasher, {
      root,
      firstIndex: firstVersion,
      packedLeaves,
      count,
      leftSiblings: proof.left_siblings,
      rightSiblings: proof.right_siblings,
      leafCount,
    });
    yield { epoch, version };
  }
}
