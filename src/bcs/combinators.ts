import type { AnyCodec, Codec, Infer } from './codec.js';

/** Defers to a codec that is defined later: how recursive types refer to themselves. */
export function lazy<T>(name: string, resolve: () => Codec<T>): Codec<T> {
  return {
    name,
    shape: { kind: 'reference', resolve },
    read: (reader) => resolve().read(reader),
    write: (writer, value) => resolve().write(writer, value),
    skip: (reader) => resolve().skip(reader),
  };
}

/** One type with a layout per dialect; the index is the reader's or writer's `dialect`. */
export function byDialect<const C extends readonly AnyCodec[]>(
  name: string,
  ...layouts: C
): Codec<Infer<C[number]>> {
  const layoutOf = (dialect: number): AnyCodec => {
    const layout = layouts[dialect];
    if (!layout) throw new RangeError(`${name} has no layout for dialect ${dialect}`);
    return layout;
  };
  return {
    name,
    shape: { kind: 'dialects', layouts },
    read: (reader) => layoutOf(reader.dialect).read(reader),
    write: (writer, value) => layoutOf(writer.dialect).write(writer, value),
    skip: (reader) => layoutOf(reader.dialect).skip(reader),
  };
}

/** A level of a recursive type: at most `limit(dialect)` of them may be open at once. */
export function boxed<T>(inner: Codec<T>, limit: (dialect: number) => number, refusal: string): Codec<T> {
  return {
    name: inner.name,
    shape: { kind: 'level', inner, limit },
    read(reader) {
      if (reader.nesting >= limit(reader.dialect)) reader.fail('BCS_INVALID_VALUE', refusal);
      reader.nesting++;
      const value = inner.read(reader);
      reader.nesting--;
      return value;
    },
    write: (writer, value) => inner.write(writer, value),
    skip(reader) {
      if (reader.nesting >= limit(reader.dialect)) reader.fail('BCS_INVALID_VALUE', refusal);
      reader.nesting++;
      inner.skip(reader);
      reader.nesting--;
    },
  };
}

/** A further rule on bytes that a codec accepts: `inspect` sees the span and refuses by throwing. */
export function checkedSpan<T>(
  inner: Codec<T>,
  inspect: (bytes: Uint8Array, start: number, end: number, dialect: number) => void,
): Codec<T> {
  return {
    name: inner.name,
    read(reader) {
      const start = reader.offset;
      const value = inner.read(reader);
      inspect(reader.bytes, start, reader.offset, reader.dialect);
      return value;
    },
    write: (writer, value) => inner.write(writer, value),
    skip(reader) {
      const start = reader.offset;
      inner.skip(reader);
      inspect(reader.bytes, start, reader.offset, reader.dialect);
    },
  };
}

/**
 * Length-prefixed bytes that must be the BCS of one value of `codec`, and stay bytes. What is wrong inside is
 * `BCS_INVALID_VALUE`; its message begins with `refusal`.
 */
export function bytesHolding(codec: AnyCodec, refusal: string): Codec<Uint8Array> {
  return {
    name: 'bytes',
    shape: { kind: 'window', inner: codec },
    read(reader) {
      const start = reader.vectorOf(codec, refusal);
      return reader.bytes.subarray(start, reader.offset);
    },
    write: (writer, value) => writer.byteVector(value),
    skip: (reader) => void reader.vectorOf(codec, refusal),
  };
}
