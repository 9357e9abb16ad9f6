import { JsonError, type JsonErrorCode } from './json-error.js';

/** What the reference's library allows in nested arrays and objects. */
const DEPTH_MAX = 127;

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

const NUMBER_PATTERN = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The tokens of JSON bytes, strictly; `JsonReader` makes values of them. */
export class JsonScanner {
  readonly bytes: Uint8Array;
  protected offset: number;
  #buffer: Buffer;
  #end: number;
  #depth = 0;

  /** Reads `bytes` from `start` to `end`; offsets of errors count from the beginning of `bytes`. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = start;
    this.#end = end;
  }

  fail(code: JsonErrorCode, reason: string, offset = this.offset): never {
    throw new JsonError(code, reason, offset);
  }

  /** Passes over one value of any type and returns its bytes as a view. */
  skip(): Uint8Array {
    const start = this.skipSpace();
    const byte = this.byteAt(start);
    if (byte === QUOTE) this.string();
    else if (byte === OPEN_OBJECT) this.#skipObject();
    else if (byte === OPEN_ARRAY) this.#skipArray();
    else if (byte === 0x74) this.literal('true');
    else if (byte === 0x66) this.literal('false');
    else if (byte === 0x6e) this.literal('null');
    else if (byte === 0x2d || isDigit(byte)) this.#number();
    else
      this.fail(
        'JSON_SYNTAX',
        byte === undefined ? 'the text ends where a value should be' : 'expected a value',
      );
    return this.bytes.subarray(start, this.offset);
  }

  /** Refuses anything but white space behind the value. */
  finish(): void {
    if (this.skipSpace() < this.#end) this.fail('JSON_SYNTAX', 'something follows the value');
  }

  #skipObject(): void {
    let isFirst = true;
    this.open(OPEN_OBJECT, 'an object');
    while (this.more(CLOSE_OBJECT, isFirst)) {
      isFirst = false;
      this.key();
      this.skip();
    }
  }

  #skipArray(): void {
    let isFirst = true;
    this.open(OPEN_ARRAY, 'an array');
    while (this.more(CLOSE_ARRAY, isFirst)) {
      isFirst = false;
      this.skip();
    }
  }

  /** ASCII text of the input. */
  protected ascii(start: number, end: number): string {
    return this.#buffer.toString('latin1', start, end);
  }

  protected byteAt(offset: number): number | undefined {
    return offset < this.#end ? this.bytes[offset] : undefined;
  }

  protected skipSpace(): number {
    for (;;) {
      const byte = this.byteAt(this.offset);
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return this.offset;
      this.offset++;
    }
  }

  protected open(bracket: number, what: string): void {
    const start = this.skipSpace();
    if (this.byteAt(start) !== bracket) {
      this.skip();
      this.fail('JSON_SHAPE', `expected ${what}`, start);
    }
    if (++this.#depth > DEPTH_MAX) this.fail('JSON_SYNTAX', `more than ${DEPTH_MAX} levels are nested`);
    this.offset++;
  }

  /** Steps to the next item of an array or object, over the comma; false, and behind it, at the end. */
  protected more(closing: number, isFirst: boolean): boolean {
    const byte = this.byteAt(this.skipSpace());
    if (byte === closing) {
      this.offset++;
      this.#depth--;
      return false;
    }
    if (byte === undefined) this.fail('JSON_SYNTAX', 'the text ends inside of an array or object');
    if (isFirst) return true;
    if (byte !== COMMA) this.fail('JSON_SYNTAX', 'expected a comma or the end of the array or object');
    this.offset++;
    if (this.byteAt(this.skipSpace()) === closing) this.fail('JSON_SYNTAX', 'a comma before the end');
    return true;
  }

  protected key(): string {
    if (this.byteAt(this.skipSpace()) !== QUOTE) this.fail('JSON_SYNTAX', 'expected a key in quotes');
    const key = this.string();
    if (this.byteAt(this.skipSpace()) !== COLON) this.fail('JSON_SYNTAX', 'expected a colon');
    this.offset++;
    return key;
  }

  protected literal(text: string): void {
    const end = this.offset + text.length;
    if (end > this.#end || this.ascii(this.offset, end) !== text) {
      this.fail('JSON_SYNTAX', 'expected a value');
    }
    this.offset = end;
  }

  #number(): void {
    let end = this.offset;
    while (isNumberByte(this.byteAt(end))) end++;
    const text = this.ascii(this.offset, end);
    NUMBER_PATTERN.lastIndex = 0;
    if (NUMBER_PATTERN.exec(text)?.[0].length !== text.length) this.fail('JSON_SYNTAX', 'invalid number');
    this.offset = end;
  }

  protected string(): string {
    const start = this.offset;
    let offset = start + 1;
    let isPlain = true;
    for (;;) {
      const byte = this.byteAt(offset);
      if (byte === undefined) this.fail('JSON_SYNTAX', 'the text ends inside of a string', start);
      if (byte === QUOTE) break;
      if (byte < 0x20) this.fail('JSON_SYNTAX', 'a control character inside of a string', offset);
      if (byte === BACKSLASH) offset++;
      if (byte === BACKSLASH || byte >= 0x80) isPlain = false;
      offset++;
    }
    this.offset = offset + 1;
    return isPlain ? this.ascii(start + 1, offset) : this.#unescape(this.#decode(start + 1, offset), start);
  }

  #decode(start: number, end: number): string {
    try {
      return utf8.decode(this.bytes.subarray(start, end));
    } catch {
      // The decoder says nothing more than that.
      return this.fail('JSON_SYNTAX', 'a string is not UTF-8', start);
    }
  }

  #unescape(text: string, start: number): string {
    const plain = text.replace(
      /\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g,
      (_whole, hex?: string, letter?: string) => {
        if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
        return ESCAPES[letter ?? ''] ?? this.fail('JSON_SYNTAX', 'invalid escape in a string', start);
      },
    );
    if (/\p{Surrogate}/u.test(plain)) this.fail('JSON_SYNTAX', 'half a surrogate pair in a string', start);
    return plain;
  }
}

export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isNumberByte(byte: number | undefined): boolean {
  return isDigit(byte) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x65 || byte === 0x45;
}
