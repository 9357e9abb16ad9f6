import { BcsReader } from '../../bcs/bcs-reader.js';
import { HASH_SIZE } from '../../hashing/hash-value.js';
import { Ciphertext } from '../../types/encrypted-payload.js';
import type { TransactionRecordWalk } from '../../types/transaction-record-walk.js';
import { TransactionExecutable } from '../../types/transaction-executable.js';
import { eventRows } from '../schema/event.js';
import { persistedAuxiliaryInfoRows } from '../schema/persisted-auxiliary-info.js';
import { transactionByAccountRows } from '../schema/transaction-by-account.js';
import { transactionByHashRows } from '../schema/transaction-by-hash.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import {
  type ReplayProtector,
  transactionSummariesByAccountRows,
} from '../schema/transaction-summaries-by-account.js';
import { transactionRows } from '../schema/transaction.js';
import { writeSetRows } from '../schema/write-set.js';
import { announcesBlock, putBlockRows } from './block-rows.js';
import type { LedgerBatches } from './ledger-batches.js';

/** What a row of auxiliary info holds where a record has none, as in format V0. */
const NO_AUXILIARY_INFO = Uint8Array.of(0);

/** Adds the rows of transactions to batches, straight from the bytes of their records. */
export class TransactionRows {
  readonly #reader = new BcsReader(new Uint8Array());

  /**
   * The rows that a node's commit writes for one transaction, those of state and accumulator aside (spec:
   * aptosdb-schema.md, 10.1).
   * @param bytes holds the record that `walk` has walked; the rows are in part views of it
   * @throws CommitError COMMIT_BLOCK_EVENT_INVALID
   */
  put(batches: LedgerBatches, version: bigint, bytes: Uint8Array, walk: TransactionRecordWalk): void {
    const { keys } = batches;
    const key = keys.u64(version);
    batches.writeSets.put(writeSetRows.name, key, keys.value(bytes, walk.writeSetStart, walk.writeSetEnd));
    batches.infos.put(transactionInfoRows.name, key, keys.value(bytes, walk.infoStart, walk.infoEnd));
    const { auxiliaryStart, auxiliaryEnd } = walk;
    const auxiliaryRow =
      auxiliaryStart === auxiliaryEnd ? NO_AUXILIARY_INFO : keys.value(bytes, auxiliaryStart, auxiliaryEnd);
    batches.auxiliaryInfos.put(persistedAuxiliaryInfoRows.name, key, auxiliaryRow);
    const transaction = keys.value(bytes, walk.transactionStart, walk.transactionEnd);
    batches.transactions.put(transactionRows.name, key, transaction);
    const hash = keys.value(bytes, walk.transactionHash, walk.transactionHash + HASH_SIZE);
    batches.transactions.put(transactionByHashRows.name, hash, key);
    this.#putEvents(batches, version, bytes, walk);
    this.#putSummary(batches, version, bytes, walk);
  }

  /** The row of a user transaction with a sequence number that a restore writes and a commit does not. */
  putByAccount(
    batches: LedgerBatches,
    version: bigint,
    bytes: Uint8Array,
    walk: TransactionRecordWalk,
  ): void {
    const start = walk.transactionStart;
    if (bytes[start] !== USER_TRANSACTION) return;
    const protector = replayProtectorAt(this.#reader, bytes, start, walk.transactionEnd);
    if (protector.variant !== 'SequenceNumber') return;
    const { keys } = batches;
    const key = keys.bytesAndU64(bytes, start + 1, start + SENDER_END, protector.value);
    batches.transactions.put(transactionByAccountRows.name, key, keys.u64(version));
  }

  #putEvents(batches: LedgerBatches, version: bigint, bytes: Uint8Array, walk: TransactionRecordWalk): void {
    const { keys } = batches;
    for (let index = 0; index < walk.eventCount; index++) {
      const start = walk.eventStarts[index] ?? 0;
      const event = keys.value(bytes, start, walk.eventEnds[index] ?? start);
      batches.events.put(eventRows.name, keys.u64Pair(version, BigInt(index)), event);
      if (announcesBlock(bytes, start)) putBlockRows(batches.ledgerMetadata, version, event);
    }
  }

  #putSummary(batches: LedgerBatches, version: bigint, bytes: Uint8Array, walk: TransactionRecordWalk): void {
    const start = walk.transactionStart;
    if (bytes[start] !== USER_TRANSACTION) return;
    const protector = replayProtectorAt(this.#reader, bytes, start, walk.transactionEnd);
    const key = batches.keys.bytesAndU64(bytes, start + 1, start + SENDER_END, version);
    const row = batches.keys.take(SUMMARY_BYTES);
    const view = new DataView(row.buffer, row.byteOffset);
    row[0] = SUMMARY_V1;
    row.set(bytes.subarray(start + 1, start + SENDER_END), SUMMARY_SENDER);
    view.setBigUint64(SUMMARY_VERSION, version, true);
    row.set(bytes.subarray(walk.transactionHash, walk.transactionHash + HASH_SIZE), SUMMARY_HASH);
    row[SUMMARY_PROTECTOR] = protector.variant === 'SequenceNumber' ? 1 : 0;
    view.setBigUint64(SUMMARY_PROTECTOR + 1, protector.value, true);
    batches.transactions.put(transactionSummariesByAccountRows.name, key, row);
  }
}

// Where the parts of a summary lie: the variant, sender, version, hash, variant and number.
const SUMMARY_V1 = 0;
const SUMMARY_SENDER = 1;
const SUMMARY_VERSION = SUMMARY_SENDER + 32;
const SUMMARY_HASH = SUMMARY_VERSION + 8;
const SUMMARY_PROTECTOR = SUMMARY_HASH + HASH_SIZE;
const SUMMARY_BYTES = SUMMARY_PROTECTOR + 9;

const USER_TRANSACTION = 0;
const SENDER_END = 33;
const SEQUENCE_NUMBER_END = SENDER_END + 8;
const PAYLOAD = 4;
const ENCRYPTED_PAYLOAD = 5;

/** The sender of a user transaction and what keeps it from being executed twice; undefined for others. */
export function senderOf(
  transaction: Uint8Array,
): { readonly sender: Uint8Array; readonly replayProtector: ReplayProtector } | undefined {
  if (transaction[0] !== USER_TRANSACTION) return undefined;
  const reader = new BcsReader(transaction);
  return {
    sender: transaction.subarray(1, SENDER_END),
    replayProtector: replayProtectorAt(reader, transaction, 0, transaction.length),
  };
}

/** Of the user transaction at `bytes[start..end]`: its nonce where the payload has one. */
function replayProtectorAt(
  reader: BcsReader,
  bytes: Uint8Array,
  start: number,
  end: number,
): ReplayProtector {
  reader.restart(bytes, start + SENDER_END, end, 0);
  const sequenceNumber = reader.u64();
  const payload = bytes[start + SEQUENCE_NUMBER_END];
  const hasConfig = payload === PAYLOAD || payload === ENCRYPTED_PAYLOAD;
  if (hasConfig) {
    moveToConfig(reader, payload);
    const nonce = nonceOfConfig(reader);
    if (nonce !== undefined) return { variant: 'Nonce', value: nonce };
  }
  return { variant: 'SequenceNumber', value: sequenceNumber };
}

/** Steps over what stands before a payload's extra configuration. */
function moveToConfig(reader: BcsReader, payload: number): void {
  reader.advance(2);
  // Whatever became of an encrypted payload, what its sender wrote comes first and begins with this.
  if (payload === ENCRYPTED_PAYLOAD) Ciphertext.skip(reader);
  else TransactionExecutable.skip(reader);
}

/** An optional address, then the optional nonce; what newer variants have comes behind. */
function nonceOfConfig(reader: BcsReader): bigint | undefined {
  reader.advance(1);
  if (reader.optionTag()) reader.advance(32);
  return reader.optionTag() ? reader.u64() : undefined;
}
