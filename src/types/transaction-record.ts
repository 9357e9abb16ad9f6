import type { Codec, Infer } from '../bcs/codec.js';
import { tuple, vector } from '../bcs/containers.js';
import { PersistedAuxiliaryInfo } from './auxiliary-info.js';
import { ContractEvent } from './contract-event.js';
import { Transaction } from './transaction.js';
import { TransactionInfo } from './transaction-info.js';
import { WriteSet } from './write-set.js';

/** The `format` of a transaction chunk in its manifest; chunks without one are V0. */
export type TransactionRecordFormat = 'V0' | 'V1';

/** A record of a transaction chunk before July 2025 (spec: aptos-types.md, section 1). */
export const TransactionRecordV0 = tuple(Transaction, TransactionInfo, vector(ContractEvent), WriteSet);
export type TransactionRecordV0 = Infer<typeof TransactionRecordV0>;

/** A record of a transaction chunk since then: with the auxiliary info. */
export const TransactionRecordV1 = tuple(
  Transaction,
  PersistedAuxiliaryInfo,
  TransactionInfo,
  vector(ContractEvent),
  WriteSet,
);
export type TransactionRecordV1 = Infer<typeof TransactionRecordV1>;

/** A record by the names of its parts, whatever its format. */
export interface TransactionRecord {
  readonly transaction: Transaction;
  /** None where the format has no place for it. */
  readonly auxiliary_info: PersistedAuxiliaryInfo;
  readonly transaction_info: TransactionInfo;
  readonly events: readonly ContractEvent[];
  readonly write_set: WriteSet;
}

const recordV0: Codec<TransactionRecord> = {
  name: TransactionRecordV0.name,
  read(reader) {
    const [transaction, transaction_info, events, write_set] = TransactionRecordV0.read(reader);
    return { transaction, auxiliary_info: { variant: 'None' }, transaction_info, events, write_set };
  },
  write(writer, record) {
    if (record.auxiliary_info.variant !== 'None') {
      throw new RangeError('records of format V0 have no place for auxiliary info');
    }
    const { transaction, transaction_info, events, write_set } = record;
    TransactionRecordV0.write(writer, [transaction, transaction_info, events, write_set]);
  },
  skip: TransactionRecordV0.skip,
};

const recordV1: Codec<TransactionRecord> = {
  name: TransactionRecordV1.name,
  read(reader) {
    const [transaction, auxiliary_info, transaction_info, events, write_set] =
      TransactionRecordV1.read(reader);
    return { transaction, auxiliary_info, transaction_info, events, write_set };
  },
  write(writer, record) {
    const { transaction, auxiliary_info, transaction_info, events, write_set } = record;
    TransactionRecordV1.write(writer, [transaction, auxiliary_info, transaction_info, events, write_set]);
  },
  skip: TransactionRecordV1.skip,
};

/** The codec of a transaction chunk's records, with names in the place of positions. */
export function transactionRecord(format: TransactionRecordFormat): Codec<TransactionRecord> {
  return format === 'V0' ? recordV0 : recordV1;
}
