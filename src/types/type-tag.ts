import type { Codec } from '../bcs/codec.js';
import { boxed, lazy } from '../bcs/combinators.js';
import { enumeration, struct, vector } from '../bcs/containers.js';
import { u8 } from '../bcs/primitives.js';
import { AccountAddress, Identifier } from './basic.js';
import { DIALECT_2023 } from './ledger-family.js';

/** A Move type (spec: aptos-types.md, section 3). */
export type TypeTag =
  | { readonly variant: PrimitiveTypeTag }
  | { readonly variant: 'vector'; readonly value: TypeTag }
  | { readonly variant: 'struct'; readonly value: StructTag }
  | { readonly variant: 'Function'; readonly value: FunctionTag };

type PrimitiveTypeTag =
  | 'bool'
  | 'address'
  | 'signer'
  | `u${8 | 16 | 32 | 64 | 128 | 256}`
  | `i${8 | 16 | 32 | 64 | 128 | 256}`;

/** A struct type with its type arguments. */
export interface StructTag {
  readonly address: AccountAddress;
  readonly module: Identifier;
  readonly name: Identifier;
  readonly type_args: readonly TypeTag[];
}

/** A function type; `abilities` is a set of bits. */
export interface FunctionTag {
  readonly args: readonly FunctionParamOrReturnTag[];
  readonly results: readonly FunctionParamOrReturnTag[];
  readonly abilities: number;
}

export interface FunctionParamOrReturnTag {
  readonly variant: 'Reference' | 'MutableReference' | 'Value';
  readonly value: TypeTag;
}

/** Levels of vector elements, struct tags and function tags that may be nested. */
function nestingLimit(dialect: number): number {
  return dialect === DIALECT_2023 ? 9 : 8;
}

function level<T>(inner: Codec<T>): Codec<T> {
  return boxed(inner, nestingLimit, 'type tag nesting exceeded during deserialization');
}

const anyTypeTag: Codec<TypeTag> = lazy('TypeTag', () => TypeTag);

export const StructTag: Codec<StructTag> = struct('StructTag', {
  address: AccountAddress,
  module: Identifier,
  name: Identifier,
  type_args: vector(anyTypeTag),
});

export const FunctionParamOrReturnTag: Codec<FunctionParamOrReturnTag> = enumeration(
  'FunctionParamOrReturnTag',
  ['Reference', anyTypeTag],
  ['MutableReference', anyTypeTag],
  ['Value', anyTypeTag],
);

export const FunctionTag: Codec<FunctionTag> = struct('FunctionTag', {
  args: vector(FunctionParamOrReturnTag),
  results: vector(FunctionParamOrReturnTag),
  abilities: u8,
});

export const TypeTag: Codec<TypeTag> = enumeration(
  'TypeTag',
  ['bool', null],
  ['u8', null],
  ['u64', null],
  ['u128', null],
  ['address', null],
  ['signer', null],
  ['vector', level(anyTypeTag)],
  ['struct', level(StructTag)],
  ['u16', null],
  ['u32', null],
  ['u256', null],
  ['Function', level(FunctionTag)],
  ['i8', null],
  ['i16', null],
  ['i32', null],
  ['i64', null],
  ['i128', null],
  ['i256', null],
);
