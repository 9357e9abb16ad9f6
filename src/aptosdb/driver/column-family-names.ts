import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

const OPTIONS_FILE = /^OPTIONS-(\d+)$/;
const SECTION = /^\[CFOptions "(.*)"\]$/gm;

/**
 * The column families of an instance, `default` aside, from the newest of the text files in which RocksDB
 * notes its options; undefined where there is none. The library cannot list them itself.
 */
export async function columnFamilyNames(directory: string): Promise<readonly string[] | undefined> {
  const numbers = (await readdir(directory)).flatMap((name) => OPTIONS_FILE.exec(name)?.[1] ?? []);
  const newest = numbers.sort((left, right) => Number(left) - Number(right)).at(-1);
  if (newest === undefined) return undefined;
  const text = await readFile(path.join(directory, `OPTIONS-${newest}`), 'utf8');
  const names = [...text.matchAll(SECTION)].flatMap((match) => match[1] ?? []);
  return names.filter((name) => name !== 'default');
}
