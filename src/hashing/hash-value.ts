import { HoldfastError } from '../errors/holdfast-error.js';

/** 32 bytes. All hashes of the ledger are SHA3-256; file digests are SHA-256. */
export type HashValue = Uint8Array;

/** Bytes of a hash. */
export const HASH_SIZE = 32;

/** A text that should be a hash is none. */
export class HashTextError extends HoldfastError<'HASH_TEXT_INVALID'> {}

/**
 * Reads 64 hex digits of either case, without `0x` (spec: formats.md, section 2).
 * @throws HashTextError HASH_TEXT_INVALID
 */
export function hashFromHex(text: string): HashValue {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) {
    throw new HashTextError(
      'HASH_TEXT_INVALID',
      `not a hash of 64 hex digits: ${JSON.stringify(text.slice(0, 80))}`,
    );
  }
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** Lower-case hex of any bytes, without `0x`. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Whether two arrays have the same length and bytes; takes no care to do so in constant time. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
