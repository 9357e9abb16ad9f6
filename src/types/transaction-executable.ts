import type { Infer } from '../bcs/codec.js';
import { enumeration, option, struct } from '../bcs/containers.js';
import { u64 } from '../bcs/primitives.js';
import { AccountAddress } from './basic.js';
import { EntryFunction, Script } from './script.js';

/** What a transaction runs (spec: aptos-types.md, section 8). */
export const TransactionExecutable = enumeration(
  'TransactionExecutable',
  ['Script', Script],
  ['EntryFunction', EntryFunction],
  ['Empty', null],
  ['Encrypted', null],
);
export type TransactionExecutable = Infer<typeof TransactionExecutable>;

/** Limits above the usual ones, in basis points. */
export const RequestedMultipliers = enumeration('RequestedMultipliers', [
  'V1',
  struct('V1', { execution_bps: u64, io_bps: u64 }),
]);
export type RequestedMultipliers = Infer<typeof RequestedMultipliers>;

const poolRequest = { pool_address: AccountAddress, multipliers: RequestedMultipliers };

export const UserTxnLimitsRequest = enumeration(
  'UserTxnLimitsRequest',
  ['StakePoolOwner', struct('StakePoolOwner', { multipliers: RequestedMultipliers })],
  ['DelegatedVoter', struct('DelegatedVoter', poolRequest)],
  ['DelegationPoolDelegator', struct('DelegationPoolDelegator', poolRequest)],
);
export type UserTxnLimitsRequest = Infer<typeof UserTxnLimitsRequest>;

const extraConfigV1 = { multisig_address: option(AccountAddress), replay_protection_nonce: option(u64) };

export const TransactionExtraConfig = enumeration(
  'TransactionExtraConfig',
  ['V1', struct('V1', extraConfigV1)],
  ['V2', struct('V2', { ...extraConfigV1, txn_limits_request: option(UserTxnLimitsRequest) })],
);
export type TransactionExtraConfig = Infer<typeof TransactionExtraConfig>;
