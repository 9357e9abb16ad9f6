import { type SkipProgram, skipProgram } from '../bcs/skip-program.js';
import { PersistedAuxiliaryInfo } from './auxiliary-info.js';
import { ContractEvent } from './contract-event.js';
import { EncryptedInner, EncryptedPayload } from './encrypted-payload.js';
import { Transaction } from './transaction.js';
import { ExecutionStatus } from './transaction-info.js';
import { WriteSet } from './write-set.js';

/** Parts of transaction records; of an info, what has no fixed size; and what counts for the hash. */
const PARTS = {
  transaction: Transaction,
  auxiliaryInfo: PersistedAuxiliaryInfo,
  status: ExecutionStatus,
  event: ContractEvent,
  writeSet: WriteSet,
  encryptedPayload: EncryptedPayload,
  encryptedInner: EncryptedInner,
} as const;

/** The program that steps over the parts of transaction records. */
export function transactionSkips(dialect: number): SkipProgram<keyof typeof PARTS> {
  return skipProgram(PARTS, dialect);
}
