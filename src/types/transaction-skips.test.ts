import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BcsError } from '../bcs/bcs-error.js';
import { BcsReader } from '../bcs/bcs-reader.js';
import { type AnyCodec, encode } from '../bcs/codec.js';
import { checkedSpan } from '../bcs/combinators.js';
import { struct, vector } from '../bcs/containers.js';
import { bytes, string, u8, u64 } from '../bcs/primitives.js';
import { skipProgram } from '../bcs/skip-program.js';
import { bestKernelKind, instantiateKernel, type KernelKind } from '../hashing/kernel-instance.js';
import { type WasmMemory, webAssembly } from '../hashing/web-assembly.js';
import { arbitraryDamage, arbitraryEncoding } from '../test-support/arbitrary-value.js';
import { PersistedAuxiliaryInfo } from './auxiliary-info.js';
import { BitVec } from './basic.js';
import { ContractEvent } from './contract-event.js';
import { EncryptedInner, EncryptedPayload } from './encrypted-payload.js';
import { DIALECT_2023, DIALECT_CURRENT } from './ledger-family.js';
import { Transaction } from './transaction.js';
import { ExecutionStatus } from './transaction-info.js';
import { transactionSkips } from './transaction-skips.js';
import { type StructTag, TypeTag } from './type-tag.js';
import { WriteSet } from './write-set.js';

const STACK = 8192;
const CODE = STACK + 4096;
const VALUE = 128 * 1024;

/** Steps over values in the kernel. */
class KernelSkip {
  readonly #memory: WasmMemory = new webAssembly.Memory({ initial: 16, maximum: 16 });
  readonly #skip: (entry: number, end: number) => number;

  constructor(kind: KernelKind, words: Uint32Array) {
    const kernel = instantiateKernel(kind, this.#memory, 0);
    new Uint32Array(this.#memory.buffer, CODE, words.length).set(words);
    this.#skip = (entry, end) => kernel.skipValue(CODE, entry, VALUE, end, STACK);
  }

  /** How long the value at the beginning of `value` is; undefined if it is none. */
  length(entry: number, value: Uint8Array): number | undefined {
    // What lies behind must not matter.
    new Uint8Array(this.#memory.buffer, VALUE).fill(0xff).set(value);
    const end = this.#skip(entry, VALUE + value.length);
    return end === 0 ? undefined : end - VALUE;
  }
}

function codecLength(codec: AnyCodec, value: Uint8Array, dialect: number): number | undefined {
  const reader = new BcsReader(value, { dialect });
  try {
    codec.skip(reader);
    return reader.offset;
  } catch (error) {
    if (error instanceof BcsError) return undefined;
    throw error;
  }
}

const PARTS = {
  transaction: Transaction,
  auxiliaryInfo: PersistedAuxiliaryInfo,
  status: ExecutionStatus,
  event: ContractEvent,
  writeSet: WriteSet,
  encryptedPayload: EncryptedPayload,
  encryptedInner: EncryptedInner,
} as const;

for (const kind of ['simd', 'scalar'] as const) {
  const skip = kind === 'simd' && bestKernelKind() !== 'simd' ? 'this engine has no SIMD' : false;
  describe(`the ${kind} kernel, stepping over`, { skip }, () => {
    for (const dialect of [DIALECT_CURRENT, DIALECT_2023]) {
      const { words, entries } = transactionSkips(dialect);
      const kernel = new KernelSkip(kind, words);
      for (const [part, codec] of Object.entries(PARTS) as [keyof typeof PARTS, AnyCodec][]) {
        it(`${codec.name} of dialect ${dialect}, whole or damaged, accepts what the codec accepts`, () => {
          const encoding = arbitraryEncoding(codec, dialect);
          const input = fc.oneof(
            encoding,
            encoding.chain(arbitraryDamage),
            encoding.chain(arbitraryDamage).chain(arbitraryDamage),
          );
          fc.assert(
            fc.property(input, (value) => {
              assert.equal(kernel.length(entries[part], value), codecLength(codec, value, dialect));
            }),
            { numRuns: 300 },
          );
        });
      }
    }

    /** Compares verdicts about one codec. */
    function sameVerdicts(codec: AnyCodec, values: readonly Uint8Array[], dialect = DIALECT_CURRENT): void {
      const { words, entries } = skipProgram({ codec }, dialect);
      const kernel = new KernelSkip(kind, words);
      for (const value of values) {
        assert.equal(kernel.length(entries.codec, value), codecLength(codec, value, dialect), `${value}`);
      }
    }

    it('type tags up to the deepest that the dialect allows, and no deeper', () => {
      const nested = (levels: number): TypeTag => {
        const address = new Uint8Array(32);
        let tag: TypeTag = { variant: 'u8' };
        for (let level = 0; level < levels; level++) {
          const value: StructTag = { address, module: 'm', name: 'n', type_args: [tag, tag] };
          tag = level % 2 === 0 ? { variant: 'vector', value: tag } : { variant: 'struct', value };
        }
        return tag;
      };
      const values = Array.from({ length: 12 }, (_, levels) => encode(TypeTag, nested(levels)));
      for (const dialect of [DIALECT_CURRENT, DIALECT_2023]) sameVerdicts(TypeTag, values, dialect);
    });

    it('lengths of every form', () => {
      const long = (length: number): Uint8Array => encode(bytes, new Uint8Array(length));
      sameVerdicts(bytes, [0, 1, 127, 128, 16_383, 16_384, 100_000].map(long));
      sameVerdicts(bytes, [
        Uint8Array.of(),
        Uint8Array.of(0x80),
        Uint8Array.of(0x80, 0x00),
        Uint8Array.of(0x81, 0x80, 0x00, 1),
        Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x07),
        Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f),
        Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x1f),
        Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x01),
      ]);
    });

    it('counts of items that would be more than there are', () => {
      const items = vector(u64);
      sameVerdicts(items, [
        encode(items, [1n, 2n, 3n]),
        encode(items, [1n, 2n, 3n]).subarray(0, 20),
        Uint8Array.of(0xff, 0xff, 0xff, 0x7f, 1, 2, 3),
      ]);
    });

    it('bit vectors, which are limited', () => {
      sameVerdicts(
        BitVec,
        [8191, 8192, 8193].map((length) => encode(bytes, new Uint8Array(length))),
      );
    });

    it('any bytes as text, if they are UTF-8', () => {
      const texts = [
        '',
        'coin',
        '12345678',
        '123456789',
        'ünïcödé',
        '🦀🦀',
        '\uffff',
        '\ud7ff\ue000',
        '\u{10ffff}',
      ];
      sameVerdicts(
        string,
        texts.map((text) => encode(string, text)),
      );
      // Every lead byte with seconds on both sides of every limit, cut short and whole.
      const seconds = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0];
      const sequences: number[][] = [];
      for (let lead = 0x80; lead <= 0xff; lead++) {
        sequences.push([lead]);
        for (const second of seconds) {
          sequences.push([lead, second], [lead, second, 0x80], [lead, second, 0x80, 0xbf]);
          sequences.push([lead, second, 0x7f, 0x80], [lead, second, 0x80, 0xc0]);
        }
      }
      sameVerdicts(
        bytes,
        sequences.map((sequence) => encode(bytes, Uint8Array.from(sequence))),
      );
      sameVerdicts(
        string,
        sequences.map((sequence) => encode(bytes, Uint8Array.from(sequence))),
      );
      const damaged = fc.uint8Array({ maxLength: 40 }).map((some) => encode(bytes, some));
      fc.assert(
        fc.property(damaged, (value) => sameVerdicts(string, [value])),
        { numRuns: 50 },
      );
    });

    it('a codec with rules of its own: never accepts, so that the codec is asked', () => {
      const ruled = checkedSpan(u64, () => undefined);
      const { words, entries } = skipProgram({ codec: struct('S', { first: u8, ruled }) }, DIALECT_CURRENT);
      assert.equal(new KernelSkip(kind, words).length(entries.codec, new Uint8Array(9)), undefined);
    });
  });
}
