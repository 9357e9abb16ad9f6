import assert from 'node:assert/strict';

/** Variants of a state key with 32 bytes, an address or a handle, before the length of the rest. */
const FIXED_PART_BYTES: readonly number[] = [32, 32, 0];

/**
 * Where the parts of a state record lie and what they count as in the state's usage (spec: aptosdb-schema.md,
 * section 4). For records that are known to be valid: lengths alone are read. One instance serves any number
 * of records; each call overwrites the fields.
 */
export class StateItemLayout {
  /** Where the state key ends and the state value begins. */
  valueStart = 0;
  /** Usage of the key: address or handle, and the bytes behind it without their length. */
  keySize = 0;
  /** Usage of the value: its data without metadata. */
  dataSize = 0;
  #offset = 0;

  read(bytes: Uint8Array, start: number, end: number): void {
    const fixedPart = FIXED_PART_BYTES[bytes[start] ?? -1];
    assert(fixedPart !== undefined, 'a state key of a known kind');
    this.#offset = start + 1 + fixedPart;
    const keyLength = this.#length(bytes);
    this.valueStart = this.#offset + keyLength;
    this.keySize = fixedPart + keyLength;
    this.#offset = this.valueStart + 1;
    this.dataSize = this.#length(bytes);
    assert(this.#offset + this.dataSize <= end, 'a whole state record');
  }

  /** ULEB128 below 2^31, which a valid record's lengths are. */
  #length(bytes: Uint8Array): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[this.#offset++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}
