import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { BcsReader } from '../bcs/bcs-reader.js';
import { decode, encode } from '../bcs/codec.js';
import { bytes as bytesCodec, u8, u64, u128 } from '../bcs/primitives.js';
import { struct, vector } from '../bcs/containers.js';
import { equalBytes, HASH_SIZE, toHex } from '../hashing/hash-value.js';
import { verifyAccumulatorProof, verifyAccumulatorRangeProof } from '../merkle/accumulator-proof.js';
import { accumulatorRoot } from '../merkle/accumulator-root.js';
import { sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { StateTreeFrontier } from '../merkle/state-tree-frontier.js';
import { EpochHistory } from '../trust/epoch-history.js';
import { TrustedWaypoints } from '../trust/trusted-waypoints.js';
import { AccountAddress } from '../types/basic.js';
import {
  hashAuxiliaryInfo,
  hashEvent,
  hashStateKey,
  hashStateValue,
  hashTransaction,
  hashWriteSet,
} from '../types/hashes.js';
import { StateKey } from '../types/state-key.js';
import { type TransactionRecord, transactionRecord } from '../types/transaction-record.js';
import { formatWaypoint, parseWaypoint, waypointOf } from '../types/waypoint.js';
import { stateValueAfter } from '../types/write-set.js';
import type { GeneratedLedger } from './generated-ledger.js';
import { generateLedger, type LedgerOptions } from './ledger-generator.js';
import { VALIDATOR_SET_KEY } from './state-samples.js';

const SMALL = { seed: 'small', epochs: 3, transactions: 120, stateItems: 40 } satisfies LedgerOptions;
const small = generateLedger(SMALL);

function recordsOf(ledger: GeneratedLedger): TransactionRecord[] {
  return Array.from({ length: ledger.transactionCount }, (_, version) =>
    decode(transactionRecord('V1'), ledger.record(version, 'V1')),
  );
}

/** One digest over everything that a ledger holds. */
function digestOf(ledger: GeneratedLedger): string {
  const hash = createHash('sha256');
  for (let version = 0; version < ledger.transactionCount; version++)
    hash.update(ledger.record(version, 'V1'));
  for (const { waypoint, ledgerInfo, snapshot } of ledger.epochs) {
    hash.update(waypoint).update(ledgerInfo.value.signatures.sig ?? 'unsigned');
    for (let index = 0; index < (snapshot?.itemCount ?? 0); index++) {
      hash.update(snapshot?.record(index) ?? '');
    }
  }
  return hash.digest('hex');
}

test('equal options give equal bytes, here and on every other machine', () => {
  assert.equal(digestOf(generateLedger(SMALL)), digestOf(small));
  // Made by this test; it changes when the generator draws anything differently, and only then.
  assert.equal(digestOf(small), '9b6f373af57d8bf562258d27fcf7d9fc3af7eb3d4e7c9b6e0cc11ccad1dc23b5');
  assert.notEqual(digestOf(generateLedger({ ...SMALL, seed: 'other' })), digestOf(small));
});

test('every record decodes and encodes back to its bytes, in either format', () => {
  for (let version = 0; version < small.transactionCount; version++) {
    const bytes = small.record(version, 'V1');
    const codec = transactionRecord('V1');
    assert.deepEqual(Buffer.from(encode(codec, decode(codec, bytes))), Buffer.from(bytes));
  }
  const older = generateLedger({ ...SMALL, auxiliaryInfo: false });
  assert(!older.hasAuxiliaryInfo && small.hasAuxiliaryInfo);
  for (let version = 0; version < older.transactionCount; version++) {
    const record = decode(transactionRecord('V0'), older.record(version, 'V0'));
    assert.deepEqual(record, decode(transactionRecord('V1'), older.record(version, 'V1')));
  }
});

test('infos hold the hashes of what they stand for', () => {
  const { hashers } = small;
  recordsOf(small).forEach((record, version) => {
    const { value: info } = record.transaction_info;
    const parts = small.parts(version);
    assert(equalBytes(info.transaction_hash, hashTransaction(hashers, parts.transaction)));
    assert(equalBytes(info.state_change_hash, hashWriteSet(hashers, parts.writeSet)));
    assert.deepEqual(info.auxiliary_info_hash, hashAuxiliaryInfo(hashers, parts.auxiliaryInfo));
    const leaves = Buffer.concat(record.events.map((event) => hashEvent(hashers, event)));
    const eventRoot = accumulatorRoot(hashers.eventAccumulator, leaves, record.events.length);
    assert(equalBytes(info.event_root_hash, eventRoot));
  });
});

/** The root over all items, built from left to right by other code than the generator's tree. */
function rootOver(ledger: GeneratedLedger, items: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const frontier = new StateTreeFrontier(sparseMerkleHashers(ledger.hashers));
  const keys = [...items.keys()].sort();
  const values = keys.map((key) => items.get(key) ?? new Uint8Array());
  frontier.addMany(Buffer.from(keys.join(''), 'hex'), Buffer.concat(values), keys.length);
  return frontier.currentRoot();
}

test('write sets fit the state that they meet, and every checkpoint is the true root', () => {
  const items = new Map<string, Uint8Array>();
  let checkpoints = 0;
  for (const { write_set, transaction_info } of recordsOf(small)) {
    for (const [key, op] of write_set.value.write_set) {
      const name = toHex(hashStateKey(small.hashers, key));
      assert.equal(items.has(name), !op.variant.startsWith('Creation'), op.variant);
      const value = stateValueAfter(op);
      if (value) items.set(name, hashStateValue(small.hashers, value));
      else items.delete(name);
    }
    const { state_checkpoint_hash } = transaction_info.value;
    if (!state_checkpoint_hash) continue;
    checkpoints++;
    assert(equalBytes(state_checkpoint_hash, rootOver(small, items)));
  }
  assert(checkpoints > 10, `${checkpoints} checkpoints`);
});

test('epochs share the versions, and what ends one says so', () => {
  const epochs = small.epochs.map(({ epoch, firstVersion, lastVersion, ended }) => [
    Number(epoch),
    Number(firstVersion),
    Number(lastVersion),
    ended,
  ]);
  assert.deepEqual(epochs, [
    [0, 0, 0, true],
    [1, 1, 40, true],
    [2, 41, 80, true],
    [3, 81, 119, false],
  ]);
  for (const { ended, lastVersion } of small.epochs) {
    const { events, transaction_info } = recordsOf(small)[Number(lastVersion)] ?? assert.fail();
    const tells = events.some(({ value: { type_tag } }) => {
      return type_tag.variant === 'struct' && type_tag.value.name.startsWith('NewEpoch');
    });
    assert.equal(tells, ended);
    assert(transaction_info.value.state_checkpoint_hash);
  }
});

test('from the genesis waypoint the signatures lead to the open epoch', () => {
  const waypoints = new TrustedWaypoints([parseWaypoint(small.genesisWaypoint)]);
  const history = new EpochHistory(small.hashers, waypoints);
  for (const { ended, ledgerInfo } of small.epochs) {
    const vouched = ended ? history.add(ledgerInfo) : history.verify(ledgerInfo);
    assert(vouched.anchored);
  }
});

test('ledger infos vouch for every transaction of their epoch', () => {
  const hasher = small.hashers.transactionAccumulator;
  for (const { firstVersion, lastVersion, ledgerInfo } of small.epochs) {
    const root = ledgerInfo.value.ledger_info.commit_info.executed_state_id;
    const [first, last] = [Number(firstVersion), Number(lastVersion)];
    const leafCount = lastVersion + 1n;
    for (let version = first; version <= last; version++) {
      const leafHash = small.hashers.transactionInfo.hash(small.parts(version).transactionInfo);
      const { siblings } = small.accumulatorProof(version);
      verifyAccumulatorProof(hasher, { root, leafHash, index: BigInt(version), siblings, leafCount });
    }
    const proof = small.rangeProof(first, last);
    verifyAccumulatorRangeProof(hasher, {
      root,
      firstIndex: firstVersion,
      packedLeaves: small.accumulator.leaves(first, last),
      count: last - first + 1,
      leftSiblings: proof.left_siblings,
      rightSiblings: proof.right_siblings,
      leafCount,
    });
  }
});

test('snapshots are sorted, whole, and proven at every item', () => {
  for (const { snapshot } of small.epochs) {
    if (!snapshot) continue;
    const frontier = new StateTreeFrontier(sparseMerkleHashers(small.hashers));
    for (let index = 0; index < snapshot.itemCount; index++) {
      const record = snapshot.record(index);
      const reader = new BcsReader(record);
      StateKey.skip(reader);
      const keyHash = hashStateKey(small.hashers, record.subarray(0, reader.offset));
      assert(equalBytes(keyHash, snapshot.keyHash(index)));
      frontier.add(keyHash, hashStateValue(small.hashers, record.subarray(reader.offset)));
      frontier.verify(snapshot.rangeProof(index).right_siblings, snapshot.rootHash);
    }
    assert(equalBytes(frontier.currentRoot(), snapshot.rootHash));
    const info = small.transactionInfo(Number(snapshot.version));
    assert.deepEqual(info.value.state_checkpoint_hash, snapshot.rootHash);
  }
});

const ValidatorSetHead = struct('ValidatorSet', {
  scheme: u8,
  active: vector(
    struct('ValidatorInfo', {
      address: AccountAddress,
      voting_power: u64,
      public_key: bytesCodec,
      network_addresses: bytesCodec,
      fullnode_addresses: bytesCodec,
      validator_index: u64,
    }),
  ),
  pending_inactive: vector(u8),
  pending_active: vector(u8),
  total_voting_power: u128,
  total_joining_power: u128,
});

/** The waypoint of a genesis transaction alone (spec: formats.md, section 5). */
function waypointOfGenesis(ledger: GeneratedLedger): string {
  const { hashers } = ledger;
  const record = recordsOf(ledger)[0] ?? assert.fail();
  assert(
    record.transaction.variant === 'GenesisTransaction' && record.transaction.value.variant === 'Direct',
  );
  const { write_set } = record.transaction.value.value;
  const key = toHex(encode(StateKey, VALIDATOR_SET_KEY));
  const [, op] =
    write_set.value.write_set.find(([each]) => toHex(encode(StateKey, each)) === key) ?? assert.fail();
  assert(op.variant === 'Creation');
  const { active } = decode(ValidatorSetHead, op.value);
  const validator_infos = active.map(({ address, public_key, voting_power }) => {
    return { address, public_key, voting_power };
  });
  const zero = new Uint8Array(HASH_SIZE);
  const waypoint = waypointOf(hashers, {
    commit_info: {
      epoch: 0n,
      round: 0n,
      id: zero,
      executed_state_id: hashers.transactionInfo.hash(ledger.parts(0).transactionInfo),
      version: 0n,
      timestamp_usecs: 0n,
      next_epoch_state: { epoch: 1n, verifier: { validator_infos } },
    },
    consensus_data_hash: zero,
  });
  return formatWaypoint(waypoint);
}

test('the waypoint follows from the genesis transaction alone', () => {
  assert.equal(waypointOfGenesis(small), small.genesisWaypoint);
});

test('epoch 0 may end a little after genesis', () => {
  for (const firstEpochEndsAt of [1, 2, 5]) {
    const ledger = generateLedger({ ...SMALL, firstEpochEndsAt });
    assert.equal(ledger.epochs[0]?.lastVersion, BigInt(firstEpochEndsAt));
    assert(ledger.genesisWaypoint.startsWith(`${firstEpochEndsAt}:`));
    const history = new EpochHistory(ledger.hashers, new TrustedWaypoints([]));
    for (const { ended, ledgerInfo } of ledger.epochs) {
      if (ended) history.add(ledgerInfo);
      else history.verify(ledgerInfo);
    }
  }
});

test('the smallest ledgers hold together too', () => {
  for (const transactions of [1, 2, 3, 4, 7]) {
    const ledger = generateLedger({
      seed: transactions,
      epochs: 1,
      transactions,
      stateItems: 1,
      validators: 1,
    });
    assert.equal(ledger.transactionCount, transactions);
    assert.equal(ledger.epochs.length, transactions === 1 ? 1 : 2);
    recordsOf(ledger);
  }
});

test('the plain profile has transfers of Ed25519 accounts that succeed', () => {
  const ledger = generateLedger({ ...SMALL, profile: 'transfers' });
  for (const { transaction, transaction_info } of recordsOf(ledger)) {
    assert.equal(transaction_info.value.status.variant, 'Success');
    if (transaction.variant !== 'UserTransaction') continue;
    assert.equal(transaction.value.authenticator.variant, 'Ed25519');
    assert.equal(transaction.value.raw_txn.payload.variant, 'EntryFunction');
  }
});

const anyOptions = fc
  .record({
    seed: fc.nat(),
    epochs: fc.integer({ min: 1, max: 4 }),
    firstEpochEndsAt: fc.nat(3),
    spare: fc.nat(40),
    stateItems: fc.integer({ min: 1, max: 30 }),
    validators: fc.integer({ min: 1, max: 10 }),
  })
  .map(({ spare, ...options }) => {
    return { ...options, transactions: options.epochs + options.firstEpochEndsAt + spare };
  });

test('ledgers of any shape have their size, their epochs and a chain of signatures', () => {
  const property = fc.property(anyOptions, (options) => {
    const ledger = generateLedger(options);
    assert.equal(ledger.transactionCount, options.transactions);
    assert.equal(ledger.epochs.filter(({ ended }) => ended).length, options.epochs);
    assert.equal(ledger.epochs.at(-1)?.lastVersion, ledger.lastVersion);
    const history = new EpochHistory(ledger.hashers, new TrustedWaypoints([]));
    for (const { ended, ledgerInfo } of ledger.epochs) {
      if (ended) history.add(ledgerInfo);
      else history.verify(ledgerInfo);
    }
    assert.equal(recordsOf(ledger).length, options.transactions);
  });
  fc.assert(property, { numRuns: 15 });
});
