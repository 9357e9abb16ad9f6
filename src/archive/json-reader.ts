import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { JsonError } from './json-error.js';
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  isDigit,
  JsonScanner,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
} from './json-scanner.js';

/** Fields that a struct has beside the known ones: their JSON as it stands, copied. */
export type JsonExtras = ReadonlyMap<string, Uint8Array>;

/** How each field of a struct is read, in the order in which an array would give them. */
export type FieldReaders = Readonly<Record<string, (reader: JsonReader) => unknown>>;

/** The values of a struct, and its other fields if there are any. */
export interface ReadStruct<Fields extends FieldReaders> {
  readonly fields: { readonly [Name in keyof Fields]: ReturnType<Fields[Name]> };
  readonly extras: JsonExtras | undefined;
}

const U64_MAX = 2n ** 64n - 1n;

/**
 * A pull reader of JSON bytes with the rules of the reference's library: integers are exact, a known
 * field comes once and must come, unknown ones are passed over, a struct may stand as an array in field
 * order, and nothing but white space follows the value (spec: backup-format.md, section 16). It builds
 * only what is asked for, so memory follows the known content. Stricter in one thing: also what is
 * passed over must be JSON in UTF-8.
 */
export class JsonReader extends JsonScanner {
  /** A whole number from 0 to 2^64 - 1: no sign, fraction, exponent or quotes. */
  u64(): bigint {
    const start = this.skipSpace();
    let end = start;
    while (isDigit(this.byteAt(end))) end++;
    const next = this.byteAt(end);
    const isWhole = end > start && next !== 0x2e && next !== 0x65 && next !== 0x45;
    if (!isWhole) {
      this.skip();
      this.fail('JSON_SHAPE', 'expected an integer from 0 to 2^64 - 1', start);
    }
    if (end - start > 1 && this.byteAt(start) === 0x30) this.fail('JSON_SYNTAX', 'invalid number', start);
    if (end - start > 20) this.fail('JSON_SHAPE', 'integer above 2^64 - 1', start);
    const value = BigInt(this.ascii(start, end));
    if (value > U64_MAX) this.fail('JSON_SHAPE', 'integer above 2^64 - 1', start);
    this.offset = end;
    return value;
  }

  text(): string {
    const start = this.skipSpace();
    if (this.byteAt(start) !== QUOTE) {
      this.skip();
      this.fail('JSON_SHAPE', 'expected a string', start);
    }
    return this.string();
  }

  /** 64 hex digits of either case, as 32 bytes of their own. */
  hash(): HashValue {
    const start = this.skipSpace();
    const text = this.text();
    if (!/^[0-9a-fA-F]{64}$/.test(text)) this.fail('JSON_SHAPE', 'expected a hash of 64 hex digits', start);
    const hash = new Uint8Array(HASH_SIZE);
    hash.set(Buffer.from(text, 'hex'));
    return hash;
  }

  /** Reads `null` as undefined. */
  nullable<Value>(read: (reader: JsonReader) => Value): Value | undefined {
    if (this.byteAt(this.skipSpace()) !== 0x6e) return read(this);
    this.literal('null');
    return undefined;
  }

  list<Item>(readItem: (reader: JsonReader) => Item): Item[] {
    const items: Item[] = [];
    this.open(OPEN_ARRAY, 'an array');
    while (this.more(CLOSE_ARRAY, items.length === 0)) {
      items.push(this.#within(`[${items.length}]`, readItem));
    }
    return items;
  }

  /** An object of any keys; the last of equal keys wins, in the place of the first. */
  map<Value>(readValue: (reader: JsonReader) => Value): Map<string, Value> {
    const map = new Map<string, Value>();
    let isFirst = true;
    this.open(OPEN_OBJECT, 'an object');
    while (this.more(CLOSE_OBJECT, isFirst)) {
      isFirst = false;
      const key = this.key();
      map.set(key, this.#within(`[${JSON.stringify(key)}]`, readValue));
    }
    return map;
  }

  /**
   * An object that has exactly one of the given keys, or none of `variants`' keys and then fails.
   * @returns what the variant's reader returns
   */
  variant<Value>(variants: Readonly<Record<string, (reader: JsonReader) => Value>>): Value {
    this.open(OPEN_OBJECT, 'an object with one key');
    if (!this.more(CLOSE_OBJECT, true)) this.fail('JSON_SHAPE', 'expected one key, got none');
    const start = this.offset;
    const key = this.key();
    const read = Object.hasOwn(variants, key) ? variants[key] : undefined;
    if (read === undefined)
      this.fail('JSON_SHAPE', `unknown kind ${JSON.stringify(key.slice(0, 80))}`, start);
    const value = this.#within(`.${key}`, read);
    if (this.more(CLOSE_OBJECT, false)) this.fail('JSON_SHAPE', 'a second key beside the kind');
    return value;
  }

  /** A struct; a field that `defaults` names may be missing and then has that value. */
  struct<Fields extends FieldReaders>(
    readers: Fields,
    defaults: { readonly [Name in keyof Fields]?: ReturnType<Fields[Name]> } = {},
  ): ReadStruct<Fields> {
    const start = this.skipSpace();
    const values = new Map<string, unknown>();
    const extras =
      this.byteAt(start) === OPEN_ARRAY
        ? this.#positionalFields(readers, values)
        : this.#namedFields(readers, values);
    for (const name of Object.keys(readers)) {
      if (values.has(name)) continue;
      if (!Object.hasOwn(defaults, name)) this.fail('JSON_SHAPE', `missing field ${name}`, start);
      values.set(name, defaults[name]);
    }
    // Every name of `readers` has got a value from its own reader or its default.
    return { fields: Object.fromEntries(values) as ReadStruct<Fields>['fields'], extras };
  }

  #positionalFields(readers: FieldReaders, values: Map<string, unknown>): undefined {
    this.open(OPEN_ARRAY, 'an array');
    let isFirst = true;
    for (const [name, read] of Object.entries(readers)) {
      if (!this.more(CLOSE_ARRAY, isFirst)) return undefined;
      isFirst = false;
      values.set(name, this.#within(`.${name}`, read));
    }
    if (this.more(CLOSE_ARRAY, false)) this.fail('JSON_SHAPE', 'more values than the struct has fields');
    return undefined;
  }

  #namedFields(readers: FieldReaders, values: Map<string, unknown>): JsonExtras | undefined {
    let extras: Map<string, Uint8Array> | undefined;
    let isFirst = true;
    this.open(OPEN_OBJECT, 'an object');
    while (this.more(CLOSE_OBJECT, isFirst)) {
      isFirst = false;
      const start = this.offset;
      const name = this.key();
      const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
      if (read === undefined) {
        extras ??= new Map();
        extras.set(
          name,
          this.#within(`.${name}`, (reader) => reader.skip().slice()),
        );
      } else {
        if (values.has(name)) this.fail('JSON_SHAPE', `duplicate field ${name}`, start);
        values.set(name, this.#within(`.${name}`, read));
      }
    }
    return extras;
  }

  #within<Value>(segment: string, read: (reader: JsonReader) => Value): Value {
    try {
      return read(this);
    } catch (error) {
      throw error instanceof JsonError ? error.within(segment) : error;
    }
  }
}

/**
 * Reads one JSON value that fills all of `bytes[start, end)`.
 * @throws JsonError
 */
export function readJson<Value>(
  bytes: Uint8Array,
  read: (reader: JsonReader) => Value,
  start = 0,
  end = bytes.length,
): Value {
  const reader = new JsonReader(bytes, start, end);
  const value = read(reader);
  reader.finish();
  return value;
}
