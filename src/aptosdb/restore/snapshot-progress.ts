import { equalBytes, hashFromHex, type HashValue, toHex } from '../../hashing/hash-value.js';
import { MerkleError } from '../../merkle/merkle-error.js';
import type { SparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import { StateTreeFrontier } from '../../merkle/state-tree-frontier.js';
import type { StateTreeFrontierState } from '../../merkle/state-tree-frontier-state.js';
import { nibbleAt, NIBBLES_MAX } from '../schema/node-key.js';
import { TREE_FANOUT } from '../schema/tree-node.js';
import { refuseProgress } from './snapshot-restore-error.js';
import type { TreeEdge } from './tree-builder.js';
import { edgeRoot } from './tree-builder-edge.js';
import type { EdgeChild } from './tree-builder-levels.js';

/** What of a snapshot is written: state values, the state tree, or both. */
export type SnapshotMode = 'default' | 'kv_only' | 'tree_only';

/** Which snapshot is written, and what of it. */
export interface SnapshotTarget {
  readonly version: bigint;
  readonly mode: SnapshotMode;
  /** That the ledger signed for the version. */
  readonly rootHash: HashValue;
}

/** The right edge of a tree under construction, for JSON; hashes and keys are hex. */
export interface TreeEdgeState {
  /** BCS of the last leaf's state key. */
  readonly stateKey: string;
  readonly levels: readonly (readonly EdgeChildState[])[];
}

interface EdgeChildState {
  readonly nibble: number;
  readonly hash: string;
  /** Absent for a leaf. */
  readonly leafCount?: number;
}

/**
 * How far a snapshot is written, as a plain value for JSON, usually of some KiB: all of it is durable.
 * Integers of 64 bits are decimal text.
 */
export interface SnapshotProgress {
  readonly version: string;
  readonly mode: SnapshotMode;
  readonly rootHash: string;
  /** From here on the next items have to be proven: `StateTreeFrontier.fromState`. */
  readonly frontier: StateTreeFrontierState;
  /** Usage of the items so far. */
  readonly bytes: string;
  /** Null where no tree is built, and before the first item. */
  readonly edge: TreeEdgeState | null;
}

/** The same in memory, checked. */
export interface SnapshotPosition {
  readonly frontier: StateTreeFrontier;
  readonly last: StateTreeFrontierState['last'];
  readonly bytes: bigint;
  readonly edge: TreeEdge | undefined;
}

export function encodeEdge({ last, levels }: TreeEdge): TreeEdgeState | null {
  if (last === undefined) return null;
  const asState = ({ nibble, hash, isLeaf, leafCount }: EdgeChild): EdgeChildState =>
    isLeaf ? { nibble, hash: toHex(hash) } : { nibble, hash: toHex(hash), leafCount };
  return { stateKey: toHex(last.stateKey), levels: levels.map((children) => children.map(asState)) };
}

/**
 * Checks all that can be checked without the database: that the progress is of this snapshot, that its parts
 * are well formed, and that edge and frontier have the same root.
 * @throws SnapshotRestoreError RESTORE_PROGRESS_MISMATCH
 */
export function decodeProgress(
  hashers: SparseMerkleHashers,
  target: SnapshotTarget,
  saved: unknown,
): SnapshotPosition {
  const { version, mode, rootHash, frontier: frontierState, bytes, edge } = fieldsOf(saved);
  const isSame =
    version === String(target.version) && mode === target.mode && rootHash === toHex(target.rootHash);
  if (!isSame) {
    refuseProgress('it is of another snapshot', { version, mode, rootHash });
  }
  if (typeof bytes !== 'string' || !/^\d{1,20}$/.test(bytes)) refuseProgress('its usage is no number');
  const frontier = decodeFrontierState(hashers, frontierState);
  const position = { frontier, last: frontier.toState().last, bytes: BigInt(bytes) };
  if (target.mode === 'kv_only' || position.last === null) {
    if (edge !== null) refuseProgress('it has the edge of a tree that is not built');
    return { ...position, edge: undefined };
  }
  const { key, valueHash } = position.last;
  const decoded = decodeEdge(edge, hashFromHex(key), hashFromHex(valueHash));
  const leafCount = decoded.levels.flat().reduce((sum, child) => sum + child.leafCount, 1);
  if (leafCount !== frontier.leafCount) {
    refuseProgress('edge and frontier have other numbers of leaves', {
      edge: leafCount,
      frontier: frontier.leafCount,
    });
  }
  if (!equalBytes(edgeRoot(hashers, decoded), frontier.currentRoot())) {
    refuseProgress('edge and frontier have other roots');
  }
  return { ...position, edge: decoded };
}

function decodeFrontierState(hashers: SparseMerkleHashers, state: unknown): StateTreeFrontier {
  try {
    return StateTreeFrontier.fromState(hashers, state);
  } catch (error) {
    if (!(error instanceof MerkleError)) throw error;
    return refuseProgress(error.message);
  }
}

function decodeEdge(edge: unknown, keyHash: HashValue, valueHash: HashValue): TreeEdge {
  const { stateKey, levels } = fieldsOf(edge);
  if (typeof stateKey !== 'string' || !/^([0-9a-f]{2})+$/.test(stateKey)) {
    refuseProgress('the last state key is no hex text');
  }
  if (!Array.isArray(levels) || levels.length > NIBBLES_MAX) refuseProgress('the edge has no levels');
  const last = { keyHash, valueHash, stateKey: new Uint8Array(Buffer.from(stateKey, 'hex')) };
  const decoded = (levels as unknown[]).map((children, depth) => {
    if (!Array.isArray(children)) refuseProgress(`level ${depth} of the edge is no list`);
    const onPath = nibbleAt(keyHash, depth);
    return decodeChildren(children as unknown[], depth, onPath);
  });
  return { last, levels: decoded };
}

function decodeChildren(children: readonly unknown[], depth: number, onPath: number): EdgeChild[] {
  let previous = -1;
  return children.map((child): EdgeChild => {
    const { nibble, hash, leafCount = 1 } = fieldsOf(child);
    const isLeaf = !Object.hasOwn(fieldsOf(child), 'leafCount');
    const isPlace = Number.isInteger(nibble) && (nibble as number) < TREE_FANOUT;
    if (!isPlace || (nibble as number) <= previous || (nibble as number) >= onPath) {
      refuseProgress(`a child at level ${depth} of the edge stands at no place`, { nibble });
    }
    if (!Number.isSafeInteger(leafCount) || (!isLeaf && (leafCount as number) < 2)) {
      refuseProgress(`a child at level ${depth} of the edge has no number of leaves`, { leafCount });
    }
    previous = nibble as number;
    return { nibble: previous, hash: hashOf(hash), isLeaf, leafCount: leafCount as number };
  });
}

function hashOf(text: unknown): HashValue {
  if (typeof text !== 'string' || !/^[0-9a-f]{64}$/.test(text)) refuseProgress('a hash on the edge is none');
  return hashFromHex(text);
}

function fieldsOf(value: unknown): Partial<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) refuseProgress('a part of it is no object');
  return value as Partial<Record<string, unknown>>;
}
