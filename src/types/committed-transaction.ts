import { BcsReader } from '../bcs/bcs-reader.js';
import { EncryptedInner, EncryptedPayload } from './encrypted-payload.js';

/** Where a user transaction names its payload's variant: behind its own, sender and sequence number. */
const PAYLOAD_AT = 1 + 32 + 8;
const ENCRYPTED_AT = PAYLOAD_AT + 1;
const USER_TRANSACTION = 0;
const ENCRYPTED_PAYLOAD = 5;
const FAILED_DECRYPTION = 1;
const DECRYPTED = 2;

/**
 * Where an encrypted payload lies that validators tried to open; absolute offsets. The hash of its
 * transaction is over the transaction with `start..end` replaced by 00 and the bytes
 * `originalStart..originalEnd` (spec: formats.md, section 3, case 1).
 */
export interface OpenedPayload {
  start: number;
  end: number;
  originalStart: number;
  originalEnd: number;
}

/**
 * Looks at the valid BCS of a transaction from `start` on; when it has such a payload, fills `found` and
 * returns true. Moves `reader` about and leaves it anywhere.
 */
export function locateOpenedPayload(reader: BcsReader, start: number, found: OpenedPayload): boolean {
  const { bytes } = reader;
  if (bytes[start] !== USER_TRANSACTION || bytes[start + PAYLOAD_AT] !== ENCRYPTED_PAYLOAD) return false;
  const state = bytes[start + ENCRYPTED_AT];
  if (state !== FAILED_DECRYPTION && state !== DECRYPTED) return false;
  found.start = start + ENCRYPTED_AT;
  reader.offset = found.start;
  EncryptedPayload.skip(reader);
  found.end = reader.offset;
  found.originalStart = found.start + 1;
  reader.offset = found.originalStart;
  EncryptedInner.skip(reader);
  found.originalEnd = reader.offset;
  return true;
}

/**
 * The bytes that the hash of a transaction is over: the given ones (the same view), or a copy with the
 * payload as its sender encrypted it. `bytes` must be the valid BCS of a `Transaction`.
 */
export function committedTransactionBytes(bytes: Uint8Array, dialect = 0): Uint8Array {
  const found = { start: 0, end: 0, originalStart: 0, originalEnd: 0 };
  if (!locateOpenedPayload(new BcsReader(bytes, { dialect }), 0, found)) return bytes;
  const originalLength = found.originalEnd - found.originalStart;
  const out = new Uint8Array(bytes.length - (found.end - found.start) + 1 + originalLength);
  out.set(bytes.subarray(0, found.start), 0);
  out.set(bytes.subarray(found.originalStart, found.originalEnd), found.start + 1);
  out.set(bytes.subarray(found.end), found.start + 1 + originalLength);
  return out;
}
