import { hashFromHex, type HashValue, toHex } from '../hashing/hash-value.js';
import { KEY_BITS, keyBit } from './key-bits.js';
import { MerkleError } from './merkle-error.js';
import type { SparseMerkleHashers } from './sparse-merkle-hashers.js';
import { EMPTY_RUN, type Subtree, type SubtreeRun } from './subtree-run.js';

/** What a `StateTreeFrontier` knows, as JSON holds it; hashes are 64 hex digits. */
export interface StateTreeFrontierState {
  readonly leafCount: number;
  /** Null before the first leaf. */
  readonly last: { readonly key: string; readonly valueHash: string } | null;
  /**
   * Complete subtrees left of the last leaf, from the root down: each is the left child of the node at
   * `depth` on the last leaf's path, on which the path goes right.
   */
  readonly subtrees: readonly { readonly depth: number; readonly hash: string }[];
}

/** The same in memory. */
interface FrontierParts {
  readonly leafCount: number;
  readonly last: { readonly key: HashValue; readonly valueHash: HashValue } | undefined;
  readonly run: SubtreeRun;
}

export function encodeFrontier({ leafCount, last, run }: FrontierParts): StateTreeFrontierState {
  const complete = run.subtrees.slice(0, -1); // the last one is the last leaf itself
  return {
    leafCount,
    last: last ? { key: toHex(last.key), valueHash: toHex(last.valueHash) } : null,
    subtrees: complete.map(({ hash, branch }) => ({ depth: branch - 1, hash: toHex(hash) })),
  };
}

function refuse(reason: string, cause?: unknown): never {
  throw new MerkleError('MERKLE_STATE_INVALID', `the saved state tree frontier is invalid: ${reason}`, {
    hint: 'Discard the saved progress and begin the snapshot anew.',
    cause,
  });
}

function fieldsOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) refuse(`${what} is no object`);
  return value as Readonly<Record<string, unknown>>;
}

function hashOf(value: unknown, what: string): HashValue {
  if (typeof value !== 'string') refuse(`${what} is no text`);
  try {
    return hashFromHex(value);
  } catch (error) {
    return refuse(`${what} is no hash`, error);
  }
}

/**
 * Checks all that can be checked without the tree: types, and that depths grow and are those at which the
 * last key's path goes right.
 * @throws MerkleError MERKLE_STATE_INVALID
 */
export function decodeFrontier(hashers: SparseMerkleHashers, state: unknown): FrontierParts {
  const { leafCount, last, subtrees } = fieldsOf(state, 'it') as Partial<Record<string, unknown>>;
  if (!Number.isSafeInteger(leafCount) || !Array.isArray(subtrees)) refuse('a field is missing');
  const count = leafCount as number;
  const saved: readonly unknown[] = subtrees;
  if (last === null) {
    if (count !== 0 || saved.length > 0) refuse('there are leaves but no last one');
    return { leafCount: 0, last: undefined, run: EMPTY_RUN };
  }
  const { key: keyText, valueHash: valueText } = fieldsOf(last, 'the last leaf');
  const key = hashOf(keyText, 'the last key');
  const valueHash = hashOf(valueText, 'the last value hash');
  if (count <= saved.length) refuse(`${count} leaves cannot have ${saved.length} subtrees before the last`);
  const gaps: number[] = [];
  const complete = saved.map((entry): Subtree => {
    const { depth, hash } = fieldsOf(entry, 'a subtree');
    if (!Number.isInteger(depth)) refuse('the depth of a subtree is no integer');
    const gap = depth as number;
    if (gap <= (gaps.at(-1) ?? -1) || gap >= KEY_BITS || keyBit(key, 0, gap) === 0) {
      refuse(`no subtree lies at depth ${gap}`);
    }
    gaps.push(gap);
    return { key, branch: gap + 1, hash: hashOf(hash, 'that of a subtree') };
  });
  const leaf: Subtree = { key, branch: KEY_BITS, hash: hashers.leaf.pair(key, valueHash) };
  return { leafCount: count, last: { key, valueHash }, run: { subtrees: [...complete, leaf], gaps } };
}
