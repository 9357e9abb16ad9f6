import assert from 'node:assert/strict';
import { BcsError } from './bcs-error.js';
import type { BcsReader } from './bcs-reader.js';
import type { BcsWriter } from './bcs-writer.js';
import type { AnyCodec, Codec, Infer } from './codec.js';
import { compareSpans } from './compare-spans.js';

/** Adds where in the value an error arose, and throws it on. */
function rethrowWithin(error: unknown, segment: string): never {
  throw error instanceof BcsError ? error.within(segment) : error;
}

type StructValue<F> = { readonly [K in keyof F]: Infer<F[K]> };

/** A run of fields in which every byte string is valid is one step of `bytes` without a codec. */
interface SkipStep {
  readonly bytes: number;
  readonly codec: AnyCodec | undefined;
}

function skipPlan(codecs: readonly AnyCodec[]): readonly SkipStep[] {
  const steps: SkipStep[] = [];
  for (const codec of codecs) {
    const last = steps.at(-1);
    const { anyBytes } = codec;
    if (anyBytes === undefined) steps.push({ bytes: 0, codec });
    else if (last && !last.codec)
      steps[steps.length - 1] = { bytes: last.bytes + anyBytes, codec: undefined };
    else steps.push({ bytes: anyBytes, codec: undefined });
  }
  return steps;
}

function runSkipPlan(steps: readonly SkipStep[], reader: BcsReader): void {
  for (let index = 0; index < steps.length; index++) {
    const step = steps[index] as SkipStep;
    if (step.codec === undefined) reader.advance(step.bytes);
    else step.codec.skip(reader);
  }
}

function totalSize(steps: readonly SkipStep[]): { readonly anyBytes?: number } {
  const [only, ...rest] = steps;
  return only && rest.length === 0 && !only.codec ? { anyBytes: only.bytes } : {};
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
    shape: { kind: 'sequence', parts: Object.values(fields) },
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
    shape: { kind: 'sequence', parts: codecs },
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
    shape: { kind: 'sequence', parts: [inner] },
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
  const payloads = variants.map(([, payload]) => payload);
  const indexOf = new Map(variants.map(([variant], index) => [variant, index]));
  const openVariant = (reader: BcsReader): VariantSpec => {
    reader.enter(name);
    const spec = variants[reader.variantIndex(name, variants.length)];
    assert(spec);
    return spec;
  };
  return {
    name,
    shape: { kind: 'enumeration', payloads },
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
      reader.enter(name);
      payloads[reader.variantIndex(name, payloads.length)]?.skip(reader);
      reader.leave();
    },
  };
}

/** 00, or 01 and the value. */
export function option<T>(inner: Codec<T>): Codec<T | undefined> {
  return {
    name: `opt<${inner.name}>`,
    shape: { kind: 'option', inner },
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
    shape: { kind: 'vector', item },
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

/** Refuses a key, which ends where the reader stands, that is not above the one before it. */
function requireRisingKey(
  reader: BcsReader,
  previousStart: number,
  previousEnd: number,
  start: number,
): void {
  if (previousStart < 0) return;
  if (compareSpans(reader.bytes, previousStart, previousEnd, start, reader.offset) < 0) return;
  const reason = 'keys of serialized maps must be unique and in increasing order';
  reader.fail('BCS_NON_CANONICAL_MAP', reason, start);
}

/**
 * A count, then key and value pairs, the keys strictly increasing by their bytes. The value is an array
 * of pairs, since keys may be structs; encoding sorts it and keeps the first of equal keys.
 */
export function map<K, V>(key: Codec<K>, value: Codec<V>): Codec<readonly (readonly [K, V])[]> {
  return {
    name: `map<${key.name}, ${value.name}>`,
    shape: { kind: 'map', key, value },
    read(reader) {
      const entries: (readonly [K, V])[] = [];
      const count = reader.sequenceLength();
      let previousStart = -1;
      let previousEnd = -1;
      for (let index = 0; index < count; index++) {
        const start = reader.offset;
        try {
          const k = key.read(reader);
          requireRisingKey(reader, previousStart, previousEnd, start);
          previousStart = start;
          previousEnd = reader.offset;
          entries.push([k, value.read(reader)]);
        } catch (error) {
          rethrowWithin(error, `[${index}]`);
        }
      }
      return entries;
    },
    write(writer, entries) {
      const encoded = entries.map(([k, v]) => encodeEntry(writer, key, value, k, v));
      encoded.sort((left, right) => Buffer.compare(left.key, right.key));
      const unique = encoded.filter((entry, index) => {
        const before = encoded[index - 1];
        return before === undefined || Buffer.compare(entry.key, before.key) !== 0;
      });
      writer.sequenceLength(unique.length);
      for (const entry of unique) {
        writer.raw(entry.key);
        writer.raw(entry.value);
      }
    },
    skip(reader) {
      const count = reader.sequenceLength();
      let previousStart = -1;
      let previousEnd = -1;
      for (let index = 0; index < count; index++) {
        const start = reader.offset;
        key.skip(reader);
        requireRisingKey(reader, previousStart, previousEnd, start);
        previousStart = start;
        previousEnd = reader.offset;
        value.skip(reader);
      }
    },
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
