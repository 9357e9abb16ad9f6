import { childPath, type NodeKey, nibbleAt, ROOT_PATH } from '../schema/node-key.js';
import type { InternalNode, TreeChild, TreeNode } from '../schema/tree-node.js';
import type { Children } from './node-hash.js';
import { nodeKeyText, type NodeReader, requireNodes } from './node-store.js';
import type { LeafUpdate } from './tree-update.js';

/** The nodes that an update will look at, by the text of their keys. */
export type LoadedNodes = ReadonlyMap<string, TreeNode>;

/** Updates `start..end` of a shard meet the node at `key`. */
interface Visit {
  readonly key: NodeKey;
  readonly updates: readonly LeafUpdate[];
  readonly start: number;
  readonly end: number;
}

/**
 * Calls `visit` with each run of sorted updates that share their nibble at `depth`. An empty run gives no
 * call.
 */
export function forEachNibble(
  updates: readonly LeafUpdate[],
  start: number,
  end: number,
  depth: number,
  visit: (nibble: number, start: number, end: number) => void,
): void {
  const nibbleOf = (index: number): number => {
    const update = updates[index];
    return update === undefined ? -1 : nibbleAt(update.keyHash, depth);
  };
  for (let first = start; first < end; ) {
    const nibble = nibbleOf(first);
    let last = first + 1;
    while (last < end && nibbleOf(last) === nibble) last++;
    visit(nibble, first, last);
    first = last;
  }
}

/**
 * Reads what an update will need, one level of the tree at a time, so that the update itself has nothing to
 * wait for.
 * @throws JellyfishError JELLYFISH_NODE_MISSING
 */
export async function loadTouchedNodes(
  reader: NodeReader,
  shardTops: Children,
  byShard: readonly (readonly LeafUpdate[])[],
): Promise<LoadedNodes> {
  const loaded = new Map<string, TreeNode>();
  let level = shardTops.map((top): Visit => {
    const updates = byShard[top.nibble] ?? [];
    return { key: childKey(ROOT_PATH, top), updates, start: 0, end: updates.length };
  });
  while (level.length > 0) {
    const nodes = await requireNodes(
      reader,
      level.map(({ key }) => key),
    );
    const next: Visit[] = [];
    level.forEach((visit, index) => {
      const node = nodes[index];
      if (node === undefined) return;
      loaded.set(nodeKeyText(visit.key), node);
      if (node.kind === 'internal' && visit.start < visit.end) next.push(...visitsBelow(visit, node));
    });
    level = next;
  }
  return loaded;
}

function childKey(path: NodeKey['path'], child: TreeChild): NodeKey {
  return { version: child.version, path: childPath(path, child.nibble) };
}

function visitsBelow(visit: Visit, node: InternalNode): Visit[] {
  const { path } = visit.key;
  const below: Visit[] = [];
  let touched = 0;
  forEachNibble(visit.updates, visit.start, visit.end, path.length, (nibble, start, end) => {
    const child = node.children.find((candidate) => candidate.nibble === nibble);
    touched |= 1 << nibble;
    if (child) below.push({ key: childKey(path, child), updates: visit.updates, start, end });
  });
  if (!removesAny(visit)) return below;
  const [lone, ...others] = node.children.filter(({ nibble }) => ((touched >> nibble) & 1) === 0);
  if (lone?.isLeaf && others.length === 0) {
    // Where all others go away, it moves up into the place of its parent.
    below.push({ key: childKey(path, lone), updates: visit.updates, start: 0, end: 0 });
  }
  return below;
}

function removesAny({ updates, start, end }: Visit): boolean {
  for (let index = start; index < end; index++) if (updates[index]?.value === undefined) return true;
  return false;
}
