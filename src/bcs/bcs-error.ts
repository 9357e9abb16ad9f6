import { HoldfastError } from '../errors/holdfast-error.js';

/** Why bytes are not the canonical encoding of a value (spec: formats.md, section 1). */
export type BcsErrorCode =
  /** The input ends inside a value. */
  | 'BCS_EOF'
  /** Bytes follow the value. */
  | 'BCS_REMAINING_INPUT'
  /** A boolean is neither 00 nor 01. */
  | 'BCS_EXPECTED_BOOLEAN'
  /** An option tag is neither 00 nor 01. */
  | 'BCS_EXPECTED_OPTION'
  /** A string is not UTF-8. */
  | 'BCS_UTF8'
  /** A ULEB128 integer has a superfluous last byte. */
  | 'BCS_NON_CANONICAL_ULEB128'
  /** A ULEB128 integer does not fit 32 bits. */
  | 'BCS_ULEB128_OVERFLOW'
  /** A length is above 2^31 - 1. */
  | 'BCS_EXCEEDED_MAX_LENGTH'
  /** More than 500 named containers are nested. */
  | 'BCS_EXCEEDED_DEPTH'
  /** The keys of a map are not strictly increasing. */
  | 'BCS_NON_CANONICAL_MAP'
  /** An enum has no such variant: very likely a newer writer. */
  | 'BCS_UNKNOWN_VARIANT'
  /** A rule of one type is broken: a bit vector too long, a type tag too deep, a path that is none. */
  | 'BCS_INVALID_VALUE';

/** A decoding failure; `offset` is absolute in the buffer that the reader was made over. */
export class BcsError extends HoldfastError<BcsErrorCode> {
  /** Where in the input the refused bytes begin. */
  readonly offset: number;
  #reason: string;
  #path: string[] = [];

  constructor(code: BcsErrorCode, reason: string, offset: number) {
    super(code, reason, { facts: { offset } });
    this.offset = offset;
    this.#reason = reason;
    this.message = `${reason} at byte ${offset}`;
  }

  /** The field that was being read, outermost first, such as `UserTransaction.raw_txn.payload`. */
  get path(): string {
    return this.#path.join('').replace(/^\./, '');
  }

  /** Called while the error travels outwards: `segment` is `.field` or `[index]`. */
  within(segment: string): this {
    this.#path.unshift(segment);
    this.message = `${this.#reason} at byte ${this.offset} (${this.path})`;
    return this;
  }
}
