import { BcsError } from './bcs-error.js';
import type { BcsReader } from './bcs-reader.js';
import type { BcsWriter } from './bcs-writer.js';
import type { Codec, Infer } from './codec.js';

/** Adds where in the value an error arose, and throws it on. */
function rethrowWithin(error: unknown, segment: string): never {
  throw error instanceof BcsError ? error.within(segment) : error;
}

// The codec's type argument stands in both directions, so no other bound accepts every codec.
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnyCodec = Codec<any>;
type StructValue<F> = { readonly [K in keyof F]: Infer<F[K]> };

/** Runs of fields in which every byte string is valid become one step. */
type SkipStep = { readonly bytes: number } | { readonly codec: AnyCodec };

function skipPlan(codecs: readonly AnyCodec[]): readonly SkipStep[] {
  const steps: SkipStep[] = [];
  for (const codec of codecs) {
    const last = steps.at(-1);
    if (codec.anyBytes === undefined) steps.push({ codec });
    else if (last && 'bytes' in last) steps[steps.length - 1] = { bytes: last.bytes + codec.anyBytes };
    else steps.push({ bytes: codec.anyBytes });
  }
  return steps;
}

function runSkipPlan(steps: readonly SkipStep[], reader: BcsReader): void {
  for (const step of steps) {
    if ('bytes' in step) reader.advance(step.bytes);
    else step.codec.skip(reader);
  }
}

function totalSize(steps: readonly SkipStep[]): { readonly anyBytes?: number } {
  const [only, ...rest] = steps;
  return only && rest.length === 0 && 'bytes' in only ? { anyBytes: only.bytes } : {};
}

/** Fields in declaration order, nothing else. */
export function struct<const F extends Readonly<Record<string, AnyCodec>>>(
  name: string,
  fields: F,
): Codec<StructValue<F>> {
  const entries = Object.entries(fields) as [string, AnyCodec][];
  const steps = skipPlan(entries.map(([, codec]) => codec));
  return {
    name,
    ...totalSize(steps),
    read(reader) {
      reader.enter(name);
      const value: Record<string, unknown> = {};
      for (const [field, codec] of entries) {
        try {
          value[field] = codec.read(reader);
        } catch (error) {
          rethrowWithin(error, `.${field}`);
        }
      }
      reader.leave();
      return value as StructValue<F>;
    },
    write(writer, value) {
      writer.enter(name);
      for (const [field, codec] of entries) codec.write(writer, value[field]);
      writer.leave();
    },
    skip(reader) {
      reader.enter(name);
      runSkipPlan(steps, reader);
      reader.leave();
    },
  };
}

type TupleValue<C extends readonly AnyCodec[]> = { readonly [I in keyof C]: Infer<C[I]> };

/** Items without a length, not a named container. */
export function tuple<const C extends readonly AnyCodec[]>(...codecs: C): Codec<TupleValue<C>> {
  const steps = skipPlan(codecs);
  return {
    name: `(${codecs.map((codec) => codec.name).join(', ')})`,
    ...totalSize(steps),
    read(reader) {
      const items = codecs.map((codec, index) => {
        try {
          return codec.read(reader) as unknown;
        } catch (error) {
          return rethrowWithin(error, `.${index}`);
        }
      });
      return items as unknown as TupleValue<C>;
    },
    write: (writer, value) => codecs.forEach((codec, index) => void codec.write(writer, value[index])),
    skip: (reader) => runSkipPlan(steps, reader),
  };
}

/** A struct around one value: encodes as the value, but counts as a container. */
export function newtype<T>(name: string, inner: Codec<T>): Codec<T> {
  return {
    name,
    ...(inner.anyBytes === undefined ? {} : { anyBytes: inner.anyBytes }),
    read(reader) {
      reader.enter(name);
      const value = inner.read(reader);
      reader.leave();
      return value;
    },
    write(writer, value) {
      writer.enter(name);
      inner.write(writer, value);
      writer.leave();
    },
    skip(reader) {
      reader.enter(name);
      inner.skip(reader);
      reader.leave();
    },
  };
}

/** A variant by its name, with the codec of what follows the index, or null for nothing. */
export type VariantSpec = readonly [variant: string, payload: AnyCodec | null];

/** `{ variant }` for unit variants, `{ variant, value }` for the others. */
export type EnumValue<V extends readonly VariantSpec[]> = {
  readonly [I in keyof V]: V[I] extends readonly [infer N, null]
    ? { readonly variant: N }
    : V[I] extends readonly [infer N, Codec<infer T>]
      ? { readonly variant: N; readonly value: T }
      : never;
}[number];

/** A ULEB128 variant index, which is the position in `variants`, then the variant's payload. */
export function enumeration<const V extends readonly VariantSpec[]>(
  name: string,
  ...variants: V
): Codec<EnumValue<V>> {
  const indexOf = new Map(variants.map(([variant], index) => [variant, index]));
  const openVariant = (reader: BcsReader): VariantSpec => {
    const start = reader.offset;
    reader.enter(name);
    const index = reader.uleb128();
    return (
      variants[index] ??
      reader.fail(
        'BCS_UNKNOWN_VARIANT',
        `${name}: invalid value: integer \`${index}\`, expected variant index 0 <= i < ${variants.length}`,
        start,
      )
    );
  };
  return {
    name,
    read(reader) {
      const [variant, payload] = openVariant(reader);
      let value: unknown = { variant };
      if (payload) {
        try {
          value = { variant, value: payload.read(reader) };
        } catch (error) {
          rethrowWithin(error, `.${variant}`);
        }
      }
      reader.leave();
      return value as EnumValue<V>;
    },
    write(writer, value) {
      const index = indexOf.get(value.variant as string);
      const spec = index === undefined ? undefined : variants[index];
      if (index === undefined || spec === undefined) {
        throw new RangeError(`${name} has no variant ${String(value.variant)}`);
      }
      writer.enter(name);
      writer.uleb128(index);
      spec[1]?.write(writer, (value as { value?: unknown }).value);
      writer.leave();
    },
    skip(reader) {
      openVariant(reader)[1]?.skip(reader);
      reader.leave();
    },
  };
}

/** 00, or 01 and the value. */
export function option<T>(inner: Codec<T>): Codec<T | undefined> {
  return {
    name: `opt<${inner.name}>`,
    read: (reader) => (reader.optionTag() ? inner.read(reader) : undefined),
    write(writer, value) {
      writer.bool(value !== undefined);
      if (value !== undefined) inner.write(writer, value);
    },
    skip(reader) {
      if (reader.optionTag()) inner.skip(reader);
    },
  };
}

/** A count, then the items. Sets are vectors too: their order is not checked by the reference. */
export function vector<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    name: `vec<${item.name}>`,
    read(reader) {
      const count = reader.sequenceLength();
      const items: T[] = [];
      for (let index = 0; index < count; index++) {
        try {
          items.push(item.read(reader));
        } catch (error) {
          rethrowWithin(error, `[${index}]`);
        }
      }
      return items;
    },
    write(writer, value) {
      writer.sequenceLength(value.length);
      for (const one of value) item.write(writer, one);
    },
    skip(reader) {
      const count = reader.sequenceLength();
      if (item.anyBytes !== undefined) reader.advance(count * item.anyBytes);
      else for (let index = 0; index < count; index++) item.skip(reader);
    },
  };
}

function compareBytes(left: Uint8Array, right: Uint8Array): number {
  return Buffer.compare(left, right);
}

/**
 * A count, then key and value pairs, the keys strictly increasing by their bytes. The value is an array
 * of pairs, since keys may be structs; encoding sorts it and keeps the last of equal keys.
 */
export function map<K, V>(key: Codec<K>, value: Codec<V>): Codec<readonly (readonly [K, V])[]> {
  const eachEntry = (reader: BcsReader, visitKey: () => void, visitValue: () => void): void => {
    const count = reader.sequenceLength();
    let previous: Uint8Array | undefined;
    for (let index = 0; index < count; index++) {
      const start = reader.offset;
      try {
        visitKey();
        const keyBytes = reader.bytes.subarray(start, reader.offset);
        if (previous && compareBytes(previous, keyBytes) >= 0) {
          const reason = 'keys of serialized maps must be unique and in increasing order';
          reader.fail('BCS_NON_CANONICAL_MAP', reason, start);
        }
        previous = keyBytes;
        visitValue();
      } catch (error) {
        rethrowWithin(error, `[${index}]`);
      }
    }
  };
  return {
    name: `map<${key.name}, ${value.name}>`,
    read(reader) {
      const entries: (readonly [K, V])[] = [];
      let currentKey: K;
      eachEntry(
        reader,
        () => {
          currentKey = key.read(reader);
        },
        () => {
          entries.push([currentKey, value.read(reader)]);
        },
      );
      return entries;
    },
    write(writer, entries) {
      const encoded = entries.map(([k, v]) => encodeEntry(writer, key, value, k, v));
      encoded.sort((left, right) => compareBytes(left.key, right.key));
      const unique = encoded.filter((entry, index) => {
        const next = encoded[index + 1];
        return next === undefined || compareBytes(entry.key, next.key) !== 0;
      });
      writer.sequenceLength(unique.length);
      for (const entry of unique) {
        writer.raw(entry.key);
        writer.raw(entry.value);
      }
    },
    skip: (reader) =>
      eachEntry(
        reader,
        () => key.skip(reader),
        () => value.skip(reader),
      ),
  };
}

/** Uses the end of the writer as scratch space, so that container depth goes on counting. */
function encodeEntry<K, V>(
  writer: BcsWriter,
  key: Codec<K>,
  value: Codec<V>,
  k: K,
  v: V,
): { readonly key: Uint8Array; readonly value: Uint8Array } {
  const start = writer.length;
  key.write(writer, k);
  const middle = writer.length;
  value.write(writer, v);
  const entry = { key: writer.slice(start).subarray(0, middle - start), value: writer.slice(middle) };
  writer.truncate(start);
  return entry;
}
