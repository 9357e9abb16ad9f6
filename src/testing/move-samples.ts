import type { ModuleId } from '../types/basic.js';
import type { EntryFunction, Script, TransactionArgument } from '../types/script.js';
import type { FunctionParamOrReturnTag, StructTag, TypeTag } from '../types/type-tag.js';
import { Deck, type SeededRandom } from './seeded-random.js';

/** The account `0x1`, where the framework lives. */
export const FRAMEWORK_ADDRESS: Uint8Array = Uint8Array.of(...new Uint8Array(31), 1);

const MODULES = [
  'coin',
  'account',
  'object',
  'stake',
  'fungible_asset',
  'aptos_governance',
  'vault',
  'Ünïcode',
];
const STRUCTS = ['CoinStore', 'Account', 'ObjectCore', 'Balance', 'Deposit', 'Metadata', 'Pool'];
const FUNCTIONS = ['transfer', 'mint', 'register', 'vote', 'stake', 'swap_exact', 'rotate_key'];
/** The limit is 8; structs inside of structs come close to it. */
const TYPE_DEPTH_MAX = 3;

const PRIMITIVE_TYPES = [
  ...(['bool', 'address', 'signer', 'u8', 'u16', 'u32', 'u64', 'u128', 'u256'] as const),
  ...(['i8', 'i16', 'i32', 'i64', 'i128', 'i256'] as const),
];
type TypeKind = TypeTag['variant'];
const TYPE_KINDS: readonly TypeKind[] = [...PRIMITIVE_TYPES, 'vector', 'struct', 'Function'];

const ARGUMENT_KINDS = [
  ...(['U8', 'U16', 'U32', 'U64', 'U128', 'U256', 'I8', 'I16', 'I32', 'I64', 'I128', 'I256'] as const),
  ...(['Address', 'U8Vector', 'Bool', 'Serialized'] as const),
];

/** Names, types, scripts and calls as Move programs have them; every type and argument in turn. */
export class MoveSamples {
  readonly #random: SeededRandom;
  readonly #types: Deck<TypeKind>;
  readonly #arguments: Deck<(typeof ARGUMENT_KINDS)[number]>;
  readonly #references: Deck<FunctionParamOrReturnTag['variant']>;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#types = new Deck(random, TYPE_KINDS);
    this.#arguments = new Deck(random, ARGUMENT_KINDS);
    this.#references = new Deck(random, ['Reference', 'MutableReference', 'Value']);
  }

  /** 32 bytes: often the framework's account. */
  address(): Uint8Array {
    return this.#random.chance(0.3) ? FRAMEWORK_ADDRESS : this.#random.bytes(32);
  }

  moduleId(): ModuleId {
    return { address: this.address(), name: this.#random.pick(MODULES) };
  }

  functionName(): string {
    return this.#random.pick(FUNCTIONS);
  }

  /** A struct type with up to two type arguments; `depth` levels may still be opened below it. */
  structTag(depth = TYPE_DEPTH_MAX): StructTag {
    return {
      address: this.address(),
      module: this.#random.pick(MODULES),
      name: this.#random.pick(STRUCTS),
      type_args: this.typeTags(this.#random.int(0, 2), depth - 1),
    };
  }

  typeTags(count: number, depth = TYPE_DEPTH_MAX): TypeTag[] {
    return Array.from({ length: count }, () => this.typeTag(depth));
  }

  typeTag(depth = TYPE_DEPTH_MAX): TypeTag {
    const variant = depth > 0 ? this.#types.deal() : this.#random.pick(PRIMITIVE_TYPES);
    switch (variant) {
      case 'vector':
        return { variant, value: this.typeTag(depth - 1) };
      case 'struct':
        return { variant, value: this.structTag(depth) };
      case 'Function':
        return {
          variant,
          value: {
            args: this.#functionTypes(depth),
            results: this.#functionTypes(depth),
            abilities: this.#random.int(0, 15),
          },
        };
      default:
        return { variant };
    }
  }

  script(): Script {
    const argumentCount = this.#random.int(2, 6);
    return {
      code: this.#random.bytes(this.#random.int(20, 120)),
      ty_args: this.typeTags(this.#random.int(0, 2)),
      args: Array.from({ length: argumentCount }, () => this.#argument(this.#arguments.deal())),
    };
  }

  entryFunction(): EntryFunction {
    const argumentCount = this.#random.int(0, 4);
    return {
      module: this.moduleId(),
      function: this.functionName(),
      ty_args: this.typeTags(this.#random.int(0, 2), 2),
      args: Array.from({ length: argumentCount }, () => this.#random.bytes(this.#random.int(1, 40))),
    };
  }

  /** A call as most of a network's are: a coin transfer. */
  transfer(): EntryFunction {
    return {
      module: { address: FRAMEWORK_ADDRESS, name: 'aptos_account' },
      function: 'transfer',
      ty_args: [],
      args: [this.#random.bytes(32), this.#random.bytes(8)],
    };
  }

  #functionTypes(depth: number): FunctionParamOrReturnTag[] {
    return Array.from({ length: this.#random.int(0, 2) }, () => ({
      variant: this.#references.deal(),
      value: this.typeTag(depth - 1),
    }));
  }

  #argument(variant: (typeof ARGUMENT_KINDS)[number]): TransactionArgument {
    switch (variant) {
      case 'U8':
      case 'U16':
      case 'U32':
        return { variant, value: Number(this.#unsigned(variant)) };
      case 'I8':
      case 'I16':
      case 'I32':
        return { variant, value: Number(this.#signed(variant)) };
      case 'U64':
      case 'U128':
      case 'U256':
        return { variant, value: this.#unsigned(variant) };
      case 'I64':
      case 'I128':
      case 'I256':
        return { variant, value: this.#signed(variant) };
      case 'Address':
        return { variant, value: this.address() };
      case 'U8Vector':
      case 'Serialized':
        return { variant, value: this.#random.bytes(this.#random.int(0, 60)) };
      case 'Bool':
        return { variant, value: this.#random.chance(0.5) };
    }
  }

  #unsigned(kind: string): bigint {
    const max = 2n ** BigInt(kind.slice(1)) - 1n;
    return this.#random.pick([0n, max, this.#random.bigint(0n, max)]);
  }

  #signed(kind: string): bigint {
    const half = 2n ** BigInt(Number(kind.slice(1)) - 1);
    return this.#random.pick([-half, -1n, half - 1n, this.#random.bigint(-half, half - 1n)]);
  }
}
