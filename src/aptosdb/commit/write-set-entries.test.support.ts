import { BcsReader } from '../../bcs/bcs-reader.js';
import type { HashValue } from '../../hashing/hash-value.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import { StateKey, stateKeyPreimage } from '../../types/state-key.js';
import { WriteOp } from '../../types/write-set.js';

/** What a transaction does to one state item. */
export interface WriteSetEntry {
  readonly keyHash: HashValue;
  /** The BCS of the StateKey, a view. */
  readonly stateKey: Uint8Array;
  /** The BCS of the StateValue that the item has afterwards; undefined when it is gone. */
  readonly stateValue: Uint8Array | undefined;
  /** What the key counts as in the state's usage. */
  readonly keyBytes: number;
}

/** Variants of a write op whose value has metadata begin here; 2 and 5 delete. */
const FIRST_WITH_METADATA = 3;
const DELETION = 2;
const DELETION_WITH_METADATA = 5;

/** Variant, and the address or handle of access paths and table items. */
const KEY_HEADS: readonly number[] = [33, 33, 1];

/**
 * What a state key counts as in the state's usage: address or handle, and the bytes behind it without their
 * length (spec: aptosdb-schema.md, section 4).
 */
function stateKeySize(stateKey: Uint8Array): number {
  const head = KEY_HEADS[stateKey[0] ?? 0] ?? 1;
  return head - 1 + new BcsReader(stateKey, { start: head }).sequenceLength();
}

/** The entries of a write set, given its valid BCS, in its order. */
export function writeSetEntries(hashers: LedgerHashers, writeSet: Uint8Array): WriteSetEntry[] {
  const reader = new BcsReader(writeSet, { start: 1, dialect: hashers.family.dialect });
  const entries: WriteSetEntry[] = [];
  for (let left = reader.sequenceLength(); left > 0; left--) {
    const keyStart = reader.offset;
    StateKey.skip(reader);
    const stateKey = writeSet.subarray(keyStart, reader.offset);
    const opStart = reader.offset;
    WriteOp.skip(reader);
    const stateValue = stateValueOf(writeSet.subarray(opStart, reader.offset));
    const keyHash = hashers.stateKey.hash(stateKeyPreimage(stateKey));
    entries.push({ keyHash, stateKey, stateValue, keyBytes: stateKeySize(stateKey) });
  }
  return entries;
}

/** Operation and state value differ in nothing but their variant. */
function stateValueOf(op: Uint8Array): Uint8Array | undefined {
  const variant = op[0] ?? DELETION;
  if (variant === DELETION || variant === DELETION_WITH_METADATA) return undefined;
  const value = op.slice();
  value[0] = variant >= FIRST_WITH_METADATA ? 1 : 0;
  return value;
}
