import fc from 'fast-check';
import { BcsError, type BcsErrorCode } from '../bcs/bcs-error.js';
import { BcsReader } from '../bcs/bcs-reader.js';
import { type AnyCodec, type Codec, encode } from '../bcs/codec.js';
import { seededRandom } from './seeded-random.js';

const SCRATCH_BYTES = 1 << 18;
const STRINGS = ['', 'coin', '\u0000', '\ufeffmark', 'ünïcödé', '🦀🦀', 'x'.repeat(130)];
/** Type tags nest no deeper than this, or their size would explode. */
const NESTING_MAX = 3;
/** Variants of `TypeTag` below this index hold no other tag. */
const PLAIN_TYPE_TAGS = 6;

/**
 * A reader that invents what it reads: any codec becomes a generator of its values. Integers and bytes
 * come from noise that is often all zeros or all ff, lengths are small, every variant is equally likely.
 */
class InventingReader extends BcsReader {
  readonly #below: (limit: number) => number;

  constructor(seed: number, dialect: number) {
    super(new Uint8Array(SCRATCH_BYTES), { dialect });
    this.#below = seededRandom(seed);
  }

  /** Fills what is stepped over with noise. */
  override advance(count: number): number {
    const start = super.advance(count);
    const kind = this.#below(4);
    const run = this.bytes.subarray(start, start + count);
    if (kind === 0) run.fill(0xff);
    else if (kind > 1) for (let index = 0; index < run.length; index++) run[index] = this.#below(256);
    return start;
  }
  override bool(): boolean {
    return this.#below(2) === 1;
  }
  override optionTag(): boolean {
    return this.#below(2) === 1;
  }
  override variantIndex(enumName: string, variantCount: number): number {
    const deep = enumName === 'TypeTag' && this.nesting >= NESTING_MAX;
    return this.#below(deep ? PLAIN_TYPE_TAGS : variantCount);
  }
  override sequenceLength(): number {
    return this.#below(30) === 0 ? 100 + this.#below(60) : this.#below(4);
  }
  override string(): string {
    return STRINGS[this.#below(STRINGS.length)] ?? '';
  }
  override vectorOf(codec: AnyCodec): number {
    const inner = encode(codec, codec.read(this), { dialect: this.dialect });
    const start = this.advance(inner.length);
    this.bytes.set(inner, start);
    return start;
  }
  override fail(code: BcsErrorCode, reason: string, offset?: number): never {
    // Invented map keys are out of order; encoding sorts them.
    if (code !== 'BCS_NON_CANONICAL_MAP') super.fail(code, reason, offset);
    return undefined as never;
  }
}

/** A value of any codec, always the same for the same seed. */
export function inventValue<T>(codec: Codec<T>, seed: number, dialect = 0): T {
  for (let attempt = 0; ; attempt++) {
    try {
      return codec.read(new InventingReader(seed + attempt, dialect));
    } catch (error) {
      // A few seeds grow without end; the next one is as good.
      if (!(error instanceof BcsError && error.code === 'BCS_EOF')) throw error;
    }
  }
}

/** BCS of values of a codec; does not shrink. */
export function arbitraryEncoding<T>(codec: Codec<T>, dialect = 0): fc.Arbitrary<Uint8Array> {
  return fc.nat().map((seed) => encode(codec, inventValue(codec, seed, dialect), { dialect }));
}

/** What can befall bytes: a flipped bit, a cut, bytes pushed in, a part repeated. */
export function arbitraryDamage(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const at = fc.nat({ max: bytes.length });
  const flip = fc
    .tuple(fc.nat({ max: Math.max(bytes.length - 1, 0) }), fc.nat({ max: 7 }))
    .map(([index, bit]) => {
      const copy = bytes.slice();
      if (copy.length > 0) copy[index] = (copy[index] ?? 0) ^ (1 << bit);
      return copy;
    });
  const cut = at.map((length) => bytes.slice(0, length));
  const insertion = fc
    .tuple(at, fc.uint8Array({ minLength: 1, maxLength: 4 }))
    .map(([index, extra]) => Uint8Array.of(...bytes.subarray(0, index), ...extra, ...bytes.subarray(index)));
  const repetition = fc
    .tuple(at, at)
    .map(([from, to]) =>
      Uint8Array.of(...bytes.subarray(0, Math.max(from, to)), ...bytes.subarray(Math.min(from, to))),
    );
  return fc.oneof({ weight: 4, arbitrary: flip }, cut, insertion, repetition);
}
