import { type Codec, encode } from '../bcs/codec.js';
import { AUXILIARY_INFO_V1, PersistedAuxiliaryInfo } from './auxiliary-info.js';
import type { HashValue } from './basic.js';
import { committedTransactionBytes } from './committed-transaction.js';
import { ContractEvent } from './contract-event.js';
import type { LedgerHashers } from './ledger-family.js';
import { LedgerInfo } from './ledger-info.js';
import { StateKey, stateKeyPreimage } from './state-key.js';
import { StateValue } from './state-value.js';
import { Transaction } from './transaction.js';
import { TransactionInfo } from './transaction-info.js';
import { WriteSet } from './write-set.js';

// Every function takes a value or its BCS as it was received; the bytes must be valid. The hash is a new
// array (spec: formats.md, section 3).

function bytesOf<T extends object>(
  hashers: LedgerHashers,
  codec: Codec<T>,
  value: T | Uint8Array,
): Uint8Array {
  return value instanceof Uint8Array ? value : encode(codec, value, { dialect: hashers.family.dialect });
}

/** The place of a state item in the tree: over its key's preimage, not its BCS (see `StateKey`). */
export function hashStateKey(hashers: LedgerHashers, key: StateKey | Uint8Array): HashValue {
  return hashers.stateKey.hash(stateKeyPreimage(bytesOf(hashers, StateKey, key)));
}

/** What a leaf of the state tree holds of a value. */
export function hashStateValue(hashers: LedgerHashers, value: StateValue | Uint8Array): HashValue {
  return hashers.stateValue.hash(bytesOf(hashers, StateValue, value));
}

/** The hash under which a transaction is committed: of its encrypted form if it has one. */
export function hashTransaction(hashers: LedgerHashers, transaction: Transaction | Uint8Array): HashValue {
  const received = bytesOf(hashers, Transaction, transaction);
  return hashers.transaction.hash(committedTransactionBytes(received, hashers.family.dialect));
}

/** A leaf of the transaction accumulator. */
export function hashTransactionInfo(hashers: LedgerHashers, info: TransactionInfo | Uint8Array): HashValue {
  return hashers.transactionInfo.hash(bytesOf(hashers, TransactionInfo, info));
}

/** A leaf of the event accumulator. */
export function hashEvent(hashers: LedgerHashers, event: ContractEvent | Uint8Array): HashValue {
  return hashers.contractEvent.hash(bytesOf(hashers, ContractEvent, event));
}

/** What `state_change_hash` holds. */
export function hashWriteSet(hashers: LedgerHashers, writeSet: WriteSet | Uint8Array): HashValue {
  return hashers.writeSet.hash(bytesOf(hashers, WriteSet, writeSet));
}

/** What `auxiliary_info_hash` holds: undefined unless the variant is V1. */
export function hashAuxiliaryInfo(
  hashers: LedgerHashers,
  auxiliaryInfo: PersistedAuxiliaryInfo | Uint8Array,
): HashValue | undefined {
  const received = bytesOf(hashers, PersistedAuxiliaryInfo, auxiliaryInfo);
  return received[0] === AUXILIARY_INFO_V1 ? hashers.auxiliaryInfo.hash(received) : undefined;
}

/** The hash of a ledger info itself; a waypoint hashes other fields (see `waypointOf`). */
export function hashLedgerInfo(hashers: LedgerHashers, ledgerInfo: LedgerInfo | Uint8Array): HashValue {
  return hashers.ledgerInfo.hash(bytesOf(hashers, LedgerInfo, ledgerInfo));
}
