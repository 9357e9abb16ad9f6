import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { treeNodeRows } from '../schema/jellyfish-merkle-node.js';
import { ROOT_PATH } from '../schema/node-key.js';
import { iterateKeys } from '../schema/rows.js';

/** Versions that have a state tree, up to and including `last`, newest first. */
export async function* treeVersions(
  database: AptosDatabaseFiles,
  last?: bigint,
): AsyncGenerator<bigint, void, undefined> {
  const range = last === undefined ? {} : { lte: { version: last, path: ROOT_PATH } };
  const keys = iterateKeys(database.stateMerkleMetadata, treeNodeRows, range, { reverse: true });
  for await (const { version, path } of keys) if (path.length === 0) yield version;
}

/** The newest version at or before `last` that has a state tree. */
export async function lastTreeVersion(
  database: AptosDatabaseFiles,
  last?: bigint,
): Promise<bigint | undefined> {
  for await (const version of treeVersions(database, last)) return version;
  return undefined;
}
