import { decode } from '../../bcs/codec.js';
import { type SignedTransaction, Transaction } from '../../types/transaction.js';
import type { TransactionExtraConfig } from '../../types/transaction-executable.js';
import type { WriteBatch } from '../driver/write-batch.js';
import { eventRows } from '../schema/event.js';
import { persistedAuxiliaryInfoRows } from '../schema/persisted-auxiliary-info.js';
import { putRow, putRowBytes } from '../schema/rows.js';
import { transactionByHashRows } from '../schema/transaction-by-hash.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import {
  type ReplayProtector,
  transactionSummariesByAccountRows,
} from '../schema/transaction-summaries-by-account.js';
import { transactionRows } from '../schema/transaction.js';
import { writeSetRows } from '../schema/write-set.js';
import type { TransactionParts } from './transaction-parts.js';

/** One batch for each instance that rows of transactions go to. */
export interface TransactionBatches {
  readonly transactions: WriteBatch;
  readonly infos: WriteBatch;
  readonly writeSets: WriteBatch;
  readonly events: WriteBatch;
  readonly auxiliaryInfos: WriteBatch;
}

/** Adds the rows that a node's commit writes for one transaction (spec: aptosdb-schema.md, 10.1). */
export function putTransactionRows(batches: TransactionBatches, parts: TransactionParts): void {
  const { version } = parts;
  putRowBytes(batches.writeSets, writeSetRows, version, parts.writeSet);
  putRowBytes(batches.infos, transactionInfoRows, version, parts.transactionInfo);
  putRowBytes(batches.auxiliaryInfos, persistedAuxiliaryInfoRows, version, parts.auxiliaryInfo);
  parts.events.forEach((event, index) => {
    putRowBytes(batches.events, eventRows, { version, index: BigInt(index) }, event);
  });
  putRowBytes(batches.transactions, transactionRows, version, parts.transaction);
  putRow(batches.transactions, transactionByHashRows, parts.transactionHash, version);
  putSummaryRow(batches.transactions, parts);
}

const USER_TRANSACTION = 0;
const SENDER_END = 33;
const SEQUENCE_NUMBER_END = SENDER_END + 8;
/** Payloads from this variant on may carry a nonce. */
const FIRST_PAYLOAD_WITH_CONFIG = 4;

/** The sender of a user transaction and what keeps it from being executed twice; undefined for others. */
export function senderOf(
  transaction: Uint8Array,
): { readonly sender: Uint8Array; readonly replayProtector: ReplayProtector } | undefined {
  if (transaction[0] !== USER_TRANSACTION) return undefined;
  const view = new DataView(transaction.buffer, transaction.byteOffset, transaction.byteLength);
  const sequenceNumber = view.getBigUint64(SENDER_END, true);
  const mayHaveNonce = (transaction[SEQUENCE_NUMBER_END] ?? 0) >= FIRST_PAYLOAD_WITH_CONFIG;
  const nonce = mayHaveNonce ? nonceOf(transaction) : undefined;
  return {
    sender: transaction.subarray(1, SENDER_END),
    replayProtector:
      nonce === undefined
        ? { variant: 'SequenceNumber', value: sequenceNumber }
        : { variant: 'Nonce', value: nonce },
  };
}

function putSummaryRow(batch: WriteBatch, parts: TransactionParts): void {
  const found = senderOf(parts.transaction);
  if (!found) return;
  const { sender, replayProtector } = found;
  const { version, transactionHash } = parts;
  putRow(
    batch,
    transactionSummariesByAccountRows,
    { address: sender, version },
    {
      variant: 'V1',
      value: { sender, version, transaction_hash: transactionHash, replay_protector: replayProtector },
    },
  );
}

function nonceOf(transaction: Uint8Array): bigint | undefined {
  const decoded = decode(Transaction, transaction);
  if (decoded.variant !== 'UserTransaction') return undefined;
  return extraConfigOf(decoded.value)?.value.replay_protection_nonce;
}

function extraConfigOf({ raw_txn }: SignedTransaction): TransactionExtraConfig | undefined {
  const { payload } = raw_txn;
  if (payload.variant === 'Payload') return payload.value.value.extra_config;
  if (payload.variant !== 'EncryptedPayload') return undefined;
  const encrypted = payload.value;
  const inner = encrypted.variant === 'Encrypted' ? encrypted.value : encrypted.value.original;
  return inner.extra_config;
}
