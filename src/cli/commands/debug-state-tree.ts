import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { AptosDatabaseFiles } from '../../aptosdb/driver/aptos-database-files.js';
import { nodeHash } from '../../aptosdb/jellyfish/node-hash.js';
import { missingNode, pathText, requireNodes, requireRootNode } from '../../aptosdb/jellyfish/node-store.js';
import { treeLeaves } from '../../aptosdb/jellyfish/tree-leaves.js';
import { DatabaseNodes } from '../../aptosdb/read/database-nodes.js';
import { LeafValues } from '../../aptosdb/read/leaf-values.js';
import { lastTreeVersion, treeVersions } from '../../aptosdb/read/tree-versions.js';
import { childPath, type NodeKey, ROOT_PATH } from '../../aptosdb/schema/node-key.js';
import type { LeafNode, TreeNode } from '../../aptosdb/schema/tree-node.js';
import { toHex } from '../../hashing/hash-value.js';
import { sparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { parseU64, U64_MAX } from '../argument-parsers.js';
import { type Console, printLine } from '../console.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Dispatch } from '../dispatch.js';
import { UsageError } from '../usage-error.js';

const SNAPSHOTS_LISTED_MAX = 10;

interface DbFlags {
  readonly dbDir: string;
}

interface SnapshotsFlags extends DbFlags {
  readonly nextVersion: bigint;
}

interface PathFlags extends DbFlags {
  readonly beforeVersion: bigint;
  readonly nibblePath: string;
}

interface LeafFlags extends DbFlags {
  readonly beforeVersion: bigint;
  readonly leafIndex: bigint;
}

function parseNibbles(text: string): string {
  if (!/^[0-9a-fA-F]{0,64}$/.test(text)) throw new InvalidArgumentError('It is not up to 64 hex digits.');
  return text;
}

async function getSnapshots({ dbDir, nextVersion }: SnapshotsFlags, console: Console): Promise<ExitCode> {
  await using database = await AptosDatabaseFiles.open(dbDir, { mode: 'read' });
  if (nextVersion === 0n) return EXIT.ok;
  let listed = 0;
  for await (const version of treeVersions(database, nextVersion - 1n)) {
    if (listed === SNAPSHOTS_LISTED_MAX) break;
    printLine(console.stdout, `${listed++} ${version}`);
  }
  return EXIT.ok;
}

async function treeBefore(database: AptosDatabaseFiles, beforeVersion: bigint): Promise<bigint> {
  const version = beforeVersion === 0n ? undefined : await lastTreeVersion(database, beforeVersion - 1n);
  if (version === undefined) throw new UsageError(`no state tree before version ${beforeVersion}`);
  return version;
}

function printNode({ stdout }: Console, key: NodeKey, node: TreeNode): void {
  const hashers = sparseMerkleHashers(ledgerHashers(LEDGER_FAMILIES.aptos));
  const place = `path '${pathText(key.path)}' version ${key.version}`;
  printLine(stdout, `${node.kind} ${place} hash ${toHex(nodeHash(hashers, node))}`);
  if (node.kind === 'leaf') printLeaf(stdout, node);
  if (node.kind !== 'internal') return;
  for (const { nibble, version, isLeaf, leafCount, hash } of node.children) {
    const kind = isLeaf ? 'leaf' : `internal with ${leafCount} leaves`;
    printLine(stdout, `  ${nibble.toString(16)}: ${kind}, version ${version}, hash ${toHex(hash)}`);
  }
}

function printLeaf(stdout: Console['stdout'], leaf: LeafNode): void {
  printLine(stdout, `  key hash ${toHex(leaf.keyHash)}`);
  printLine(stdout, `  value hash ${toHex(leaf.valueHash)}`);
  printLine(stdout, `  state key ${toHex(leaf.stateKey)}`);
  printLine(stdout, `  value version ${leaf.valueVersion}`);
}

async function getPath(flags: PathFlags, console: Console): Promise<ExitCode> {
  await using database = await AptosDatabaseFiles.open(flags.dbDir, { mode: 'read' });
  const version = await treeBefore(database, flags.beforeVersion);
  const nodes = new DatabaseNodes(database);
  let key: NodeKey = { version, path: ROOT_PATH };
  let node = await requireRootNode(nodes, version);
  printNode(console, key, node);
  for (const digit of flags.nibblePath) {
    if (node.kind !== 'internal') break;
    const nibble = Number.parseInt(digit, 16);
    const child = node.children.find((candidate) => candidate.nibble === nibble);
    if (child === undefined) {
      printLine(console.stdout, `nothing at path '${pathText(childPath(key.path, nibble))}'`);
      break;
    }
    key = { version: child.version, path: childPath(key.path, nibble) };
    const [below] = await requireNodes(nodes, [key]);
    node = below ?? missingNode(key);
    printNode(console, key, node);
  }
  return EXIT.ok;
}

async function getLeaf(flags: LeafFlags, console: Console): Promise<ExitCode> {
  await using database = await AptosDatabaseFiles.open(flags.dbDir, { mode: 'read' });
  const version = await treeBefore(database, flags.beforeVersion);
  const leaves = treeLeaves(new DatabaseNodes(database), version, { startIndex: flags.leafIndex });
  for await (const [leaf] of leaves) {
    if (leaf === undefined) continue;
    printLine(console.stdout, `leaf ${flags.leafIndex} of the state tree of version ${version}`);
    printLeaf(console.stdout, leaf);
    const values = new LeafValues(database);
    const [value = new Uint8Array()] = await values.valuesOf([leaf]);
    await values.close();
    printLine(console.stdout, `  state value ${toHex(value)}`);
    return EXIT.ok;
  }
  printLine(console.stderr, `error: the state tree of version ${version} has no leaf ${flags.leafIndex}`);
  return EXIT.findings;
}

/** `debug state-tree`: what the stored state trees look like. */
export function addDebugStateTree(debug: Command, dispatch: Dispatch): void {
  const { console } = dispatch;
  const tree = debug.command('state-tree').description('look into the state trees of a database');
  const dbDir = [
    '--db-dir <DIR>',
    'the folder that holds ledger_db, state_kv_db and state_merkle_db',
  ] as const;
  const before = ['--before-version <V>', 'take the newest tree before this version', parseU64] as const;
  tree
    .command('get-snapshots')
    .description('list the newest versions that have a state tree, up to ten')
    .requiredOption(...dbDir)
    .option('--next-version <V>', 'only versions before this one', parseU64, U64_MAX)
    .action((flags: SnapshotsFlags) => dispatch.run(() => getSnapshots(flags, console)));
  tree
    .command('get-path')
    .description('print the nodes on the way along some nibbles')
    .requiredOption(...dbDir)
    .requiredOption(...before)
    .requiredOption('--nibble-path <HEX>', 'one hex digit a level', parseNibbles)
    .action((flags: PathFlags) => dispatch.run(() => getPath(flags, console)));
  tree
    .command('get-leaf')
    .description('print a leaf by its place in the order of key hashes')
    .requiredOption(...dbDir)
    .requiredOption(...before)
    .requiredOption('--leaf-index <N>', 'counted from 0', parseU64)
    .action((flags: LeafFlags) => dispatch.run(() => getLeaf(flags, console)));
}
