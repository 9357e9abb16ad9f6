import type { Infer } from '../bcs/codec.js';
import { enumeration, struct } from '../bcs/containers.js';
import { bytes, u64 } from '../bcs/primitives.js';
import { AccountAddress } from './basic.js';
import { TypeTag } from './type-tag.js';

/** The stream that an event of the first kind belongs to. */
export const EventKey = struct('EventKey', { creation_number: u64, account_address: AccountAddress });
export type EventKey = Infer<typeof EventKey>;

/** What a transaction emitted (spec: aptos-types.md, section 7). */
export const ContractEvent = enumeration(
  'ContractEvent',
  ['V1', struct('V1', { key: EventKey, sequence_number: u64, type_tag: TypeTag, event_data: bytes })],
  ['V2', struct('V2', { type_tag: TypeTag, event_data: bytes })],
);
export type ContractEvent = Infer<typeof ContractEvent>;
