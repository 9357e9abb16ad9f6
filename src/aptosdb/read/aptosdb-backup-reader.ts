import { encode } from '../../bcs/codec.js';
import type { HashValue } from '../../hashing/hash-value.js';
import { sparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import { LEDGER_FAMILIES, type LedgerHashers, ledgerHashers } from '../../types/ledger-family.js';
import {
  AccumulatorProof,
  AccumulatorRangeProof,
  type DbState,
  SparseMerkleRangeProof,
} from '../../types/proofs.js';
import type { BackupReader, BackupReadOptions } from '../backup-reader.js';
import { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { TreeReader } from '../jellyfish/tree-reader.js';
import { treeLeaves } from '../jellyfish/tree-leaves.js';
import { ledgerInfoRows } from '../schema/ledger-info.js';
import { getRowBytes, iterateRowBytes, lastRow } from '../schema/rows.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import { AccumulatorReader } from './accumulator-reader.js';
import { ByteJoiner } from './byte-joiner.js';
import { DatabaseNodes } from './database-nodes.js';
import { LeafValues } from './leaf-values.js';
import { oneAhead } from './one-ahead.js';
import { type FoundLedgerInfo, ledgerInfoFor } from './epochs.js';
import { LedgerReadError } from './read-error.js';
import { transactionRecords } from './transaction-records.js';

const U64_END = 2n ** 64n;
const NO_BYTES = new Uint8Array(0);

/**
 * Answers from a ledger database as a node's backup handler does (spec: aptosdb-schema.md, section 12,
 * and backup-service.md, 3.1). Every method may throw LedgerReadError, JellyfishError and DatabaseError.
 */
export class AptosDbBackupReader implements BackupReader, AsyncDisposable {
  readonly database: AptosDatabaseFiles;
  readonly #nodes: DatabaseNodes;
  readonly #tree: TreeReader;
  readonly #accumulator: AccumulatorReader;

  /** @param database closed by `close` */
  constructor(database: AptosDatabaseFiles, hashers: LedgerHashers = ledgerHashers(LEDGER_FAMILIES.aptos)) {
    this.database = database;
    this.#nodes = new DatabaseNodes(database);
    this.#tree = new TreeReader(sparseMerkleHashers(hashers), this.#nodes);
    const accumulators = database.ledger('ledger_db/transaction_accumulator_db');
    this.#accumulator = new AccumulatorReader(hashers.transactionAccumulator, accumulators);
  }

  /**
   * Opens a database read-only.
   * @param dbDir the folder that holds `ledger_db`
   * @throws DatabaseError DB_MISSING, DB_OPEN_FAILED, DB_COMPRESSION_UNSUPPORTED
   */
  static async open(dbDir: string): Promise<AptosDbBackupReader> {
    return new AptosDbBackupReader(await AptosDatabaseFiles.open(dbDir, { mode: 'read' }));
  }

  close(): Promise<void> {
    return this.database.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async dbState(): Promise<DbState | undefined> {
    const latest = await lastRow(this.database.ledgerMetadata, ledgerInfoRows);
    if (latest === undefined) return undefined;
    const { epoch, version } = latest.value.value.ledger_info.commit_info;
    return { epoch, committed_version: version };
  }

  async *epochEndingLedgerInfos(
    startEpoch: bigint,
    endEpoch: bigint,
    { signal }: BackupReadOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    if (startEpoch >= endEpoch) return;
    const range = { gte: startEpoch, lt: endEpoch };
    let expected = startEpoch;
    const rows = iterateRowBytes(this.database.ledgerMetadata, ledgerInfoRows, range, { signal });
    for await (const { key: epoch, value } of rows) {
      const { commit_info } = ledgerInfoRows.value.decode(value).value.ledger_info;
      if (commit_info.next_epoch_state === undefined) return;
      if (epoch !== expected) {
        const message = `epoch ending ledger infos: expecting epoch ${expected}, got ${epoch}`;
        throw new LedgerReadError('LEDGER_INFO_MISSING', message, { facts: { epoch: expected } });
      }
      expected++;
      yield value;
    }
  }

  async *transactions(
    startVersion: bigint,
    count: bigint,
    { signal }: BackupReadOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    if (startVersion + count >= U64_END) {
      throw new LedgerReadError('LEDGER_RANGE_INVALID', 'too many versions requested', {
        facts: { startVersion, count },
      });
    }
    yield* transactionRecords(this.database, startVersion, count, signal);
  }

  async transactionRangeProof(firstVersion: bigint, lastVersion: bigint): Promise<Uint8Array> {
    if (lastVersion < firstVersion) {
      const message = `Bad transaction range: [${firstVersion}, ${lastVersion}]`;
      throw new LedgerReadError('LEDGER_RANGE_INVALID', message, { facts: { firstVersion, lastVersion } });
    }
    const ledgerInfo = await this.#ledgerInfoCovering(lastVersion);
    const leafCount = ledgerInfo.version + 1n;
    const proof = await this.#accumulator.rangeProof(firstVersion, lastVersion, leafCount);
    return Buffer.concat([encode(AccumulatorRangeProof, proof), ledgerInfo.bytes]);
  }

  async stateItemCount(version: bigint): Promise<bigint> {
    return BigInt(await this.#tree.leafCount(version));
  }

  async *stateItems(
    version: bigint,
    startIndex: bigint,
    limit: bigint,
    { signal }: BackupReadOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    // Also where nothing is wanted: a tree that is not there is an error.
    await this.#tree.leafCount(version);
    if (limit === 0n) return;
    let left = limit;
    for await (const records of oneAhead(this.#stateRecords(version, startIndex, signal))) {
      for (const record of records) {
        signal?.throwIfAborted();
        yield record;
        if (--left === 0n) return;
      }
    }
  }

  async *#stateRecords(
    version: bigint,
    startIndex: bigint,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array[], void, undefined> {
    const joiner = new ByteJoiner();
    const leafValues = new LeafValues(this.database, signal);
    try {
      for await (const leaves of oneAhead(treeLeaves(this.#nodes, version, { startIndex, signal }))) {
        const values = await leafValues.valuesOf(leaves);
        yield leaves.map(({ stateKey }, index) => joiner.join([stateKey, values[index] ?? NO_BYTES]));
      }
    } finally {
      await leafValues.close();
    }
  }

  async stateRangeProof(version: bigint, endKey: HashValue): Promise<Uint8Array> {
    return encode(SparseMerkleRangeProof, await this.#tree.rangeProof(version, endKey));
  }

  async stateRootProof(version: bigint): Promise<Uint8Array> {
    const ledgerInfo = await this.#ledgerInfoCovering(version);
    const proof = await this.#accumulator.proof(version, ledgerInfo.version + 1n);
    const infos = this.database.ledger('ledger_db/transaction_info_db');
    const info = await getRowBytes(infos, transactionInfoRows, version);
    if (info === undefined) {
      const message = `no transaction info of version ${version}`;
      const facts = { version, columnFamily: transactionInfoRows.name };
      throw new LedgerReadError('LEDGER_VERSION_MISSING', message, { facts });
    }
    return Buffer.concat([encode(AccumulatorProof, proof), info, ledgerInfo.bytes]);
  }

  async #ledgerInfoCovering(version: bigint): Promise<FoundLedgerInfo> {
    const ledgerInfo = await ledgerInfoFor(this.database.ledgerMetadata, version);
    if (version <= ledgerInfo.version) return ledgerInfo;
    const message = `version ${version} lies behind the ledger info of version ${ledgerInfo.version}`;
    throw new LedgerReadError('LEDGER_RANGE_INVALID', message, {
      facts: { version, ledgerInfoVersion: ledgerInfo.version },
    });
  }
}
