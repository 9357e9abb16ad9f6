import { HoldfastError } from '../errors/holdfast-error.js';

/** Why a text is not the JSON that was expected. */
export type JsonErrorCode =
  /** The bytes are no JSON value, or more than one. */
  | 'JSON_SYNTAX'
  /** It is JSON, but a field is missing, given twice or of another type. */
  | 'JSON_SHAPE';

/** A refused JSON text; `offset` counts bytes, `path` is such as `chunks[3].first_idx`. */
export class JsonError extends HoldfastError<JsonErrorCode> {
  readonly offset: number;
  #reason: string;
  #path: string[] = [];

  constructor(code: JsonErrorCode, reason: string, offset: number) {
    super(code, `${reason} at byte ${offset}`, { facts: { offset } });
    this.offset = offset;
    this.#reason = reason;
  }

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
