import type { Codec, Infer } from '../bcs/codec.js';
import { byDialect } from '../bcs/combinators.js';
import { enumeration, option, struct, vector } from '../bcs/containers.js';
import { bytes, u64 } from '../bcs/primitives.js';
import { AccountAddress } from './basic.js';
import { EncryptedPayload } from './encrypted-payload.js';
import { EntryFunction, Script } from './script.js';
import { TransactionExecutable, TransactionExtraConfig } from './transaction-executable.js';

/** A list of modules in mid-2023; since then an empty shell with one integer. */
export const ModuleBundle = byDialect(
  'ModuleBundle',
  struct('DeprecatedPayload', { dummy_value: u64 }),
  struct('ModuleBundle', { codes: vector(struct('Module', { code: bytes })) }),
);
export type ModuleBundle = Infer<typeof ModuleBundle>;

export const MultisigTransactionPayload = enumeration(
  'MultisigTransactionPayload',
  ['EntryFunction', EntryFunction],
  ['Script', Script],
);
export type MultisigTransactionPayload = Infer<typeof MultisigTransactionPayload>;

const multisigFields = struct('Multisig', {
  multisig_address: AccountAddress,
  transaction_payload: option(MultisigTransactionPayload),
});
export interface Multisig extends Infer<typeof multisigFields> {}
export const Multisig: Codec<Multisig> = multisigFields;

export const TransactionPayloadInner = enumeration('TransactionPayloadInner', [
  'V1',
  struct('V1', { executable: TransactionExecutable, extra_config: TransactionExtraConfig }),
]);
export type TransactionPayloadInner = Infer<typeof TransactionPayloadInner>;

/** What a user asks for (spec: aptos-types.md, section 8). */
export const TransactionPayload = enumeration(
  'TransactionPayload',
  ['Script', Script],
  ['ModuleBundle', ModuleBundle],
  ['EntryFunction', EntryFunction],
  ['Multisig', Multisig],
  ['Payload', TransactionPayloadInner],
  ['EncryptedPayload', EncryptedPayload],
);
export type TransactionPayload = Infer<typeof TransactionPayload>;
