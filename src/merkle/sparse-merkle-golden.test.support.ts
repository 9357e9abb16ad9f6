import { HASH_SIZE } from '../hashing/hash-value.js';
import { byteHash, type StateLeaf } from './naive-trees.test.support.js';

/** A state tree of four leaves (spec: formats.md, section 10). */
export const GOLDEN_LEAVES: readonly StateLeaf[] = ['10', '18', '80', '8001'].map((digits, index) => {
  const key = new Uint8Array(HASH_SIZE);
  key.set(Buffer.from(digits, 'hex'));
  return { key, value: byteHash(index + 1) };
});

/** Roots of its first 1, 2, 3 and 4 leaves. */
export const GOLDEN_ROOTS = [
  'eee05dace8bbc06632dabb9fe8f362aa280a0a1e7e8a546c9d0f5f99cb89c7d5',
  '8c128d02f2a3ba35c0d0989d5be8ae82ac506678d38be08dd2fc040c9ad3ad41',
  'bca049350564e4d34affeaf74beb4a59b78d2d83be55d646fd0fe32a3e898dba',
  '702e7ccf7298d427b795149470b6c321e6860117bd178582d9a6e85059f00557',
] as const;

const PLACEHOLDER = '5350415253455f4d45524b4c455f504c414345484f4c4445525f484153480000';
const RIGHT_HALF = 'f8762419695d7ab51cfbf17a42583ebc9e3ee57ee96e163104fb89895326d63b';

/** By leaf index, from the bottom to the root; the spec lists those of leaves 0, 1 and 3. */
export const GOLDEN_RIGHT_SIBLINGS = new Map<number, readonly string[]>([
  [
    0,
    [
      '34e995dbb2bce83ba17437e135cf5e3cff331465a94a8bf91578b20289fb9d7f',
      PLACEHOLDER,
      PLACEHOLDER,
      RIGHT_HALF,
    ],
  ],
  [1, [PLACEHOLDER, PLACEHOLDER, RIGHT_HALF]],
  [3, new Array<string>(14).fill(PLACEHOLDER)],
]);
