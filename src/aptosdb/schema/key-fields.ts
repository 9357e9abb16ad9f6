import { AccountAddress } from '../../types/basic.js';
import type { EventKey } from '../../types/contract-event.js';
import { type ByteCodec, requireByteLength } from './byte-codec.js';

/** A part of a key with a fixed size. `read` may return a view. */
export interface KeyField<T> {
  readonly size: number;
  read(view: DataView, offset: number): T;
  write(view: DataView, offset: number, value: T): void;
}

const U64_MAX = 2n ** 64n - 1n;

function requireU64(value: bigint): bigint {
  if (value < 0n || value > U64_MAX) throw new RangeError(`${value} does not fit u64`);
  return value;
}

/** Ascending in byte order: keys are big-endian where BCS is little-endian. */
export const u64be: KeyField<bigint> = {
  size: 8,
  read: (view, offset) => view.getBigUint64(offset),
  write: (view, offset, value) => view.setBigUint64(offset, requireU64(value)),
};

/** Descending in byte order: every bit is turned over, so the newest version comes first. */
export const newestFirst: KeyField<bigint> = {
  size: 8,
  read: (view, offset) => U64_MAX - view.getBigUint64(offset),
  write: (view, offset, value) => view.setBigUint64(offset, U64_MAX - requireU64(value)),
};

function bytesOf(view: DataView, offset: number, size: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, size);
}

function fixedBytes(size: number): KeyField<Uint8Array> {
  return {
    size,
    read: (view, offset) => bytesOf(view, offset, size),
    write(view, offset, value) {
      if (value.length !== size) throw new RangeError(`${value.length} bytes where ${size} belong`);
      bytesOf(view, offset, size).set(value);
    },
  };
}

/** 32 bytes: a hash or an address. */
export const bytes32 = fixedBytes(AccountAddress.anyBytes ?? 32);

/** BCS inside a key, hence the little-endian number. */
export const eventKey: KeyField<EventKey> = {
  size: 40,
  read: (view, offset) => ({
    creation_number: view.getBigUint64(offset, true),
    account_address: bytes32.read(view, offset + 8),
  }),
  write(view, offset, value) {
    view.setBigUint64(offset, requireU64(value.creation_number), true);
    bytes32.write(view, offset + 8, value.account_address);
  },
};

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A key or value that is one field. */
export function single<T>(field: KeyField<T>): ByteCodec<T> {
  return {
    encode(value) {
      const bytes = new Uint8Array(field.size);
      field.write(viewOf(bytes), 0, value);
      return bytes;
    },
    decode(bytes) {
      requireByteLength(bytes, field.size);
      return field.read(viewOf(bytes), 0);
    },
  };
}

type FieldsValue<F> = { readonly [N in keyof F]: F[N] extends KeyField<infer T> ? T : never };
// biome-ignore lint/suspicious/noExplicitAny: no narrower bound accepts every field
type AnyField = KeyField<any>;

/** Fields one behind the other, in declaration order. */
export function composite<const F extends Readonly<Record<string, AnyField>>>(
  fields: F,
): ByteCodec<FieldsValue<F>> {
  const entries = Object.entries(fields) as [string, AnyField][];
  const size = entries.reduce((sum, [, field]) => sum + field.size, 0);
  return {
    encode(value) {
      const bytes = new Uint8Array(size);
      const view = viewOf(bytes);
      let offset = 0;
      for (const [name, field] of entries) {
        field.write(view, offset, value[name]);
        offset += field.size;
      }
      return bytes;
    },
    decode(bytes) {
      requireByteLength(bytes, size);
      const view = viewOf(bytes);
      const value: Record<string, unknown> = {};
      let offset = 0;
      for (const [name, field] of entries) {
        value[name] = field.read(view, offset);
        offset += field.size;
      }
      return value as FieldsValue<F>;
    },
  };
}
