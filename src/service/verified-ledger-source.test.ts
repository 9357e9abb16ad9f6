import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { BackupReader } from '../aptosdb/backup-reader.js';
import { decode, encode } from '../bcs/codec.js';
import { equalBytes } from '../hashing/hash-value.js';
import type { StateTreeSegment } from '../merkle/state-tree-segment.js';
import { GeneratedBackupReader } from '../test-support/generated-backup-reader.js';
import { seededRandom } from '../test-support/seeded-random.js';
import { generateLedger } from '../testing/ledger-generator.js';
import { EpochHistory } from '../trust/epoch-history.js';
import { TrustedWaypoints } from '../trust/trusted-waypoints.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import { SparseMerkleRangeProof, StateSnapshotProof, TransactionChunkProof } from '../types/proofs.js';
import { parseWaypoint } from '../types/waypoint.js';
import { BackupServer } from './backup-server.js';
import { BackupServiceClient } from './backup-service-client.js';
import { ServiceError, type ServiceErrorCode } from './service-error.js';
import type { SnapshotSource } from './snapshot-source.js';
import { VerifiedLedgerSource } from './verified-ledger-source.js';

const TRANSACTIONS = 90;
const options = { epochs: 2, transactions: TRANSACTIONS, stateItems: 150 };
const ledger = generateLedger({ seed: 'honest', ...options });
const honest = new GeneratedBackupReader(ledger);
/** Another ledger, signed just as well by other validators. */
const foreign = new GeneratedBackupReader(generateLedger({ seed: 'foreign', ...options }));
const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
const snapshot = ledger.epochs[1]?.snapshot;
assert.ok(snapshot);
const { version } = snapshot;
const ITEMS = BigInt(snapshot.itemCount);
const FLIPS = Number(process.env['HOLDFAST_FLIPS'] ?? 150);

/** A service that answers from a reader, and someone who trusts the genesis waypoint and no more. */
async function sourceOver(
  test: Pick<TestContext, 'after'>,
  reader: BackupReader,
  waypoint = ledger.genesisWaypoint,
): Promise<VerifiedLedgerSource> {
  const server = await BackupServer.start({ reader, port: 0 });
  const retry = { firstPauseMs: 1, attemptsMax: 2 };
  const client = new BackupServiceClient({ address: server.url, retry });
  test.after(() => {
    client.close();
    return server.close(0);
  });
  const history = new EpochHistory(hashers, new TrustedWaypoints([parseWaypoint(waypoint)]));
  return new VerifiedLedgerSource(client, { hashers, history });
}

/** The honest reader with some answers exchanged. */
function lying(lies: Partial<BackupReader>): BackupReader {
  return new Proxy<BackupReader>(honest, {
    get: (target, name: keyof BackupReader) => lies[name] ?? target[name].bind(target),
  });
}

type RecordLie = (record: Uint8Array, index: number) => Iterable<Uint8Array>;

/** A stream with each record replaced by what the lie makes of it. */
async function* altered(records: AsyncIterable<Uint8Array>, lie: RecordLie): AsyncGenerator<Uint8Array> {
  let index = 0;
  for await (const record of records) yield* lie(record, index++);
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

async function readEndings(source: VerifiedLedgerSource, end = 2n): Promise<bigint[]> {
  const epochs: bigint[] = [];
  for await (const { epoch } of source.epochEndings(0n, end)) epochs.push(epoch);
  return epochs;
}

/** Reads and proves transactions in chunks; gives the records. */
async function readTransactions(source: VerifiedLedgerSource, count = TRANSACTIONS): Promise<Uint8Array[]> {
  const records: Uint8Array[] = [];
  for (let first = 0; first < count; first += 40) {
    const size = Math.min(40, count - first);
    const infoHashes: Uint8Array[] = [];
    for await (const batch of source.transactions(BigInt(first), BigInt(size))) {
      assert.equal(batch.firstVersion, BigInt(records.length));
      for (let index = 0; index < batch.count; index++) {
        records.push(batch.bytes.slice(batch.starts[index], batch.ends[index]));
      }
      infoHashes.push(batch.infoHashes);
    }
    const { bytes } = await source.proveTransactions(BigInt(first), Buffer.concat(infoHashes));
    assert.deepEqual(bytes, await honest.transactionRangeProof(BigInt(first), BigInt(first + size - 1)));
  }
  return records;
}

/** Reads and proves the state in chunks; gives the number of items. */
async function readState(source: VerifiedLedgerSource, chunkItems = 60n): Promise<number> {
  const found = await source.snapshot(version);
  const prover = found.prover();
  for (let first = 0n; first < found.itemCount; first += chunkItems) {
    for await (const batch of found.items(first, chunkItems)) prover.add(batch);
    await prover.proveChunk();
  }
  prover.finish();
  return prover.itemCount;
}

async function segmentOf(found: SnapshotSource, first: bigint, limit: bigint): Promise<StateTreeSegment> {
  const segments: StateTreeSegment[] = [];
  for await (const batch of found.items(first, limit)) segments.push(found.segment(batch));
  return segments.reduce((left, right) => left.merge(right));
}

async function isNamed(action: Promise<unknown>, ...codes: readonly ServiceErrorCode[]): Promise<void> {
  await assert.rejects(action, (error) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
    return true;
  });
}

describe('a verified source over an honest service', () => {
  it('gives every ending, transaction and state item with its proof', async (test) => {
    const source = await sourceOver(test, honest);
    assert.deepEqual(await readEndings(source), [0n, 1n]);
    const records = await readTransactions(source);
    assert.equal(records.length, TRANSACTIONS);
    records.forEach((record, at) => {
      assert.ok(equalBytes(record, ledger.record(at, 'V1')), `version ${at}`);
    });
    assert.equal(await readState(source), Number(ITEMS));
  });

  it('proves chunks of state that were read side by side', async (test) => {
    const source = await sourceOver(test, honest);
    await readEndings(source);
    const found = await source.snapshot(version);
    assert.deepEqual(found.rootHash, snapshot.rootHash);
    assert.equal(found.epoch, 1n);
    assert.deepEqual(found.rootProof.bytes, await honest.stateRootProof(version));
    const firsts = [0n, 50n, 100n, 150n].filter((first) => first < ITEMS);
    const segments = await Promise.all(firsts.map((first) => segmentOf(found, first, 50n)));
    const prover = found.prover();
    for (const segment of segments) {
      prover.add(segment);
      const { bytes } = await prover.proveChunk();
      const last = BigInt(prover.itemCount) - 1n;
      assert.deepEqual(bytes, await honest.stateRangeProof(version, snapshot.keyHash(Number(last))));
    }
    prover.finish();
  });

  it('gives nothing for items behind the last', async (test) => {
    const source = await sourceOver(test, honest);
    await readEndings(source);
    const found = await source.snapshot(version);
    for await (const batch of found.items(ITEMS, 5n)) assert.fail(`${batch.count} items`);
  });
});

describe('a verified source names a service', () => {
  it('that serves another ledger than the trusted one', async (test) => {
    await isNamed(readEndings(await sourceOver(test, foreign)), 'SERVICE_LEDGER_INFO_REFUSED');
    const source = await sourceOver(
      test,
      lying({
        transactionRangeProof: (first, last) => foreign.transactionRangeProof(first, last),
        stateRootProof: (wanted) => foreign.stateRootProof(wanted),
      }),
    );
    await readEndings(source);
    await isNamed(readTransactions(source), 'SERVICE_LEDGER_INFO_REFUSED');
    await isNamed(readState(source), 'SERVICE_LEDGER_INFO_REFUSED');
  });

  it('whose ledger info no known validators can vouch for', async (test) => {
    const source = await sourceOver(test, honest);
    await isNamed(readTransactions(source), 'SERVICE_LEDGER_INFO_REFUSED');
    await isNamed(readState(source), 'SERVICE_LEDGER_INFO_REFUSED');
  });

  it('that ends early', async (test) => {
    const stop =
      (at: number): RecordLie =>
      (record, index) =>
        index < at ? [record] : [];
    const source = await sourceOver(
      test,
      lying({
        transactions: (first, count) => altered(honest.transactions(first, count), stop(39)),
        stateItems: (of, first, limit) => altered(honest.stateItems(of, first, limit), stop(30)),
      }),
    );
    await readEndings(source);
    await isNamed(readEndings(source, 3n), 'SERVICE_RECORDS_MISSING');
    await isNamed(readTransactions(source), 'SERVICE_RECORDS_MISSING');
    await isNamed(readState(source), 'SERVICE_RECORDS_MISSING');
  });

  it('that leaves a record out and fills up with the next', async (test) => {
    const leaveOut: RecordLie = (record, index) => (index === 5 ? [] : [record]);
    const source = await sourceOver(
      test,
      lying({
        transactions: (first, count) => altered(honest.transactions(first, count + 1n), leaveOut),
        stateItems: (of, first, limit) => altered(honest.stateItems(of, first, limit + 1n), leaveOut),
      }),
    );
    await readEndings(source);
    await isNamed(readTransactions(source, 40), 'SERVICE_PROOF_MISMATCH');
    await isNamed(readState(source), 'SERVICE_PROOF_MISMATCH');
    const skipping = lying({ epochEndingLedgerInfos: () => honest.epochEndingLedgerInfos(1n, 2n) });
    await isNamed(readEndings(await sourceOver(test, skipping), 1n), 'SERVICE_RECORD_MISPLACED');
  });

  it('that sends a record twice, or one too many', async (test) => {
    const twice: RecordLie = (record, index) => (index === 5 ? [record, record] : [record]);
    const tooMany = lying({
      epochEndingLedgerInfos: (first, end) => honest.epochEndingLedgerInfos(first, end + 1n),
    });
    await isNamed(readEndings(await sourceOver(test, tooMany), 1n), 'SERVICE_RECORDS_EXTRA');
    const doubling = lying({
      transactions: (first, count) => altered(honest.transactions(first, count), twice),
      stateItems: (of, first, limit) => altered(honest.stateItems(of, first, limit), twice),
    });
    const source = await sourceOver(test, doubling);
    await readEndings(source);
    await isNamed(readTransactions(source), 'SERVICE_RECORDS_EXTRA');
    await isNamed(readState(source), 'SERVICE_RECORDS_EXTRA', 'SERVICE_KEYS_NOT_INCREASING');
    const filledUp = lying({
      transactions: (first, count) => altered(honest.transactions(first, count - 1n), twice),
      stateItems: (of, first, limit) => altered(honest.stateItems(of, first, limit - 1n), twice),
    });
    const other = await sourceOver(test, filledUp);
    await readEndings(other);
    await isNamed(readTransactions(other), 'SERVICE_PROOF_MISMATCH');
    await isNamed(readState(other), 'SERVICE_KEYS_NOT_INCREASING');
  });

  it('that exchanges proofs', async (test) => {
    const source = await sourceOver(
      test,
      lying({
        transactionRangeProof: (first, last) => honest.transactionRangeProof(first + 1n, last),
        stateRangeProof: (of) => honest.stateRangeProof(of, snapshot.keyHash(3)),
      }),
    );
    await readEndings(source);
    await isNamed(readTransactions(source), 'SERVICE_PROOF_MISMATCH');
    await isNamed(readState(source), 'SERVICE_PROOF_MISMATCH');
    const otherRoot = lying({ stateRootProof: (of) => honest.stateRootProof(of - 1n) });
    const second = await sourceOver(test, otherRoot);
    await readEndings(second);
    await isNamed(readState(second), 'SERVICE_PROOF_MISMATCH');
  });

  it('that counts fewer or more items than there are', async (test) => {
    for (const [lie, code] of [
      [ITEMS - 1n, 'SERVICE_STATE_INCOMPLETE'],
      [0n, 'SERVICE_STATE_INCOMPLETE'],
      [ITEMS + 1n, 'SERVICE_RECORDS_MISSING'],
    ] as const) {
      const source = await sourceOver(test, lying({ stateItemCount: async () => lie }));
      await readEndings(source);
      await isNamed(readState(source), code);
    }
  });

  it('that offers a snapshot where the ledger has none', async (test) => {
    const without = Array.from({ length: TRANSACTIONS }, (_, at) => at).find(
      (at) => at > 0 && ledger.transactionInfo(at).value.state_checkpoint_hash === undefined,
    );
    assert.ok(without !== undefined, 'the ledger has a transaction without a state root');
    const source = await sourceOver(test, honest);
    await readEndings(source);
    await isNamed(source.snapshot(BigInt(without)), 'SERVICE_NO_STATE_CHECKPOINT');
  });

  it('that flips any bit of any record', async (test) => {
    const random = seededRandom(3);
    // The lies of the turn; the source stays the same, so that its history is read once.
    let at = -1;
    let bit = 0;
    const flip: RecordLie = (record, index) => [
      index === at ? flipped(record, bit % (record.length * 8)) : record,
    ];
    const source = await sourceOver(
      test,
      lying({
        transactions: (first, count) => altered(honest.transactions(first, count), flip),
        stateItems: (of, first, limit) => altered(honest.stateItems(of, first, limit), flip),
      }),
    );
    await readEndings(source);
    for (let turn = 0; turn < FLIPS; turn++) {
      at = random(30);
      bit = random(2 ** 30);
      const codes = ['SERVICE_RECORD_INVALID', 'SERVICE_PROOF_MISMATCH'] as const;
      await isNamed(readTransactions(source, 30), ...codes, 'SERVICE_RECORD_HASH_MISMATCH');
      await isNamed(readState(source), ...codes, 'SERVICE_KEYS_NOT_INCREASING');
    }
  });

  it('that flips any bit of an epoch ending, except what no one can tell', async (test) => {
    const random = seededRandom(4);
    for (let turn = 0; turn < FLIPS / 5; turn++) {
      const bit = random(2 ** 30);
      const reader = lying({
        epochEndingLedgerInfos: (first, end) =>
          altered(honest.epochEndingLedgerInfos(first, end), (record, index) => [
            index === 1 ? flipped(record, bit % (record.length * 8)) : record,
          ]),
      });
      await isNamed(
        readEndings(await sourceOver(test, reader)),
        'SERVICE_LEDGER_INFO_REFUSED',
        'SERVICE_RECORD_INVALID',
        'SERVICE_RECORD_MISPLACED',
      );
    }
  });

  it('that flips any bit of a proof', async (test) => {
    const random = seededRandom(5);
    let bit = 0;
    const flip = async (proof: Promise<Uint8Array>): Promise<Uint8Array> => {
      const bytes = await proof;
      return flipped(bytes, bit % (bytes.length * 8));
    };
    const codes = [
      'SERVICE_BODY_INVALID',
      'SERVICE_LEDGER_INFO_REFUSED',
      'SERVICE_PROOF_MISMATCH',
      'SERVICE_NO_STATE_CHECKPOINT',
    ] as const;
    const lies: readonly Partial<BackupReader>[] = [
      { transactionRangeProof: (first, last) => flip(honest.transactionRangeProof(first, last)) },
      { stateRootProof: (of) => flip(honest.stateRootProof(of)) },
      { stateRangeProof: (of, key) => flip(honest.stateRangeProof(of, key)) },
    ];
    for (const lie of lies) {
      const source = await sourceOver(test, lying(lie));
      await readEndings(source);
      const read = lie.transactionRangeProof ? () => readTransactions(source, 20) : () => readState(source);
      for (let turn = 0; turn < FLIPS / 3; turn++) {
        bit = random(2 ** 30);
        await isNamed(read(), ...codes);
      }
    }
  });

  it('that adds to a proof what no step needs, or takes away', async (test) => {
    const extra = new Uint8Array(32);
    const altering = (alter: (siblings: Uint8Array[]) => unknown) => ({
      transactionRangeProof: async (first: bigint, last: bigint) => {
        const [range, signed] = decode(
          TransactionChunkProof,
          await honest.transactionRangeProof(first, last),
        );
        const right_siblings = [...range.right_siblings];
        alter(right_siblings);
        return encode(TransactionChunkProof, [{ ...range, right_siblings }, signed]);
      },
      stateRootProof: async (of: bigint) => {
        const [info, signed] = decode(StateSnapshotProof, await honest.stateRootProof(of));
        const siblings = [...info.ledger_info_to_transaction_info_proof.siblings];
        alter(siblings);
        return encode(StateSnapshotProof, [
          { ...info, ledger_info_to_transaction_info_proof: { siblings } },
          signed,
        ]);
      },
    });
    for (const alter of [
      (siblings: Uint8Array[]) => siblings.push(extra),
      (siblings: Uint8Array[]) => siblings.pop(),
    ]) {
      const source = await sourceOver(test, lying(altering(alter)));
      await readEndings(source);
      await isNamed(readTransactions(source), 'SERVICE_PROOF_MISMATCH');
      await isNamed(readState(source), 'SERVICE_PROOF_MISMATCH');
    }
    const more = lying({
      stateRangeProof: async (of, key) => {
        const { right_siblings } = decode(SparseMerkleRangeProof, await honest.stateRangeProof(of, key));
        return encode(SparseMerkleRangeProof, { right_siblings: [...right_siblings, extra] });
      },
    });
    const source = await sourceOver(test, more);
    await readEndings(source);
    await isNamed(readState(source), 'SERVICE_PROOF_MISMATCH');
  });
});
