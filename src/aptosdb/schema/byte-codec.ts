import { BcsError } from '../../bcs/bcs-error.js';
import { type Codec, decode, encode } from '../../bcs/codec.js';
import { HASH_SIZE, type HashValue } from '../../hashing/hash-value.js';
import { DatabaseError } from '../driver/database-error.js';

/**
 * The bytes of a key or of a value. `decode` accepts only what `encode` gives, and throws `DatabaseError`
 * DB_ROW_INVALID for anything else; what it returns may hold views of its input.
 */
export interface ByteCodec<T> {
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

/** @throws DatabaseError DB_ROW_INVALID */
export function refuseBytes(reason: string, bytes: Uint8Array, cause?: unknown): never {
  throw new DatabaseError('DB_ROW_INVALID', reason, { cause, facts: { byteLength: bytes.length } });
}

export function requireByteLength(bytes: Uint8Array, expected: number): void {
  if (bytes.length !== expected) refuseBytes(`${bytes.length} bytes where ${expected} belong`, bytes);
}

/** One BCS value and nothing behind it. */
export function bcs<T>(codec: Codec<T>): ByteCodec<T> {
  return {
    encode: (value) => encode(codec, value),
    decode(bytes) {
      try {
        return decode(codec, bytes);
      } catch (error) {
        if (!(error instanceof BcsError)) throw error;
        return refuseBytes(`no ${codec.name}: ${error.message}`, bytes, error);
      }
    },
  };
}

/** A hash as it is. */
export const hashBytes: ByteCodec<HashValue> = {
  encode(hash) {
    requireByteLength(hash, HASH_SIZE);
    return hash;
  },
  decode(bytes) {
    requireByteLength(bytes, HASH_SIZE);
    return bytes;
  },
};

const NO_BYTES = new Uint8Array(0);

/** Values of index rows, whose keys say everything. */
export const noBytes: ByteCodec<undefined> = {
  encode: () => NO_BYTES,
  decode(bytes) {
    requireByteLength(bytes, 0);
    return undefined;
  },
};

/** Bytes of a column family in which no row has ever been seen. */
export const opaqueBytes: ByteCodec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };
