import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import { sparseMerkleHashers } from './sparse-merkle-hashers.js';

/** The definitions of the trees as they stand in spec formats.md, sections 6 and 7: slow and obvious. */

export const ledger = ledgerHashers(LEDGER_FAMILIES.aptos);
export const stateHashers = sparseMerkleHashers(ledger);

function sha3(...parts: readonly (Uint8Array | string)[]): HashValue {
  const hash = createHash('sha3-256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** SHA3-256 of one byte. */
export function byteHash(byte: number): HashValue {
  return sha3(Uint8Array.of(byte));
}

/** Hash `index` of an endless list. */
export function sampleHash(index: number): HashValue {
  return sha3(`sample ${index}`);
}

export function sampleHashes(count: number): HashValue[] {
  return Array.from({ length: count }, (_, index) => sampleHash(index));
}

export function pack(hashes: readonly HashValue[]): Uint8Array {
  const packed = new Uint8Array(hashes.length * HASH_SIZE);
  hashes.forEach((hash, index) => {
    packed.set(hash, index * HASH_SIZE);
  });
  return packed;
}

/** The same bytes with one bit inverted; `bit` may be any number. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice();
  const index = (bit >> 3) % bytes.length;
  flipped[index] = (flipped[index] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}

function placeholder(text: string): HashValue {
  return Uint8Array.from({ length: HASH_SIZE }, (_, index) => text.charCodeAt(index) || 0);
}
export const AP = placeholder('ACCUMULATOR_PLACEHOLDER_HASH');
export const SP = placeholder('SPARSE_MERKLE_PLACEHOLDER_HASH');

const domain = (name: string) => {
  const seed = sha3(`APTOS::${name}`);
  return (left: HashValue, right: HashValue): HashValue => sha3(seed, left, right);
};
export const accumulatorPair = domain('TransactionAccumulator');
const leafPair = domain('SparseMerkleLeafNode');
const internalPair = domain('SparseMerkleInternal');

export function naiveNode(leaves: readonly HashValue[], level: number, index: number): HashValue {
  if (index * 2 ** level >= leaves.length) return AP;
  if (level === 0) return leaves[index] ?? AP;
  return accumulatorPair(
    naiveNode(leaves, level - 1, 2 * index),
    naiveNode(leaves, level - 1, 2 * index + 1),
  );
}

export function naiveHeight(leafCount: number): number {
  return leafCount < 2 ? 0 : Math.floor(Math.log2(leafCount - 1)) + 1;
}

export function naiveAccumulatorRoot(leaves: readonly HashValue[]): HashValue {
  return naiveNode(leaves, naiveHeight(leaves.length), 0);
}

export interface RangeProof {
  readonly left: readonly HashValue[];
  readonly right: readonly HashValue[];
}

export function naiveRangeProof(leaves: readonly HashValue[], first: number, last: number): RangeProof {
  const left: HashValue[] = [];
  const right: HashValue[] = [];
  for (let level = 0; level < naiveHeight(leaves.length); level++) {
    const leftmost = Math.floor(first / 2 ** level);
    const rightmost = Math.floor(last / 2 ** level);
    if (leftmost % 2 === 1) left.push(naiveNode(leaves, level, leftmost - 1));
    if (rightmost % 2 === 0) right.push(naiveNode(leaves, level, rightmost + 1));
  }
  return { left, right };
}

/** The verification of section 6.2 level by level: the verdict of the reference. */
export function naiveRangeVerdict(
  root: HashValue,
  first: bigint,
  leaves: readonly HashValue[],
  proof: RangeProof,
): boolean {
  const left = [...proof.left];
  const right = [...proof.right];
  if (left.length > 63 || right.length > 63 || leaves.length === 0) return false;
  let position = first;
  let current = [...leaves];
  while (current.length > 1 || left.length > 0 || right.length > 0) {
    const next: HashValue[] = [];
    let index = 0;
    if (position & 1n) {
      const sibling = left.shift();
      if (!sibling) return false;
      next.push(accumulatorPair(sibling, current[0] ?? AP));
      index = 1;
    }
    for (; index + 1 < current.length; index += 2) {
      next.push(accumulatorPair(current[index] ?? AP, current[index + 1] ?? AP));
    }
    if (index < current.length) {
      const sibling = right.shift();
      if (!sibling) return false;
      next.push(accumulatorPair(current[index] ?? AP, sibling));
    }
    current = next;
    position >>= 1n;
  }
  return Buffer.compare(current[0] ?? AP, root) === 0;
}

export interface StateLeaf {
  readonly key: HashValue;
  readonly value: HashValue;
}

export function bitOf(key: HashValue, index: number): number {
  return ((key[Math.floor(index / 8)] ?? 0) >> (7 - (index % 8))) & 1;
}

export function naiveLeafHash(leaf: StateLeaf): HashValue {
  return leafPair(leaf.key, leaf.value);
}

/** The node of leaves that share their first `depth` bits. */
export function naiveStateRoot(leaves: readonly StateLeaf[], depth = 0): HashValue {
  const [first, second] = leaves;
  if (!first) return SP;
  if (!second) return naiveLeafHash(first);
  const side = (bit: number): HashValue =>
    naiveStateRoot(
      leaves.filter((leaf) => bitOf(leaf.key, depth) === bit),
      depth + 1,
    );
  return internalPair(side(0), side(1));
}

export interface StateProof {
  readonly leaf: StateLeaf | undefined;
  /** From the root to the bottom. */
  readonly siblings: readonly HashValue[];
}

export function naiveStateProof(leaves: readonly StateLeaf[], key: HashValue): StateProof {
  let remaining = leaves;
  const siblings: HashValue[] = [];
  while (remaining.length > 1) {
    const depth = siblings.length;
    const isOnPath = (leaf: StateLeaf): boolean => bitOf(leaf.key, depth) === bitOf(key, depth);
    siblings.push(
      naiveStateRoot(
        remaining.filter((leaf) => !isOnPath(leaf)),
        depth + 1,
      ),
    );
    remaining = remaining.filter(isOnPath);
  }
  return { leaf: remaining[0], siblings };
}

/** From the bottom to the root, as in a proof file. */
export function naiveRightSiblings(leaves: readonly StateLeaf[], key: HashValue): HashValue[] {
  return naiveStateProof(leaves, key)
    .siblings.filter((_, depth) => bitOf(key, depth) === 0)
    .reverse();
}

/** Leaves in key order; groups of keys share prefixes of any length. */
export const stateLeaves = (constraints: { minLength?: number; maxLength?: number } = {}) =>
  fc
    .tuple(
      fc.uint8Array({ minLength: HASH_SIZE, maxLength: HASH_SIZE }),
      fc.array(
        fc.tuple(
          fc.oneof(fc.constant(0), fc.nat(24), fc.nat(255)),
          fc.uint8Array({ minLength: HASH_SIZE, maxLength: HASH_SIZE }),
        ),
        { size: 'max', maxLength: 200, ...constraints },
      ),
    )
    .map(([base, tails]) => {
      const byText = new Map<string, HashValue>();
      for (const [shared, tail] of tails) {
        const key = tail.slice();
        for (let bit = 0; bit < shared; bit++) {
          const mask = 128 >> (bit & 7);
          const byte = bit >> 3;
          key[byte] = ((key[byte] ?? 0) & ~mask) | ((base[byte] ?? 0) & mask);
        }
        byText.set(Buffer.from(key).toString('hex'), key);
      }
      const keys = [...byText.values()].sort(Buffer.compare);
      return keys.map((key, index): StateLeaf => ({ key, value: sampleHash(index) }));
    })
    .filter((leaves) => leaves.length >= (constraints.minLength ?? 0));

/** Where to cut a list: mapped onto its length by `cutAt`. */
export const cuts = fc.array(fc.nat(1_000_000), { maxLength: 8 });

/** Consecutive parts of a list, some of them empty. */
export function cutAt<T>(list: readonly T[], places: readonly number[]): T[][] {
  const ends = places.map((place) => place % (list.length + 1)).sort((left, right) => left - right);
  return [...ends, list.length].map((end, index) => list.slice(ends[index - 1] ?? 0, end));
}

export function packLeaves(leaves: readonly StateLeaf[]): {
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
  readonly count: number;
} {
  return {
    keys: pack(leaves.map((leaf) => leaf.key)),
    values: pack(leaves.map((leaf) => leaf.value)),
    count: leaves.length,
  };
}
