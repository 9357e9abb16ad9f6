import { BcsError } from '../bcs/bcs-error.js';
import { BcsReader } from '../bcs/bcs-reader.js';
import { decode, encode } from '../bcs/codec.js';
import { struct, vector } from '../bcs/containers.js';
import { bytes, u64, u8 } from '../bcs/primitives.js';
import { HoldfastError } from '../errors/holdfast-error.js';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { accumulatorRoot } from '../merkle/accumulator-root.js';
import { SparseMerkleTree, type StateTreeUpdate } from '../merkle/sparse-merkle-tree.js';
import { sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { AccountAddress } from '../types/basic.js';
import {
  hashEvent,
  hashStateKey,
  hashStateValue,
  hashTransaction,
  hashTransactionInfo,
  hashWriteSet,
} from '../types/hashes.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import type { EpochState, LedgerInfo, LedgerInfoWithSignatures } from '../types/ledger-info.js';
import { Path, type StateKey } from '../types/state-key.js';
import { Transaction } from '../types/transaction.js';
import type { TransactionInfo } from '../types/transaction-info.js';
import { epochBoundaryWaypoint, type Waypoint } from '../types/waypoint.js';
import { stateValueAfter, type WriteSet } from '../types/write-set.js';

/** Why bytes are no genesis transaction. */
export type GenesisErrorCode =
  /** The file is no BCS of a transaction. */
  | 'GENESIS_UNREADABLE'
  /** The transaction is of another variant, or a genesis that a script would have to compute. */
  | 'GENESIS_NOT_DIRECT'
  /** The write set creates no validator set, or one that does not decode. */
  | 'GENESIS_NO_VALIDATOR_SET';

export class GenesisError extends HoldfastError<GenesisErrorCode> {}

/** The ledger after its first transaction. */
export interface GenesisLedger {
  readonly transactionInfo: TransactionInfo;
  readonly stateRoot: HashValue;
  /** Unsigned: what the waypoint stands for. */
  readonly ledgerInfo: LedgerInfoWithSignatures;
  readonly waypoint: Waypoint;
}

/** The head of the on-chain validator set; what follows the active validators is not looked at. */
const ActiveValidators = struct('ValidatorSet', {
  consensus_scheme: u8,
  active_validators: vector(
    struct('ValidatorInfo', {
      address: AccountAddress,
      voting_power: u64,
      consensus_pubkey: bytes,
      network_addresses: bytes,
      fullnode_addresses: bytes,
      validator_index: u64,
    }),
  ),
});

/** The address 0x1 of the framework. */
const FRAMEWORK = new Uint8Array(HASH_SIZE).fill(1, HASH_SIZE - 1);

/** The state key of the resource `0x1::stake::ValidatorSet`. */
export const VALIDATOR_SET_KEY: StateKey = {
  variant: 'AccessPath',
  value: {
    address: FRAMEWORK,
    path: encode(Path, {
      variant: 'Resource',
      value: { address: FRAMEWORK, module: 'stake', name: 'ValidatorSet', type_args: [] },
    }),
  },
};

/**
 * Applies a genesis transaction (its bare BCS) to an empty ledger, in memory (spec: formats.md,
 * section 5).
 * @throws GenesisError GENESIS_UNREADABLE, GENESIS_NOT_DIRECT or GENESIS_NO_VALIDATOR_SET
 */
export function genesisLedger(hashers: LedgerHashers, transactionBytes: Uint8Array): GenesisLedger {
  const { writeSet, events } = directGenesis(hashers, transactionBytes);
  const stateRoot = stateTreeOf(hashers, writeSet).root;
  const eventHashes = Buffer.concat(events.map((event) => hashEvent(hashers, event)));
  const transactionInfo: TransactionInfo = {
    variant: 'V0',
    value: {
      gas_used: 0n,
      status: { variant: 'Success' },
      transaction_hash: hashTransaction(hashers, transactionBytes),
      event_root_hash: accumulatorRoot(hashers.eventAccumulator, eventHashes, events.length),
      state_change_hash: hashWriteSet(hashers, writeSet),
      state_checkpoint_hash: stateRoot,
      auxiliary_info_hash: undefined,
    },
  };
  // The accumulator of a single leaf has that leaf as its root.
  const accumulator = hashTransactionInfo(hashers, transactionInfo);
  const ledgerInfo = genesisLedgerInfo(accumulator, firstValidators(hashers, writeSet));
  return {
    transactionInfo,
    stateRoot,
    ledgerInfo: {
      variant: 'V0',
      value: {
        ledger_info: ledgerInfo,
        signatures: { validator_bitmask: { inner: new Uint8Array() }, sig: undefined },
      },
    },
    waypoint: epochBoundaryWaypoint(hashers, ledgerInfo),
  };
}

function directGenesis(hashers: LedgerHashers, transactionBytes: Uint8Array) {
  let transaction: Transaction;
  try {
    transaction = decode(Transaction, transactionBytes, { dialect: hashers.family.dialect });
  } catch (cause) {
    if (!(cause instanceof BcsError)) throw cause;
    throw new GenesisError('GENESIS_UNREADABLE', `not the BCS of a transaction: ${cause.message}`, { cause });
  }
  if (transaction.variant !== 'GenesisTransaction' || transaction.value.variant !== 'Direct') {
    throw new GenesisError('GENESIS_NOT_DIRECT', `Not a GenesisTransaction with a direct write set`, {
      facts: { variant: transaction.variant },
    });
  }
  const { write_set: writeSet, events } = transaction.value.value;
  return { writeSet, events };
}

function stateTreeOf(hashers: LedgerHashers, writeSet: WriteSet): SparseMerkleTree {
  const updates = writeSet.value.write_set.flatMap(([key, op]): StateTreeUpdate[] => {
    const value = stateValueAfter(op);
    return value ? [[hashStateKey(hashers, key), hashStateValue(hashers, value)]] : [];
  });
  return SparseMerkleTree.empty(sparseMerkleHashers(hashers)).update(updates);
}

function firstValidators(hashers: LedgerHashers, writeSet: WriteSet): EpochState {
  const wanted = Buffer.from(hashStateKey(hashers, VALIDATOR_SET_KEY));
  const found = writeSet.value.write_set.find(([key]) => wanted.equals(hashStateKey(hashers, key)));
  const value = found && stateValueAfter(found[1]);
  if (!value) {
    throw new GenesisError('GENESIS_NO_VALIDATOR_SET', 'the genesis write set holds no validator set');
  }
  const data = value.variant === 'V0' ? value.value : value.value.data;
  try {
    const { active_validators: active } = ActiveValidators.read(new BcsReader(data));
    const validators = active.map(({ address, consensus_pubkey: public_key, voting_power }) => ({
      address,
      public_key,
      voting_power,
    }));
    return { epoch: 1n, verifier: { validator_infos: validators } };
  } catch (cause) {
    if (!(cause instanceof BcsError)) throw cause;
    throw new GenesisError(
      'GENESIS_NO_VALIDATOR_SET',
      `the validator set does not decode: ${cause.message}`,
      {
        cause,
      },
    );
  }
}

function genesisLedgerInfo(executedStateId: HashValue, nextEpochState: EpochState): LedgerInfo {
  const zero = new Uint8Array(HASH_SIZE);
  return {
    commit_info: {
      epoch: 0n,
      round: 0n,
      id: zero,
      executed_state_id: executedStateId,
      version: 0n,
      timestamp_usecs: 0n,
      next_epoch_state: nextEpochState,
    },
    consensus_data_hash: zero,
  };
}
