import { HASH_SIZE } from '../../hashing/hash-value.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import { TransactionRecordWalk } from '../../types/transaction-record-walk.js';
import { CommitError } from '../commit/commit-error.js';
import { type KnownValues, loadCommittedState } from '../commit/committed-state.js';
import { TransactionAppender } from '../commit/transaction-appender.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { epochByVersionRows } from '../schema/epoch-by-version.js';
import { iterateKeys } from '../schema/rows.js';
import { groupsOf, type ProvenTransactions, type RecordGroup } from './transaction-records.js';
import { commitRestored } from './transaction-saver.js';

/**
 * Appends proven transactions behind a state snapshot: their write sets change values and tree, and the
 * state's root is compared at every checkpoint. The rows are those of a commit (spec: aptosdb-schema.md,
 * 10.1). Trees are written where an epoch of the database ends and after 100,000 versions or changed items,
 * or fewer items where the state is large; nothing depends on how transactions were grouped or where a run
 * was cut off.
 */
export class TransactionTail {
  readonly #database: AptosDatabaseFiles;
  readonly #hashers: LedgerHashers;
  readonly #appender: TransactionAppender;
  readonly #walk = new TransactionRecordWalk();
  readonly #epochEnds: ReadonlySet<bigint>;
  /** What the rows that are being written are views of. */
  #held: ProvenTransactions | undefined;
  #failed = false;

  private constructor(
    database: AptosDatabaseFiles,
    hashers: LedgerHashers,
    appender: TransactionAppender,
    epochEnds: ReadonlySet<bigint>,
  ) {
    this.#database = database;
    this.#hashers = hashers;
    this.#appender = appender;
    this.#epochEnds = epochEnds;
  }

  /**
   * Goes on behind the last version that counts; what an earlier run wrote behind it will be written again.
   * The tree and the usage of a snapshot must be there, and the epochs' endings should be.
   * @throws CommitError COMMIT_DATABASE_INCOMPLETE, COMMIT_STATE_ROOT_MISMATCH
   */
  static async open(
    database: AptosDatabaseFiles,
    hashers: LedgerHashers,
    known: KnownValues = {},
  ): Promise<TransactionTail> {
    const state = await loadCommittedState(database, hashers, known);
    const epochEnds = new Set<bigint>();
    const after = state.lastVersion === undefined ? {} : { gt: state.lastVersion };
    for await (const version of iterateKeys(database.ledgerMetadata, epochByVersionRows, after)) {
      epochEnds.add(version);
    }
    return new TransactionTail(
      database,
      hashers,
      new TransactionAppender(database, hashers, state),
      epochEnds,
    );
  }

  get nextVersion(): bigint {
    return (this.#appender.lastVersion ?? -1n) + 1n;
  }

  /**
   * Writes rows that count for nothing until `commit`. What disagrees with a root is not written. Some of the
   * writing goes on afterwards.
   * @throws CommitError COMMIT_VERSION_UNEXPECTED, COMMIT_STATE_ROOT_MISMATCH (facts: `version`),
   *   COMMIT_DATABASE_INCOMPLETE, COMMIT_BLOCK_EVENT_INVALID, COMMIT_WRITER_FAILED
   */
  async append(chunk: ProvenTransactions): Promise<void> {
    await this.#orFail(async () => {
      const expected = this.nextVersion;
      if (chunk.firstVersion !== expected) {
        const message = `version ${chunk.firstVersion} does not follow: ${expected} is next`;
        const facts = { expected, actual: chunk.firstVersion };
        throw new CommitError('COMMIT_VERSION_UNEXPECTED', message, { facts });
      }
      for (const group of groupsOf(chunk)) {
        await this.#appendGroup(chunk, group);
        this.#releaseBefore(chunk);
      }
    });
  }

  /** Makes everything that was appended count. When it returns, all of it survives a power cut. */
  async commit(): Promise<void> {
    await this.#orFail(async () => {
      await this.#appender.settle();
      this.#releaseBefore(undefined);
      const last = this.#appender.lastVersion;
      if (last !== undefined) await commitRestored(this.#database, last);
    });
  }

  /** Writes the tree of the last checkpoint, and the usage of the last version, and commits. */
  async finish(): Promise<void> {
    await this.#orFail(() => this.#appender.writeLast());
    await this.commit();
  }

  async #appendGroup(chunk: ProvenTransactions, group: RecordGroup): Promise<void> {
    const { bytes, starts, ends, format = 'V1', infoHashes } = chunk;
    this.#appender.begin(group.byteSize);
    for (let index = group.from; index < group.to; index++) {
      const walk = this.#walk;
      walk.walk(bytes, starts[index] ?? 0, ends[index] ?? 0, format, this.#hashers.family.dialect);
      const infoHash = infoHashes?.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE);
      this.#appender.add(chunk.firstVersion + BigInt(index), bytes, walk, infoHash);
    }
    await this.#appender.apply({ endsEpoch: (version) => this.#epochEnds.has(version) });
  }

  /** When rows of the next one are being written, those before are written. */
  #releaseBefore(next: ProvenTransactions | undefined): void {
    if (this.#held !== next) this.#held?.release?.();
    this.#held = next;
  }

  async #orFail(work: () => Promise<void>): Promise<void> {
    if (this.#failed) {
      const message = 'an earlier call failed halfway: open the database again';
      throw new CommitError('COMMIT_WRITER_FAILED', message);
    }
    this.#failed = true;
    await work();
    this.#failed = false;
  }
}
