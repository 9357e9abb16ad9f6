import assert from 'node:assert/strict';
import { BcsError } from '../bcs/bcs-error.js';
import { BcsReader } from '../bcs/bcs-reader.js';
import { decode } from '../bcs/codec.js';
import { StateKey } from './state-key.js';
import { StateRecord } from './state-record.js';
import { StateValue } from './state-value.js';

/**
 * Finds where key and value of a state record lie, and checks it exactly as strictly as decoding does,
 * without building it. One instance serves any number of records; each walk overwrites the fields, which
 * are absolute offsets in the walked bytes.
 */
export class StateRecordWalk {
  keyStart = 0;
  keyEnd = 0;
  /** The variant of the key: 0 access path, 1 table item, 2 raw. */
  keyKind = 0;
  valueStart = 0;
  valueEnd = 0;
  readonly #reader = new BcsReader(new Uint8Array());

  /**
   * Walks the record that fills `bytes[start..end]`.
   * @throws BcsError the one that decoding the record throws
   */
  walk(bytes: Uint8Array, start: number, end: number, dialect = 0): void {
    const reader = this.#reader;
    reader.restart(bytes, start, end, dialect);
    try {
      this.keyStart = start;
      StateKey.skip(reader);
      this.keyKind = bytes[start] ?? 0;
      this.keyEnd = reader.offset;
      this.valueStart = reader.offset;
      StateValue.skip(reader);
      this.valueEnd = reader.offset;
      reader.finish();
    } catch (error) {
      if (!(error instanceof BcsError)) throw error;
      // Skipping does not keep track of fields: decoding fails in the same way and says where.
      decode(StateRecord, bytes, { start, end, dialect });
      assert.fail(`the walk refused a record that decodes: ${error.message}`);
    }
  }
}
