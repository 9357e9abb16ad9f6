import assert from 'node:assert/strict';
import type { AnyCodec, Shape } from './codec.js';

/**
 * Operations of a program that steps over values, run by kernel/skip-program.ts. Each is its code, a number
 * of bytes to step over first, and its arguments, in words of 32 bits. Targets are indices of words.
 */
const OP = {
  done: 0,
  /** Nothing but the bytes before. */
  fixed: 1,
  /** Length-prefixed bytes; argument: how many at most. */
  bytes: 2,
  text: 3,
  bool: 4,
  /** A variant index; arguments: the number of variants, and for each where to go on. */
  enumeration: 5,
  /** Goes on behind if there is a value; argument: where to go on if not. */
  option: 6,
  /** A count of items of equal size; argument: their size. */
  array: 7,
  /** A count; goes on with the first item; argument: where to go on if there is none. */
  vector: 8,
  /** Argument: where an item begins. */
  nextItem: 9,
  /** As `vector`. */
  map: 10,
  keyEnd: 11,
  /** Argument: where an entry begins. */
  nextEntry: 12,
  /** A length; nothing of the value lies behind these bytes. */
  window: 13,
  windowEnd: 14,
  /** Argument: where the routine begins. */
  call: 15,
  return: 16,
  /** Argument: how many may be open, not counting this one. */
  level: 17,
  levelEnd: 18,
  jump: 19,
  /** Never valid: a codec must judge. */
  refuse: 20,
} as const;

const LENGTH_MAX = 0x7fff_ffff;

/** A program for several types, each with its entry, the index of a word. */
export interface SkipProgram<Name extends string> {
  readonly words: Uint32Array;
  readonly entries: Readonly<Record<Name, number>>;
}

/**
 * Makes the program that steps over values as `skip` of these codecs does. It may refuse what they accept: a
 * length above 2^28, or a codec that has no shape; it accepts nothing else. The depth of containers is not
 * counted: types nest without end only through levels, of which few may be open.
 */
export function skipProgram<const C extends Readonly<Record<string, AnyCodec>>>(
  codecs: C,
  dialect: number,
): SkipProgram<Extract<keyof C, string>> {
  const assembly = new Assembly(dialect);
  const entries: Record<string, number> = {};
  for (const [name, codec] of Object.entries(codecs)) entries[name] = assembly.addEntry(codec);
  return { words: assembly.finish(), entries: entries as Record<Extract<keyof C, string>, number> };
}

class Assembly {
  readonly #dialect: number;
  readonly #words: number[] = [];
  /** Bytes of fixed size that the next operation steps over. */
  #before = 0;
  /** Where targets stand. */
  readonly #targets: number[] = [];
  /** Where types that may contain themselves begin, and calls of them. */
  readonly #routines = new Map<AnyCodec, number>();
  readonly #calls: { readonly at: number; readonly codec: AnyCodec }[] = [];

  constructor(dialect: number) {
    this.#dialect = dialect;
  }

  addEntry(codec: AnyCodec): number {
    const entry = this.#words.length;
    this.#add(codec);
    this.#emit(OP.done);
    return entry;
  }

  finish(): Uint32Array {
    // Routines may call routines that are new.
    for (const { at, codec } of this.#calls) this.#words[at] = this.#routine(codec);
    for (const at of this.#targets) this.#words[at] = this.#final(this.#words[at] ?? 0);
    return Uint32Array.from(this.#words);
  }

  #routine(codec: AnyCodec): number {
    const known = this.#routines.get(codec);
    if (known !== undefined) return known;
    const start = this.#words.length;
    this.#routines.set(codec, start);
    this.#add(codec);
    this.#emit(OP.return);
    return start;
  }

  /** Where a jump to `target` ends up. */
  #final(target: number): number {
    let at = target;
    while (this.#words[at] === OP.jump && this.#words[at + 1] === 0) at = this.#words[at + 2] ?? 0;
    return at;
  }

  /** Returns where the first argument stands. */
  #emit(code: number, ...args: readonly number[]): number {
    this.#words.push(code, this.#before, ...args);
    this.#before = 0;
    return this.#words.length - args.length;
  }

  /** Where the next operation will stand, which others may jump to. */
  #here(): number {
    if (this.#before > 0) this.#emit(OP.fixed);
    return this.#words.length;
  }

  /** Makes the word at `at` a target. */
  #aim(at: number, target: number): void {
    this.#words[at] = target;
    this.#targets.push(at);
  }

  #add(codec: AnyCodec): void {
    if (codec.anyBytes !== undefined) this.#before += codec.anyBytes;
    else if (codec.shape) this.#addShape(codec.shape);
    else this.#emit(OP.refuse);
  }

  #addShape(shape: Shape): void {
    switch (shape.kind) {
      case 'bool':
        this.#emit(OP.bool);
        break;
      case 'bytes':
        this.#emit(OP.bytes, shape.max ?? LENGTH_MAX);
        break;
      case 'text':
        this.#emit(OP.text);
        break;
      case 'sequence':
        for (const part of shape.parts) this.#add(part);
        break;
      case 'enumeration':
        this.#addEnumeration(shape.payloads);
        break;
      case 'option': {
        const at = this.#emit(OP.option, 0);
        this.#add(shape.inner);
        this.#aim(at, this.#here());
        break;
      }
      case 'vector':
        this.#addVector(shape.item);
        break;
      case 'map': {
        const at = this.#emit(OP.map, 0);
        const entry = this.#here();
        this.#add(shape.key);
        this.#emit(OP.keyEnd);
        this.#add(shape.value);
        this.#aim(this.#emit(OP.nextEntry, 0), entry);
        this.#aim(at, this.#here());
        break;
      }
      case 'window':
        this.#emit(OP.window);
        this.#add(shape.inner);
        this.#emit(OP.windowEnd);
        break;
      case 'dialects': {
        const layout = shape.layouts[this.#dialect];
        assert(layout, 'a layout for each dialect');
        this.#add(layout);
        break;
      }
      case 'reference':
        this.#calls.push({ at: this.#emit(OP.call, 0), codec: shape.resolve() });
        break;
      case 'level':
        this.#emit(OP.level, shape.limit(this.#dialect));
        this.#add(shape.inner);
        this.#emit(OP.levelEnd);
        break;
    }
  }

  #addEnumeration(payloads: readonly (AnyCodec | null)[]): void {
    const first = this.#emit(OP.enumeration, payloads.length, ...payloads.map(() => 0)) + 1;
    const starts = new Map<AnyCodec, number>();
    const ends: number[] = [];
    for (const [variant, payload] of payloads.entries()) {
      if (payload === null) {
        ends.push(first + variant);
        continue;
      }
      let start = starts.get(payload);
      if (start === undefined) {
        start = this.#words.length;
        starts.set(payload, start);
        this.#add(payload);
        ends.push(this.#emit(OP.jump, 0));
      }
      this.#aim(first + variant, start);
    }
    for (const at of ends) this.#aim(at, this.#words.length);
  }

  #addVector(item: AnyCodec): void {
    if (item.anyBytes !== undefined) {
      this.#emit(OP.array, item.anyBytes);
      return;
    }
    const at = this.#emit(OP.vector, 0);
    const start = this.#here();
    this.#add(item);
    this.#aim(this.#emit(OP.nextItem, 0), start);
    this.#aim(at, this.#here());
  }
}
