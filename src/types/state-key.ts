import type { Infer } from '../bcs/codec.js';
import { byDialect, bytesHolding } from '../bcs/combinators.js';
import { enumeration, struct } from '../bcs/containers.js';
import { bytes } from '../bcs/primitives.js';
import { AccountAddress, ModuleId, TableHandle } from './basic.js';
import { StructTag } from './type-tag.js';

/** What the path of an access path holds, as BCS (spec: aptos-types.md, section 4). */
export const Path = enumeration(
  'Path',
  ['Code', ModuleId],
  ['Resource', StructTag],
  ['ResourceGroup', StructTag],
);
export type Path = Infer<typeof Path>;

/** The BCS of a `Path`, which was not looked at in mid-2023. */
const pathBytes = byDialect('bytes', bytesHolding(Path, 'path of an access path is none'), bytes);

/**
 * The key of a state item. The hash is not over these bytes but over `stateKeyPreimage` of them. `path`
 * is the BCS of a `Path`.
 */
export const StateKey = enumeration(
  'StateKey',
  ['AccessPath', struct('AccessPath', { address: AccountAddress, path: pathBytes })],
  ['TableItem', struct('TableItem', { handle: TableHandle, key: bytes })],
  ['Raw', bytes],
);
export type StateKey = Infer<typeof StateKey>;

/** Variants of `StateKey`, as the first byte of its BCS. */
export const STATE_KEY_ACCESS_PATH = 0;
export const STATE_KEY_TABLE_ITEM = 1;
export const STATE_KEY_RAW = 2;

const RAW_PREIMAGE_TAG = 0xff;
/** Up to here, a loop copies faster than a call. */
const SHORT_BYTES = 128;
/** Variant and table handle. */
const TABLE_ITEM_HEAD = 33;

/**
 * Writes what is hashed of the state key at `keyBytes[start..end]`, which must be its valid BCS, to
 * `out[outStart..]` and returns where that ends. It never takes more bytes than the key itself
 * (spec: formats.md, section 3: table keys and raw keys are hashed without their length).
 */
export function writeStateKeyPreimage(
  keyBytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  outStart: number,
): number {
  const kind = keyBytes[start];
  if (kind === STATE_KEY_ACCESS_PATH) return copySpan(keyBytes, start, end, out, outStart);
  const headEnd = start + (kind === STATE_KEY_TABLE_ITEM ? TABLE_ITEM_HEAD : 1);
  const tailStart = copySpan(keyBytes, start, headEnd, out, outStart);
  if (kind === STATE_KEY_RAW) out[outStart] = RAW_PREIMAGE_TAG;
  return copySpan(keyBytes, endOfLength(keyBytes, headEnd), end, out, tailStart);
}

/** Copies `source[start..end]` and returns where it ends; keys are short, for which a view costs more. */
function copySpan(source: Uint8Array, start: number, end: number, out: Uint8Array, outStart: number): number {
  const shift = outStart - start;
  if (end - start > SHORT_BYTES) out.set(source.subarray(start, end), outStart);
  else for (let index = start; index < end; index++) out[index + shift] = source[index] ?? 0;
  return end + shift;
}

/** Where the ULEB128 integer at `start` ends. */
function endOfLength(source: Uint8Array, start: number): number {
  let offset = start;
  while ((source[offset] ?? 0) >= 0x80) offset++;
  return offset + 1;
}

/**
 * What is hashed of a state key, given its valid BCS: the same view for an access path, a copy for the
 * other kinds (spec: formats.md, section 3).
 */
export function stateKeyPreimage(keyBytes: Uint8Array): Uint8Array {
  if (keyBytes[0] === STATE_KEY_ACCESS_PATH) return keyBytes;
  const out = new Uint8Array(keyBytes.length);
  return out.subarray(0, writeStateKeyPreimage(keyBytes, 0, keyBytes.length, out, 0));
}
