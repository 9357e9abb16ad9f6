import type { HashValue } from '../../hashing/hash-value.js';
import type { DeferredNodes } from '../../merkle/deferred-nodes.js';
import { NIBBLES_MAX } from '../schema/node-key.js';
import { TREE_FANOUT } from '../schema/tree-node.js';

/** A finished child of a node that is not finished itself. */
export interface EdgeChild {
  readonly nibble: number;
  readonly hash: HashValue;
  readonly isLeaf: boolean;
  /** 1 for a leaf. */
  readonly leafCount: number;
}

/**
 * The nodes on the path of the last leaf, one a depth, in plain arrays: which children they have so far, and
 * the numbers of their hashes among deferred nodes.
 */
export class OpenLevels {
  /** One bit a child by depth; the same for those that are leaves. */
  readonly existing = new Int32Array(NIBBLES_MAX);
  readonly leafBits = new Int32Array(NIBBLES_MAX);
  /** By `TREE_FANOUT * depth + nibble`; only slots with a bit count. */
  readonly numbers = new Int32Array(NIBBLES_MAX * TREE_FANOUT);
  readonly leafCounts = new Float64Array(NIBBLES_MAX * TREE_FANOUT);

  attachLeaf(depth: number, nibble: number, number: number): void {
    this.leafBits[depth] = (this.leafBits[depth] ?? 0) | (1 << nibble);
    this.attach(depth, nibble, number, 1);
  }

  attach(depth: number, nibble: number, number: number, leafCount: number): void {
    this.existing[depth] = (this.existing[depth] ?? 0) | (1 << nibble);
    const slot = depth * TREE_FANOUT + nibble;
    this.numbers[slot] = number;
    this.leafCounts[slot] = leafCount;
  }

  clear(depth: number): void {
    this.existing[depth] = 0;
    this.leafBits[depth] = 0;
  }

  leafCount(depth: number): number {
    let sum = 0;
    let bits = this.existing[depth] ?? 0;
    for (let slot = depth * TREE_FANOUT; bits !== 0; bits >>= 1, slot++) {
      if (bits & 1) sum += this.leafCounts[slot] ?? 0;
    }
    return sum;
  }

  /** Notes the hash of a node that has its children, and gives its number. */
  hashNumber(depth: number, nodes: DeferredNodes): number {
    return this.#slots(depth, 0, TREE_FANOUT, nodes);
  }

  /** The children of a node; their hashes must be computed by now. Copies. */
  children(depth: number, nodes: DeferredNodes): EdgeChild[] {
    const children: EdgeChild[] = [];
    const existing = this.existing[depth] ?? 0;
    const leafBits = this.leafBits[depth] ?? 0;
    for (let nibble = 0; nibble < TREE_FANOUT; nibble++) {
      if ((existing & (1 << nibble)) === 0) continue;
      const slot = depth * TREE_FANOUT + nibble;
      children.push({
        nibble,
        hash: nodes.hashOf(this.numbers[slot] ?? 0),
        isLeaf: (leafBits & (1 << nibble)) !== 0,
        leafCount: this.leafCounts[slot] ?? 0,
      });
    }
    return children;
  }

  /** A binary tree over the slots; a lone leaf stands for all of them (spec: aptosdb-schema.md, 8.2). */
  #slots(depth: number, start: number, width: number, nodes: DeferredNodes): number {
    const bits = (this.existing[depth] ?? 0) & (((1 << width) - 1) << start);
    if (bits === 0) return nodes.placeholder;
    const isLone = (bits & (bits - 1)) === 0;
    if (isLone && (width === 1 || (bits & (this.leafBits[depth] ?? 0)) !== 0)) {
      return this.numbers[depth * TREE_FANOUT + 31 - Math.clz32(bits)] ?? 0;
    }
    const half = width >> 1;
    const left = this.#slots(depth, start, half, nodes);
    return nodes.node(left, this.#slots(depth, start + half, half, nodes));
  }
}
