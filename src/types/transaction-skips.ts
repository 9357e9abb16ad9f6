import { type SkipProgram, skipProgram } from '../bcs/skip-program.js';
import { PersistedAuxiliaryInfo } from './auxiliary-info.js';
import { ContractEvent } from './contract-event.js';
import { Transaction } from './transaction.js';
import { ExecutionStatus } from './transaction-info.js';
import { WriteSet } from './write-set.js';

/** Entries of the program of transaction records: their parts, and what has no fixed size in an info. */
export type TransactionSkips = SkipProgram<'transaction' | 'auxiliaryInfo' | 'status' | 'event' | 'writeSet'>;

/** The program that steps over the parts of transaction records. */
export function transactionSkips(dialect: number): TransactionSkips {
  return skipProgram(
    {
      transaction: Transaction,
      auxiliaryInfo: PersistedAuxiliaryInfo,
      status: ExecutionStatus,
      event: ContractEvent,
      writeSet: WriteSet,
    },
    dialect,
  );
}
