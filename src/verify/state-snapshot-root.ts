import type { StateSnapshotManifest } from '../archive/state-snapshot-manifest.js';
import { equalBytes, type HashValue, toHex } from '../hashing/hash-value.js';
import { verifyAccumulatorProof } from '../merkle/accumulator-proof.js';
import { MerkleError } from '../merkle/merkle-error.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import { TrustError } from '../trust/trust-error.js';
import { hashTransactionInfo } from '../types/hashes.js';
import { StateSnapshotProof } from '../types/proofs.js';
import { readProof, type VerifyContext } from './context.js';
import { findingOf } from './findings.js';
import type { LoadedManifest } from './manifests.js';

/** The root that a snapshot's items must give, and what stands behind it. */
export interface SnapshotRoot {
  readonly root: HashValue;
  /**
   * `anchored`: in the ledger that a chain from the trust root signs. `unanchored`: in a ledger that
   * somebody signed. `refused`: only the manifest says so, and there is a finding.
   */
  readonly trust: 'anchored' | 'unanchored' | 'refused';
}

/** Proves the root of a snapshot by its `state.proof` (spec: formats.md, section 8.3). */
export async function verifySnapshotRoot(
  context: VerifyContext,
  history: EpochHistory | undefined,
  { handle, manifest }: LoadedManifest<StateSnapshotManifest>,
): Promise<SnapshotRoot> {
  const { findings } = context;
  const refused = { root: manifest.rootHash, trust: 'refused' } as const;
  const versions = [manifest.version, manifest.version] as const;
  const file = manifest.proof;
  const proof = await readProof(context, StateSnapshotProof, file, handle);
  if (!proof) return refused;
  const [{ transaction_info: info }, signed] = proof;
  let anchored = false;
  try {
    anchored = history?.verify(signed).anchored ?? false;
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    findings.add(findingOf(error, { file, versions }));
    return refused;
  }
  if (!checkInclusion(context, { handle, manifest }, proof)) return refused;
  const { state_checkpoint_hash: root } = info.value;
  if (!root) {
    const message = `the transaction of version ${manifest.version} carries no state root`;
    findings.add({ code: 'STATE_CHECKPOINT_MISSING', message, file: handle, otherFiles: [file], versions });
    return refused;
  }
  if (!equalBytes(root, manifest.rootHash)) {
    findings.add({
      code: 'STATE_ROOT_HASH_MISMATCH',
      message: 'the root in the manifest is not the one that the ledger signed',
      file: handle,
      expected: toHex(root),
      actual: toHex(manifest.rootHash),
      versions,
    });
  }
  const { epoch } = signed.value.ledger_info.commit_info;
  if (epoch !== manifest.epoch) {
    findings.add({
      code: 'STATE_EPOCH_MISMATCH',
      message: `the manifest names epoch ${manifest.epoch}, the signed ledger info is of epoch ${epoch}`,
      file: handle,
      expected: `${epoch}`,
      actual: `${manifest.epoch}`,
      versions,
    });
  }
  return { root, trust: anchored ? 'anchored' : 'unanchored' };
}

/** The ledger info is vouched for, so the info, its proof or the version in the manifest is wrong. */
function checkInclusion(
  context: VerifyContext,
  { handle, manifest }: LoadedManifest<StateSnapshotManifest>,
  [
    { ledger_info_to_transaction_info_proof: accumulatorProof, transaction_info: info },
    signed,
  ]: StateSnapshotProof,
): boolean {
  const { executed_state_id: root, version } = signed.value.ledger_info.commit_info;
  const { hashers, findings } = context;
  try {
    verifyAccumulatorProof(hashers.transactionAccumulator, {
      root,
      leafHash: hashTransactionInfo(hashers, info),
      index: manifest.version,
      siblings: accumulatorProof.siblings,
      leafCount: version + 1n,
    });
    return true;
  } catch (error) {
    if (!(error instanceof MerkleError)) throw error;
    findings.add({
      code: 'STATE_ROOT_PROOF_MISMATCH',
      message: `no transaction info of version ${manifest.version} is proven: ${error.message}`,
      file: manifest.proof,
      otherFiles: [handle],
      versions: [manifest.version, manifest.version],
    });
    return false;
  }
}
