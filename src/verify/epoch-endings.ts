import type { EpochEndingManifest } from '../archive/epoch-ending-manifest.js';
import { readRecordBatches } from '../archive/record-file.js';
import { decode } from '../bcs/codec.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import { TrustError } from '../trust/trust-error.js';
import { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import { formatWaypoint, waypointOf } from '../types/waypoint.js';
import type { VerifyContext } from './context.js';
import { type FindingPlace, findingOf } from './findings.js';
import type { LoadedManifest } from './manifests.js';
import { addRange, type ProvenRange } from './report.js';

/** Judges the endings of all epochs in order and builds up the epoch history (spec: formats.md, 8.1). */
export class EpochEndingVerifier {
  readonly #context: VerifyContext;
  readonly #history: EpochHistory;
  #proven: ProvenRange[] = [];
  #notAnchored: ProvenRange[] = [];

  constructor(context: VerifyContext, history: EpochHistory) {
    this.#context = context;
    this.#history = history;
  }

  /**
   * `backups` in the order of their epochs; `total` is how many epochs they say they hold.
   * @returns epochs whose endings a chain from the trust root vouches for
   */
  async verify(
    backups: AsyncIterable<LoadedManifest<EpochEndingManifest>>,
    total: number,
  ): Promise<readonly ProvenRange[]> {
    for await (const backup of backups) {
      for (const chunk of backup.manifest.chunks) {
        await this.#verifyChunk(backup, chunk);
        const done = this.#context.tally.epochEndings;
        this.#context.progress({ stage: 'epoch endings', done, total, unit: 'epochs' });
      }
    }
    for (const { first, last } of this.#notAnchored) {
      this.#context.findings.add({
        code: 'NOT_ANCHORED',
        message: `no chain leads from the trust root to the endings of epochs ${first} to ${last}`,
        epochs: [first, last],
        hint: 'Mend what breaks the chain before them, or trust a waypoint at or before them.',
      });
    }
    return this.#proven;
  }

  async #verifyChunk(
    backup: LoadedManifest<EpochEndingManifest>,
    chunk: EpochEndingManifest['chunks'][number],
  ): Promise<void> {
    const { storage, signal, findings, tally } = this.#context;
    const file = chunk.ledgerInfos;
    const expected = Number(chunk.lastEpoch - chunk.firstEpoch) + 1;
    const check = this.#context.attestations.begin(file, backup.handle);
    let count = 0;
    try {
      for await (const batch of readRecordBatches(storage, file, { signal, onContent: check.onContent })) {
        for (let index = 0; index < batch.count; index++) {
          const start = batch.starts[index] ?? 0;
          const bytes = batch.bytes.subarray(start, batch.ends[index]);
          const place = { file, record: batch.firstRecord + index, offset: batch.fileOffset + start };
          this.#verifyRecord(backup, chunk.firstEpoch + BigInt(place.record), bytes, place);
          tally.bytes += bytes.length;
          count++;
        }
      }
      check.finish();
    } catch (error) {
      signal?.throwIfAborted();
      findings.add(findingOf(error, { file, otherFiles: [backup.handle] }));
      return;
    }
    if (count !== expected) {
      findings.add({
        code: 'RECORD_COUNT_MISMATCH',
        message: `the chunk holds ${count} epoch endings, its manifest says ${expected}`,
        file,
        otherFiles: [backup.handle],
        expected: `${expected}`,
        actual: `${count}`,
        epochs: [chunk.firstEpoch, chunk.lastEpoch],
      });
    }
  }

  #verifyRecord(
    backup: LoadedManifest<EpochEndingManifest>,
    expectedEpoch: bigint,
    bytes: Uint8Array,
    place: FindingPlace,
  ): void {
    const { findings, tally, hashers } = this.#context;
    let signed: LedgerInfoWithSignatures;
    try {
      // A copy, since what is decoded are views and the batch's buffer is used again.
      signed = decode(LedgerInfoWithSignatures, bytes.slice(), { dialect: hashers.family.dialect });
    } catch (error) {
      findings.add(findingOf(error, place));
      return;
    }
    tally.epochEndings++;
    const { epoch, next_epoch_state: nextEpochState } = signed.value.ledger_info.commit_info;
    if (epoch !== expectedEpoch) {
      findings.add({
        ...place,
        code: 'EPOCH_UNEXPECTED',
        message: `the record ends epoch ${epoch}, its place is that of epoch ${expectedEpoch}`,
        otherFiles: [backup.handle],
        expected: `${expectedEpoch}`,
        actual: `${epoch}`,
      });
      return;
    }
    if (!nextEpochState) {
      const message = `the ledger info of epoch ${epoch} names no validators of a next epoch`;
      findings.add({ ...place, code: 'EPOCH_NOT_ENDED', message });
      return;
    }
    const vouched = this.#judge(signed, place);
    this.#compareManifest(backup, signed, vouched, place);
  }

  /** Adds the ending to the history in any case; true when something vouches for it. */
  #judge(signed: LedgerInfoWithSignatures, place: FindingPlace): boolean {
    const { epoch } = signed.value.ledger_info.commit_info;
    const range = { first: epoch, last: epoch };
    try {
      const vouched = this.#history.add(signed);
      this.#context.metrics?.epochEndings([signed]);
      if (vouched.anchored) this.#proven = addRange(this.#proven, range);
      else this.#notAnchored = addRange(this.#notAnchored, range);
      return vouched.by !== 'root';
    } catch (error) {
      if (!(error instanceof TrustError)) throw error;
      this.#history.addUnanchored(signed);
      // Behind a gap there is nothing to check it with: one finding tells so for the whole range.
      if (error.code === 'VALIDATORS_UNKNOWN') this.#notAnchored = addRange(this.#notAnchored, range);
      else this.#context.findings.add(findingOf(error, { ...place, epochs: [epoch, epoch] }));
      return false;
    }
  }

  /** The manifest lies where something vouches for the ledger info; otherwise either may. */
  #compareManifest(
    backup: LoadedManifest<EpochEndingManifest>,
    signed: LedgerInfoWithSignatures,
    vouched: boolean,
    place: FindingPlace,
  ): void {
    const { epoch } = signed.value.ledger_info.commit_info;
    const expected = backup.manifest.waypoints[Number(epoch - backup.manifest.firstEpoch)];
    const actual = formatWaypoint(waypointOf(this.#context.hashers, signed.value.ledger_info));
    // Either case of hex digits is accepted, as the reference does.
    if (expected === undefined || expected.toLowerCase() === actual) return;
    const message = `the ending of epoch ${epoch} and its waypoint in the manifest disagree`;
    const facts = { code: 'MANIFEST_WAYPOINT_MISMATCH', message, expected, actual } as const;
    this.#context.findings.add(
      vouched ? { ...facts, file: backup.handle } : { ...place, ...facts, otherFiles: [backup.handle] },
    );
  }
}
