import { BcsReader, type BcsReaderOptions } from './bcs-reader.js';
import { BcsWriter } from './bcs-writer.js';

/** What the bytes of a type look like; codecs stand for their own shapes. */
export type Shape =
  | { readonly kind: 'bool' }
  /** Length-prefixed bytes, at most `max` of them where it is given. */
  | { readonly kind: 'bytes'; readonly max?: number }
  /** Length-prefixed UTF-8. */
  | { readonly kind: 'text' }
  /** One behind the other. */
  | { readonly kind: 'sequence'; readonly parts: readonly AnyCodec[] }
  /** A variant index, then what stands at that index. */
  | { readonly kind: 'enumeration'; readonly payloads: readonly (AnyCodec | null)[] }
  | { readonly kind: 'option'; readonly inner: AnyCodec }
  | { readonly kind: 'vector'; readonly item: AnyCodec }
  /** Keys rise. */
  | { readonly kind: 'map'; readonly key: AnyCodec; readonly value: AnyCodec }
  /** Length-prefixed bytes that hold one value and nothing else. */
  | { readonly kind: 'window'; readonly inner: AnyCodec }
  | { readonly kind: 'dialects'; readonly layouts: readonly AnyCodec[] }
  /** A type that may contain itself. */
  | { readonly kind: 'reference'; readonly resolve: () => AnyCodec }
  /** At most so many may be open at once. */
  | { readonly kind: 'level'; readonly inner: AnyCodec; readonly limit: (dialect: number) => number };

/**
 * How one type is read, written and stepped over. `skip` accepts exactly the bytes that `read` accepts
 * and ends at the same place, but builds nothing: it is how verification finds where a value ends.
 */
export interface Codec<T> {
  /** The type's name in errors: the serde name for structs and enums. */
  readonly name: string;
  /** Set when *every* string of this many bytes is a value: runs of such fields are one step. */
  readonly anyBytes?: number;
  /** What `skip` accepts, for programs made of it; a codec with rules of its own has none. */
  readonly shape?: Shape;
  read(reader: BcsReader): T;
  write(writer: BcsWriter, value: T): void;
  skip(reader: BcsReader): void;
}

/** Accepts every codec: no narrower bound does, since the type argument stands in both directions. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyCodec = Codec<any>;

/** The TypeScript type that a codec reads and writes. */
export type Infer<C> = C extends Codec<infer T> ? T : never;

/** Decodes one value that fills the buffer (or the window of it that `options` names). Throws `BcsError`. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array, options?: BcsReaderOptions): T {
  const reader = new BcsReader(bytes, options);
  const value = codec.read(reader);
  reader.finish();
  return value;
}

/** Encodes one value. Throws `RangeError` for values that the type cannot hold. */
export function encode<T>(codec: Codec<T>, value: T, options?: { readonly dialect?: number }): Uint8Array {
  const writer = new BcsWriter(options);
  codec.write(writer, value);
  return writer.toBytes();
}

/** Checks that one value fills the buffer, without building it. Throws `BcsError` (without a field path). */
export function check<T>(codec: Codec<T>, bytes: Uint8Array, options?: BcsReaderOptions): void {
  const reader = new BcsReader(bytes, options);
  codec.skip(reader);
  reader.finish();
}
