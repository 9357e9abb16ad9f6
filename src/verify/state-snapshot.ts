import { pMapIterable } from 'p-map';
import type { StateSnapshotManifest } from '../archive/state-snapshot-manifest.js';
import { toHex } from '../hashing/hash-value.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import type { VerifyContext } from './context.js';
import type { LoadedManifest } from './manifests.js';
import type { ProvenSnapshot } from './report.js';
import { SnapshotAssembly } from './snapshot-assembly.js';
import { hashStateChunk } from './state-chunk.js';
import { verifySnapshotRoot } from './state-snapshot-root.js';

/**
 * Verifies one snapshot: its root against the signed ledger, every item against the root (spec:
 * formats.md, sections 8.3 and 9).
 * @returns the snapshot when all of it is proven
 */
export async function verifyStateSnapshot(
  context: VerifyContext,
  history: EpochHistory | undefined,
  backup: LoadedManifest<StateSnapshotManifest>,
): Promise<ProvenSnapshot | undefined> {
  const { findings, progress, concurrency, metrics } = context;
  const { handle, manifest } = backup;
  const { version, epoch } = manifest;
  const { root, trust } = await verifySnapshotRoot(context, history, backup);
  const assembly = new SnapshotAssembly(context, backup, root);
  const hashed = pMapIterable(manifest.chunks, (chunk) => hashStateChunk(context, chunk, handle), {
    concurrency,
  });
  const total = Number((manifest.chunks.at(-1)?.lastIdx ?? -1n) + 1n);
  for await (const chunk of hashed) {
    assembly.add(chunk);
    metrics?.stateItems(version, assembly.items, total);
    progress({ stage: `state snapshot ${version}`, done: assembly.items, total, unit: 'items' });
  }
  const complete = assembly.finish();
  if (trust === 'unanchored' && history) {
    findings.add({
      code: 'NOT_ANCHORED',
      message: `no chain leads from the trust root to the signers of snapshot ${version}`,
      versions: [version, version],
      hint: 'Mend what breaks the chain of epoch endings, or trust a later waypoint.',
    });
  }
  if (!complete || trust === 'refused' || (trust === 'unanchored' && history)) return undefined;
  return { version, epoch, items: BigInt(assembly.items), rootHash: toHex(root) };
}
