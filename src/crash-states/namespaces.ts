import type { NamespaceRule } from './crash-model.js';
import type { DiskHistory, EntryVersion, HistoryDirectory, HistoryNode } from './disk-history.js';
import type { SeededRandom } from './seeded-random.js';

/** One possible set of names: every path, parents before children. */
export type Namespace = readonly (readonly [path: string, node: HistoryNode])[];

/** The possible sets of names at one point of a history. */
export interface Namespaces {
  /** How many there are; may be a huge (inexact) number. */
  readonly count: number;
  /** All of them, one after the other; each exactly once. */
  all(): Iterable<Namespace>;
  /** The durable names only, and all names as the running system sees them. */
  extremes(): readonly Namespace[];
  /** One at random. */
  random(random: SeededRandom): Namespace;
}

/** What the rule allows at the present point of the history; to be used before the history goes on. */
export function possibleNamespaces(history: DiskHistory, rule: NamespaceRule): Namespaces {
  if (rule === 'any-subset') return anySubset(history.root);
  return journalPrefixes(history, rule === 'all' ? history.updates.length : history.committed);
}

function journalPrefixes(history: DiskHistory, shortest: number): Namespaces {
  const count = history.updates.length - shortest + 1;
  const at = (length: number): Namespace => namespaceAfter(history, length);
  return {
    count,
    *all() {
      for (let length = shortest; length <= history.updates.length; length += 1) yield at(length);
    },
    extremes: () => [at(shortest), at(history.updates.length)],
    random: (random) => at(shortest + random.below(count)),
  };
}

/** The names after the first `length` updates. */
function namespaceAfter(history: DiskHistory, length: number): Namespace {
  const entries = new Map<HistoryDirectory, Map<string, HistoryNode | undefined>>();
  const changes = history.updates.slice(0, length).flatMap((update) => update.changes);
  for (const { directory, name, target } of [...history.base, ...changes]) {
    const names = entries.get(directory) ?? new Map<string, HistoryNode | undefined>();
    entries.set(directory, names.set(name, target));
  }
  const found: [string, HistoryNode][] = [];
  const walk = (directory: HistoryDirectory, prefix: string): void => {
    for (const [name, node] of entries.get(directory) ?? []) {
      if (node === undefined) continue;
      found.push([prefix + name, node]);
      if (node.kind === 'directory') walk(node, `${prefix}${name}/`);
    }
  };
  walk(history.root, '');
  return found;
}

/** A path whose entry is still to be decided. */
interface OpenEntry {
  readonly path: string;
  readonly versions: readonly EntryVersion[];
}

function anySubset(root: HistoryDirectory): Namespaces {
  return {
    count: countBelow(root),
    all: () => expand(openEntries(root, ''), [], targetsOf),
    extremes: () => [
      first(expand(openEntries(root, ''), [], (versions) => targetsOf(versions).slice(0, 1))),
      first(expand(openEntries(root, ''), [], (versions) => [versions.at(-1)?.target])),
    ],
    random(random) {
      const pick = (versions: readonly EntryVersion[]) => {
        const targets = targetsOf(versions);
        return [targets[random.below(targets.length)]];
      };
      return first(expand(openEntries(root, ''), [], pick));
    },
  };
}

/** Decides one entry after the other, top down, so that nothing below a missing directory multiplies. */
function* expand(
  open: readonly OpenEntry[],
  placed: Namespace,
  choices: (versions: readonly EntryVersion[]) => readonly (HistoryNode | undefined)[],
): Generator<Namespace> {
  const [next, ...rest] = open;
  if (next === undefined) {
    yield placed;
    return;
  }
  for (const target of choices(next.versions)) {
    if (target === undefined) yield* expand(rest, placed, choices);
    else {
      const below = target.kind === 'directory' ? openEntries(target, `${next.path}/`) : [];
      yield* expand([...below, ...rest], [...placed, [next.path, target]], choices);
    }
  }
}

function openEntries(directory: HistoryDirectory, prefix: string): OpenEntry[] {
  return [...directory.entries].map(([name, versions]) => ({ path: prefix + name, versions }));
}

function targetsOf(versions: readonly EntryVersion[]): (HistoryNode | undefined)[] {
  return [...new Set(versions.map((version) => version.target))];
}

function countBelow(directory: HistoryDirectory): number {
  let product = 1;
  for (const versions of directory.entries.values()) {
    let sum = 0;
    for (const target of targetsOf(versions)) sum += target?.kind === 'directory' ? countBelow(target) : 1;
    product *= sum;
  }
  return product;
}

function first(namespaces: Iterable<Namespace>): Namespace {
  for (const namespace of namespaces) return namespace;
  return [];
}
