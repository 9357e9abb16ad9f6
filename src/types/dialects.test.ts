import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Codec, decode, encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { hashStateValue, hashTransaction } from './hashes.js';
import { DIALECT_2023, DIALECT_CURRENT, LEDGER_FAMILIES, ledgerHashers } from './ledger-family.js';
import { StateValue, StateValueMetadata } from './state-value.js';
import { Transaction } from './transaction.js';
import { TransactionPayload } from './transaction-payload.js';
import { stateValueAfter, type WriteOp } from './write-set.js';

const payer = new Uint8Array(32).fill(9);
const metadataOf2023 = { variant: 'V0', value: { payer, deposit: 1n, creation_time_usecs: 2n } } as const;
const metadataOfToday = { variant: 'V0', value: { deposit: 1n, creation_time_usecs: 2n } } as const;
const bundleOf2023 = { variant: 'ModuleBundle', value: { codes: [{ code: Uint8Array.of(1, 2) }] } } as const;
const bundleOfToday = { variant: 'ModuleBundle', value: { dummy_value: 5n } } as const;

function requireCoding<T>(codec: Codec<T>, value: T, dialect: number, hex: string): void {
  const bytes = encode(codec, value, { dialect });
  assert.equal(toHex(bytes), hex);
  assert.deepEqual(decode(codec, bytes, { dialect }), value);
}

describe('the dialects', () => {
  it('lay out the metadata of state values differently', () => {
    const numbers = '01000000000000000200000000000000';
    requireCoding(StateValueMetadata, metadataOfToday, DIALECT_CURRENT, `00${numbers}`);
    requireCoding(StateValueMetadata, metadataOf2023, DIALECT_2023, `00${'09'.repeat(32)}${numbers}`);
  });

  it('know the second variant of that metadata only today', () => {
    const value = { slot_deposit: 1n, bytes_deposit: 0n, creation_time_usecs: 2n };
    const hex = '01010000000000000000000000000000000200000000000000';
    requireCoding(StateValueMetadata, { variant: 'V1', value }, DIALECT_CURRENT, hex);
    assert.throws(() => decode(StateValueMetadata, Buffer.from(hex, 'hex'), { dialect: DIALECT_2023 }), {
      code: 'BCS_UNKNOWN_VARIANT',
    });
  });

  it('hold modules in a module bundle only in 2023', () => {
    requireCoding(TransactionPayload, bundleOfToday, DIALECT_CURRENT, '010500000000000000');
    requireCoding(TransactionPayload, bundleOf2023, DIALECT_2023, '0101020102');
  });

  it('are those of the family when a value is hashed', () => {
    const diem = ledgerHashers(LEDGER_FAMILIES.diem);
    const value = { variant: 'WithMetadata', value: { data: payer, metadata: metadataOf2023 } } as const;
    const bytes = encode(StateValue, value, { dialect: DIALECT_2023 });
    assert.deepEqual(hashStateValue(diem, value), diem.stateValue.hash(bytes));
    const checkpoint = { variant: 'StateCheckpoint', value: payer } as const;
    assert.deepEqual(
      hashTransaction(diem, checkpoint),
      diem.transaction.hash(encode(Transaction, checkpoint)),
    );
  });
});

describe('a write op', () => {
  it('leaves the state value that it wrote, or none', () => {
    const data = Uint8Array.of(1, 2, 3);
    const withMetadata = { data, metadata: metadataOfToday };
    const cases: readonly (readonly [WriteOp, StateValue | undefined])[] = [
      [
        { variant: 'Creation', value: data },
        { variant: 'V0', value: data },
      ],
      [
        { variant: 'Modification', value: data },
        { variant: 'V0', value: data },
      ],
      [{ variant: 'Deletion' }, undefined],
      [
        { variant: 'CreationWithMetadata', value: withMetadata },
        { variant: 'WithMetadata', value: withMetadata },
      ],
      [
        { variant: 'ModificationWithMetadata', value: withMetadata },
        { variant: 'WithMetadata', value: withMetadata },
      ],
      [{ variant: 'DeletionWithMetadata', value: { metadata: metadataOfToday } }, undefined],
    ];
    for (const [op, expected] of cases) assert.deepEqual(stateValueAfter(op), expected);
  });
});
