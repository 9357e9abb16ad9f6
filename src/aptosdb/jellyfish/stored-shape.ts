import type { NodeArena } from '../../merkle/node-arena.js';
import { NONE } from '../../merkle/node-arena.js';

/** Binary levels of a node of the stored tree. */
export const NIBBLE_BITS = 4;

/**
 * The children of a stored node at depth `pathLength` in nibbles, by rising nibble, of which `node` is what
 * the binary tree has there: each is the topmost binary node within its nibble.
 */
export function forEachChild(
  nodes: NodeArena,
  node: number,
  pathLength: number,
  visit: (child: number, nibble: number) => void,
): void {
  if (node === NONE) return;
  const start = NIBBLE_BITS * pathLength;
  if (nodes.depth(node) >= start + NIBBLE_BITS) {
    let nibble = 0;
    for (let bit = 0; bit < NIBBLE_BITS; bit++) nibble = 2 * nibble + nodes.bit(node, start + bit);
    visit(node, nibble);
    return;
  }
  forEachChild(nodes, nodes.left(node), pathLength, visit);
  forEachChild(nodes, nodes.right(node), pathLength, visit);
}
