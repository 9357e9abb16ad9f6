import type { RecordBatch } from '../archive/record-file.js';
import { decode, encode } from '../bcs/codec.js';
import { committedTransactionBytes } from '../types/committed-transaction.js';
import type { ContractEvent } from '../types/contract-event.js';
import type { StateKey } from '../types/state-key.js';
import { RawTransaction, Transaction } from '../types/transaction.js';
import { type TransactionRecordFormat, transactionRecord } from '../types/transaction-record.js';
import { TypeTag } from '../types/type-tag.js';
import { stateValueAfter, type WriteOp } from '../types/write-set.js';

/** The tables of an analysis with their header lines (spec: backup-format.md, section 11). */
export const ANALYSIS_TABLES = {
  transaction: 'version,transaction_size,events_size,write_set_size',
  event: 'version,index,event_size',
  write_op: 'version,index,write_op_size',
} as const;

export type AnalysisTable = keyof typeof ANALYSIS_TABLES;

/** Takes the rows of an analysis. */
export interface TransactionAnalysis {
  write(table: AnalysisTable, lines: readonly string[]): Promise<void>;
}

const ADDRESS_SIZE = 32;
const EVENT_KEY_SIZE = 40;
const SEQUENCE_NUMBER_SIZE = 8;

function eventSize(event: ContractEvent, dialect: number): number {
  const body = encode(TypeTag, event.value.type_tag, { dialect }).length + event.value.event_data.length;
  return event.variant === 'V1' ? EVENT_KEY_SIZE + SEQUENCE_NUMBER_SIZE + body : body;
}

function stateKeySize(key: StateKey): number {
  switch (key.variant) {
    case 'AccessPath':
      return ADDRESS_SIZE + key.value.path.length;
    case 'TableItem':
      return ADDRESS_SIZE + key.value.key.length;
    case 'Raw':
      return key.value.length;
  }
}

function writeOpSize(key: StateKey, op: WriteOp): number {
  const value = stateValueAfter(op);
  const data = value === undefined ? 0 : (value.variant === 'V0' ? value.value : value.value.data).length;
  return stateKeySize(key) + data;
}

/** A user transaction counts without its signatures, in its encrypted form if it has one. */
function transactionSize(transaction: Transaction, dialect: number): number {
  const committed = committedTransactionBytes(encode(Transaction, transaction, { dialect }), dialect);
  const value = decode(Transaction, committed, { dialect });
  if (value.variant !== 'UserTransaction') return committed.length;
  return encode(RawTransaction, value.value.raw_txn, { dialect }).length;
}

/** Writes the rows of a batch of sound records; record 0 of the file has version `firstVersion`. */
export async function analyseBatch(
  analysis: TransactionAnalysis,
  batch: RecordBatch,
  firstVersion: bigint,
  format: TransactionRecordFormat,
  dialect: number,
): Promise<void> {
  const rows: Record<AnalysisTable, string[]> = { transaction: [], event: [], write_op: [] };
  for (let index = 0; index < batch.count; index++) {
    const version = firstVersion + BigInt(batch.firstRecord + index);
    const window = { start: batch.starts[index] ?? 0, end: batch.ends[index] ?? 0, dialect };
    const record = decode(transactionRecord(format), batch.bytes, window);
    const events = record.events.map((event) => eventSize(event, dialect));
    const ops = record.write_set.value.write_set.map(([key, op]) => writeOpSize(key, op));
    const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
    const size = transactionSize(record.transaction, dialect);
    rows.transaction.push(`${version},${size},${sum(events)},${sum(ops)}`);
    rows.event.push(...events.map((each, position) => `${version},${position},${each}`));
    rows.write_op.push(...ops.map((each, position) => `${version},${position},${each}`));
  }
  for (const [table, lines] of Object.entries(rows) as [AnalysisTable, string[]][]) {
    if (lines.length > 0) await analysis.write(table, lines);
  }
}
