import { KERNEL_MODULES } from './generated/kernel-modules.js';
import { type WasmMemory, type WasmModule, webAssembly } from './web-assembly.js';

/** `simd` keeps three messages in flight; `scalar` is for machines whose engine has no vectors. */
export type KernelKind = 'simd' | 'scalar';

/**
 * The compiled kernel on the memory it was given. All arguments are addresses in that memory, except counts.
 * Every instance on a shared memory has scratch memory of its own. Up to 136 bytes behind a message or a pair
 * may be read (never used), so the memory must not end there.
 */
export interface KernelExports {
  /** Bytes of scratch memory that an instance needs. */
  scratchBytes(): number;
  /** Prepares the scratch memory at a multiple of 16; once, before anything else. */
  init(scratch: number): void;
  /**
   * SHA3-256(seed || message) of `count` messages: message i is `base + starts[i]` up to `base + ends[i]`,
   * both arrays of u32. Digests go to `out + 32 * i`, which overlaps no input.
   */
  records(
    scratch: number,
    seed: number,
    base: number,
    starts: number,
    ends: number,
    count: number,
    out: number,
  ): void;
  /** SHA3-256(seed || pair) of `count` pairs of 64 bytes; `out` may be `pairs`. */
  nodes(scratch: number, seed: number, pairs: number, count: number, out: number): void;
  /**
   * Runs the program of words at `code` from the word `entry` on over the value at `at`, which ends at `end`
   * at the latest; `stack` is 4 KiB of memory. Returns where the value ends, or 0 if it is not plainly one.
   */
  skipValue(code: number, entry: number, at: number, end: number, stack: number): number;
  /** Bytes of memory that `transactions` works in. */
  transactionWorkBytes(): number;
  /** The most bytes that the program in it may have. */
  transactionProgramBytes(): number;
  /**
   * Proves `count` transaction records, which lie as messages of `records` do, in the `size` bytes at `base`;
   * infos' hashes go to `out`.
   * Returns how many indices of records in doubt it wrote to `doubts`, u32 each.
   */
  transactions(
    scratch: number,
    work: number,
    base: number,
    size: number,
    starts: number,
    ends: number,
    count: number,
    hasAuxiliary: boolean,
    out: number,
    doubts: number,
  ): number;
  /** Bytes of memory that `states` works in. */
  stateWorkBytes(): number;
  /** The most bytes that the program in it may have. */
  stateProgramBytes(): number;
  /**
   * Hashes `count` state records, which lie as messages of `records` do, in the `size` bytes at `base`; key
   * hashes go to `keys`, value hashes to `values`. Returns how many subtrees of 72 bytes it wrote to
   * `subtrees`, at most 1024; 0 if not all is plainly right.
   */
  states(
    scratch: number,
    work: number,
    base: number,
    size: number,
    starts: number,
    ends: number,
    count: number,
    keys: number,
    values: number,
    subtrees: number,
  ): number;
}

/** A function that returns a vector, the smallest module that only an engine with SIMD accepts. */
const SIMD_PROBE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // magic, version 1
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b], // type: () -> v128
  ...[0x03, 0x02, 0x01, 0x00], // one function of that type
  ...[0x0a, 0x08, 0x01, 0x06, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x0b], // i32.const 0, i8x16.splat
);

/** The fastest kind that this engine runs. */
export function bestKernelKind(): KernelKind {
  return webAssembly.validate(SIMD_PROBE) ? 'simd' : 'scalar';
}

/** Compiled modules, kept because all instances of a module also share the code that warmed up. */
const compiled = new Map<string, WasmModule>();

/** The module of a kind for private or for shared memory; it may be posted to other threads. */
export function kernelModule(kind: KernelKind, shared: boolean): WasmModule {
  const name = nameOf(kind, shared);
  let module = compiled.get(name);
  if (module === undefined) {
    module = new webAssembly.Module(Buffer.from(KERNEL_MODULES[name], 'base64'));
    compiled.set(name, module);
  }
  return module;
}

/** Takes a module that another thread compiled, so that both share its code. */
export function adoptKernelModule(kind: KernelKind, shared: boolean, module: WasmModule): void {
  compiled.set(nameOf(kind, shared), module);
}

function nameOf(kind: KernelKind, shared: boolean): keyof typeof KERNEL_MODULES {
  if (!shared) return kind;
  return kind === 'simd' ? 'sharedSimd' : 'sharedScalar';
}

/** An instance on `memory`, with its scratch memory at `scratch`, prepared. */
export function instantiateKernel(kind: KernelKind, memory: WasmMemory, scratch: number): KernelExports {
  const module = kernelModule(kind, memory.buffer instanceof SharedArrayBuffer);
  const instance = new webAssembly.Instance(module, { env: { memory } });
  const kernel = instance.exports as unknown as KernelExports;
  kernel.init(scratch);
  return kernel;
}
