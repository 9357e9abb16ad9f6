import type { Codec, Infer } from '../bcs/codec.js';
import { enumeration, option, struct } from '../bcs/containers.js';
import { string, u16, u64 } from '../bcs/primitives.js';
import { HashValue, ModuleId } from './basic.js';

export const AbortLocation = enumeration('AbortLocation', ['Module', ModuleId], ['Script', null]);
export type AbortLocation = Infer<typeof AbortLocation>;

export const AbortInfo = struct('AbortInfo', { reason_name: string, description: string });
export type AbortInfo = Infer<typeof AbortInfo>;

/** How the execution of a committed transaction ended (spec: aptos-types.md, section 6). */
export const ExecutionStatus = enumeration(
  'ExecutionStatus',
  ['Success', null],
  ['OutOfGas', null],
  ['MoveAbort', struct('MoveAbort', { location: AbortLocation, code: u64, info: option(AbortInfo) })],
  [
    'ExecutionFailure',
    struct('ExecutionFailure', { location: AbortLocation, function: u16, code_offset: u16 }),
  ],
  ['MiscellaneousError', option(u64)],
);
export type ExecutionStatus = Infer<typeof ExecutionStatus>;

const transactionInfoV0Fields = struct('TransactionInfoV0', {
  gas_used: u64,
  status: ExecutionStatus,
  transaction_hash: HashValue,
  event_root_hash: HashValue,
  state_change_hash: HashValue,
  state_checkpoint_hash: option(HashValue),
  auxiliary_info_hash: option(HashValue),
});
/**
 * The leaf of the transaction accumulator: what a transaction did, as hashes. In mid-2023 the last field
 * was called `state_cemetery_hash` and was never set.
 */
export interface TransactionInfoV0 extends Infer<typeof transactionInfoV0Fields> {}
export const TransactionInfoV0: Codec<TransactionInfoV0> = transactionInfoV0Fields;

/** A leaf of the ledger: hashes of all that belongs to one version (spec: aptos-types.md, section 6). */
export const TransactionInfo = enumeration('TransactionInfo', ['V0', TransactionInfoV0]);
export type TransactionInfo = Infer<typeof TransactionInfo>;
