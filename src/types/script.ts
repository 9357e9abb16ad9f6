import type { Codec, Infer } from '../bcs/codec.js';
import { enumeration, struct, vector } from '../bcs/containers.js';
import {
  bool,
  bytes,
  i8,
  i16,
  i32,
  i64,
  i128,
  i256,
  u8,
  u16,
  u32,
  u64,
  u128,
  u256,
} from '../bcs/primitives.js';
import { AccountAddress, Identifier, ModuleId } from './basic.js';
import { TypeTag } from './type-tag.js';

/** An argument of a script (spec: aptos-types.md, section 8). */
export const TransactionArgument = enumeration(
  'TransactionArgument',
  ['U8', u8],
  ['U64', u64],
  ['U128', u128],
  ['Address', AccountAddress],
  ['U8Vector', bytes],
  ['Bool', bool],
  ['U16', u16],
  ['U32', u32],
  ['U256', u256],
  ['Serialized', bytes],
  ['I8', i8],
  ['I16', i16],
  ['I32', i32],
  ['I64', i64],
  ['I128', i128],
  ['I256', i256],
);
export type TransactionArgument = Infer<typeof TransactionArgument>;

const scriptFields = struct('Script', {
  code: bytes,
  ty_args: vector(TypeTag),
  args: vector(TransactionArgument),
});
/** Move bytecode with its arguments. */
export interface Script extends Infer<typeof scriptFields> {}
export const Script: Codec<Script> = scriptFields;

const entryFunctionFields = struct('EntryFunction', {
  module: ModuleId,
  function: Identifier,
  ty_args: vector(TypeTag),
  args: vector(bytes),
});
/** A call of a published function; each argument is the BCS of its value. */
export interface EntryFunction extends Infer<typeof entryFunctionFields> {}
export const EntryFunction: Codec<EntryFunction> = entryFunctionFields;
