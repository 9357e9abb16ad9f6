import assert from 'node:assert';
import { type LedgerHashers, LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import {
  type LedgerInfo,
  type LedgerInfoWithSignatures,
  ledgerInfoSigningMessage,
} from '../types/ledger-info.js';
import { genesisBlockEvent, newBlockEvents } from './block-events.js';
import { type PlannedBlock, planBlocks } from './block-plan.js';
import { type BlockContext, BlockTransactions } from './block-transactions.js';
import { GeneratedLedger } from './generated-ledger.js';
import { MoveSamples } from './move-samples.js';
import { type Seed, SeededRandom } from './seeded-random.js';
import { StateWriter } from './state-writer.js';
import { type Execution, TransactionCommitter } from './transaction-committer.js';
import { Outcomes } from './outcomes.js';
import { UserTransactions } from './user-transactions.js';
import { ValidatorSet } from './validator-set.js';

/**
 * What transactions are like: `everything` has every variant of every type in turn, `transfers` is
 * a network where people only send coins.
 */
export type LedgerProfile = 'everything' | 'transfers';

/** What a generated ledger is to be like. */
export interface LedgerOptions {
  readonly seed: Seed;
  /** Epochs that have ended: 0 to `epochs - 1`. The epoch after them is open and has the last versions. */
  readonly epochs: number;
  /** All transactions, genesis included. */
  readonly transactions: number;
  /** State items that genesis creates, at least 1; later transactions keep about that many. Default 100. */
  readonly stateItems?: number;
  /** Validators of the first epoch. Default 4. */
  readonly validators?: number;
  /** The version where epoch 0 ends. Default 0: with genesis itself. */
  readonly firstEpochEndsAt?: number;
  /** Default `everything`. */
  readonly profile?: LedgerProfile;
  /** False leaves auxiliary info out, as before July 2025: needed for archives of format V0. Default true. */
  readonly auxiliaryInfo?: boolean;
}

const MICROSECONDS_AT_START = 1_750_000_000_000_000n;
const BLOCK_MICROSECONDS = 250_000n;
/** Of the transactions inside of a block, those that are not a user's. */
const VALIDATOR_TRANSACTION_CHANCE = 0.08;
const APPLIED_SCRIPT_CHANCE = 0.02;
/** As many as a transfer of coins has on public networks: records of some 2.3 kB. */
const TRANSFER_EVENTS = 5;
const TRANSFER_WRITES = 7;

/**
 * Makes a ledger of the Aptos family that holds together as a network's does: real keys and signatures,
 * validators that change, state roots and hashes that are those of the content. The same options give the
 * same bytes on every machine.
 */
export function generateLedger(options: LedgerOptions): GeneratedLedger {
  return new LedgerGenerator(options).run();
}

/** One run; `run` is called once. */
class LedgerGenerator {
  readonly #options: LedgerOptions;
  readonly #hashers: LedgerHashers = ledgerHashers(LEDGER_FAMILIES.aptos);
  readonly #ledger: GeneratedLedger;
  readonly #random: SeededRandom;
  readonly #consensus: SeededRandom;
  readonly #everyKind: boolean;
  readonly #state: StateWriter;
  readonly #outcomes: Outcomes;
  readonly #users: UserTransactions;
  readonly #blocks: BlockTransactions;
  readonly #move: MoveSamples;
  readonly #committer: TransactionCommitter;
  /** Validators by epoch. */
  readonly #validators: readonly ValidatorSet[];
  #timestampUsecs = MICROSECONDS_AT_START;
  /** Of the last block that was announced; genesis is block 0. */
  #blockHeight = 0n;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#everyKind = (options.profile ?? 'everything') === 'everything';
    const root = SeededRandom.fromSeed(options.seed);
    this.#random = root.fork('ledger');
    this.#consensus = root.fork('consensus');
    this.#move = new MoveSamples(root.fork('move'));
    this.#ledger = new GeneratedLedger(this.#hashers);
    this.#state = new StateWriter(root.fork('state'), this.#move, this.#hashers);
    this.#outcomes = new Outcomes(root.fork('outcomes'), this.#move, this.#everyKind);
    this.#users = new UserTransactions(root.fork('users'), this.#move, this.#everyKind);
    this.#blocks = new BlockTransactions(root.fork('blocks'));
    this.#committer = new TransactionCommitter(this.#hashers, this.#ledger, this.#state.state);
    this.#validators = validatorsByEpoch(root.fork('validators'), options);
  }

  run(): GeneratedLedger {
    const { epochs, transactions, firstEpochEndsAt = 0 } = this.#options;
    const plan = planBlocks(this.#random.fork('plan'), { epochs, transactions, firstEpochEndsAt });
    let roundInEpoch = 0n;
    plan.forEach((block, index) => {
      const newestOfEpoch = block.endsEpoch || index === plan.length - 1;
      roundInEpoch =
        block.firstVersion === 0 || plan[index - 1]?.epoch !== block.epoch ? 1n : roundInEpoch + 1n;
      if (block.firstVersion === 0) {
        this.#commitGenesis(block);
        if (newestOfEpoch) this.#endEpoch(block, genesisBlock(this.#validatorsOf(0)));
        return;
      }
      const context = this.#nextBlock(block, roundInEpoch);
      this.#commitBlock(block, context);
      if (newestOfEpoch) this.#endEpoch(block, context);
    });
    assert.equal(this.#ledger.transactionCount, transactions);
    return this.#ledger;
  }

  #commitGenesis(block: PlannedBlock): void {
    // The set that the ledger info of genesis names, if epoch 0 ends with it.
    const validators = this.#validatorsOf(block.endsEpoch ? 1 : 0);
    const changes = this.#state.genesis(this.#options.stateItems ?? 100, validators.resourceBytes());
    const events = [...this.#outcomes.events(2), genesisBlockEvent(), this.#outcomes.newEpochEvent(1n)];
    this.#committer.commitGenesis(changes, events);
  }

  #commitBlock(block: PlannedBlock, context: BlockContext): void {
    const size = block.lastVersion - block.firstVersion + 1;
    for (let index = 0; index < size; index++) {
      const isLast = index === size - 1;
      const execution = this.#execute(block, context, index, isLast);
      const withAuxiliary = this.#options.auxiliaryInfo ?? true;
      const auxiliaryInfo = withAuxiliary
        ? this.#outcomes.auxiliaryInfo(index)
        : { variant: 'None' as const };
      this.#committer.commit(execution, auxiliaryInfo, isLast);
    }
  }

  /** A block is a prologue, what users and validators sent, and an epilogue or the end of the epoch. */
  #execute(block: PlannedBlock, context: BlockContext, index: number, isLast: boolean): Execution {
    if (isLast && block.endsEpoch) return this.#reconfiguration(context, index);
    if (isLast) return this.#epilogue(context);
    if (index === 0) return this.#prologue(context);
    if (this.#everyKind && this.#random.chance(VALIDATOR_TRANSACTION_CHANCE)) {
      return this.#systemTransaction(this.#blocks.validatorTransaction(context));
    }
    if (this.#everyKind && this.#random.chance(APPLIED_SCRIPT_CHANCE)) return this.#appliedScript();
    return this.#userTransaction(context);
  }

  #userTransaction(context: BlockContext): Execution {
    const transaction = this.#users.next(context.timestampUsecs);
    return {
      transaction,
      gasUsed: this.#random.bigint(3n, 20_000n),
      status: this.#outcomes.status(),
      events: this.#outcomes.events(this.#everyKind ? this.#random.int(0, 4) : TRANSFER_EVENTS),
      changes: this.#everyKind ? this.#state.anyChanges() : this.#state.modifications(TRANSFER_WRITES),
    };
  }

  #systemTransaction(transaction: Execution['transaction']): Execution {
    return {
      transaction,
      gasUsed: 0n,
      status: { variant: 'Success' },
      events: this.#outcomes.events(1),
      changes: this.#state.modifications(2),
    };
  }

  #prologue(context: BlockContext): Execution {
    const execution = this.#systemTransaction(this.#blocks.prologue(context));
    const announcement = newBlockEvents(execution.transaction, ++this.#blockHeight);
    return { ...execution, events: [...announcement, ...execution.events] };
  }

  /** A script that governance had validators apply: rare, but a transaction like any other. */
  #appliedScript(): Execution {
    const value = { execute_as: this.#move.address(), script: this.#move.script() };
    return this.#systemTransaction({ variant: 'GenesisTransaction', value: { variant: 'Script', value } });
  }

  #epilogue(context: BlockContext): Execution {
    const transaction = this.#blocks.epilogue(context, this.#state.someLiveKeys(3));
    const pays = transaction.variant === 'BlockEpilogue' && this.#random.chance(0.5);
    return {
      transaction,
      gasUsed: 0n,
      status: { variant: 'Success' },
      events: pays ? this.#outcomes.events(1) : [],
      changes: pays ? this.#state.modifications(1) : [],
    };
  }

  /** The transaction that ends an epoch, and with it its block: no epilogue follows. */
  #reconfiguration(context: BlockContext, index: number): Execution {
    const next = context.epoch + 1n;
    const execution = this.#reconfiguringTransaction(context, index);
    const validators = this.#validatorsOf(Number(next)).resourceBytes();
    return {
      ...execution,
      status: { variant: 'Success' },
      events: [...execution.events, this.#outcomes.newEpochEvent(next)],
      changes: [...execution.changes, this.#state.validatorSetChange(validators)],
    };
  }

  #reconfiguringTransaction(context: BlockContext, index: number): Execution {
    if (index === 0) return this.#prologue(context);
    return this.#everyKind && this.#random.chance(0.5)
      ? this.#systemTransaction(this.#blocks.validatorTransaction(context))
      : this.#userTransaction(context);
  }

  #nextBlock(block: PlannedBlock, round: bigint): BlockContext {
    this.#timestampUsecs += BLOCK_MICROSECONDS + this.#consensus.bigint(0n, BLOCK_MICROSECONDS);
    return {
      id: this.#consensus.bytes(32),
      epoch: BigInt(block.epoch),
      round,
      timestampUsecs: this.#timestampUsecs,
      validators: this.#validatorsOf(block.epoch),
    };
  }

  /** The newest ledger info of the block's epoch, signed unless it is of genesis. */
  #endEpoch(block: PlannedBlock, context: BlockContext): void {
    const isGenesis = block.lastVersion === 0;
    const nextEpoch = block.epoch + 1;
    const ledgerInfo: LedgerInfo = {
      commit_info: {
        epoch: context.epoch,
        round: context.round,
        id: context.id,
        executed_state_id: this.#ledger.accumulator.root(),
        version: BigInt(block.lastVersion),
        timestamp_usecs: context.timestampUsecs,
        next_epoch_state: block.endsEpoch
          ? this.#validatorsOf(nextEpoch).epochState(BigInt(nextEpoch))
          : undefined,
      },
      consensus_data_hash: isGenesis ? new Uint8Array(32) : this.#consensus.bytes(32),
    };
    const snapshot = block.endsEpoch
      ? this.#state.state.snapshot(context.epoch, BigInt(block.lastVersion))
      : undefined;
    this.#ledger.endEpoch(this.#sign(ledgerInfo, isGenesis ? undefined : context.validators), snapshot);
  }

  #sign(ledger_info: LedgerInfo, validators: ValidatorSet | undefined): LedgerInfoWithSignatures {
    const message = ledgerInfoSigningMessage(this.#hashers, ledger_info);
    const unsigned = { validator_bitmask: { inner: new Uint8Array() }, sig: undefined };
    const signatures = validators?.sign(this.#consensus, message) ?? unsigned;
    return { variant: 'V0', value: { ledger_info, signatures } };
  }

  #validatorsOf(epoch: number): ValidatorSet {
    const validators = this.#validators[epoch];
    assert(validators, `no validators of epoch ${epoch}`);
    return validators;
  }
}

/** Sets of all epochs up to the open one. */
function validatorsByEpoch(random: SeededRandom, options: LedgerOptions): ValidatorSet[] {
  const sets = [ValidatorSet.random(random, options.validators ?? 4)];
  while (sets.length <= options.epochs) {
    const last = sets.at(-1);
    assert(last);
    sets.push(last.rotate(random));
  }
  return sets;
}

/** What a ledger info says of genesis, which no round of consensus made. */
function genesisBlock(validators: ValidatorSet): BlockContext {
  return { id: new Uint8Array(32), epoch: 0n, round: 0n, timestampUsecs: 0n, validators };
}
