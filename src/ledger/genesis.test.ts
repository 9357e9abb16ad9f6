import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { hashTransactionInfo } from '../types/hashes.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import { Transaction } from '../types/transaction.js';
import { formatWaypoint } from '../types/waypoint.js';
import { GenesisError, genesisLedger } from './genesis.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);

describe('the ledger that a genesis transaction begins', () => {
  for (const network of ['mainnet', 'testnet', 'devnet']) {
    it(`gives ${network} its waypoint`, { skip: withoutFixture('genesis', network) }, () => {
      const blob = readFileSync(fixturePath('genesis', network, 'genesis.blob'));
      const expected = readFileSync(fixturePath('genesis', network, 'waypoint.txt'), 'utf8').trim();
      assert.equal(formatWaypoint(genesisLedger(hashers, blob).waypoint), expected);
    });
  }

  it('gives the roots of testnet (spec: formats.md, section 10)', { skip: withoutFixture('genesis') }, () => {
    const blob = readFileSync(fixturePath('genesis', 'testnet', 'genesis.blob'));
    const { stateRoot, transactionInfo } = genesisLedger(hashers, blob);
    assert.equal(toHex(stateRoot), '6e9c67140e4e2ae27e6b1b2b1f6f7b9f07d89fc89068632fa937ea46de9e0153');
    assert.equal(
      toHex(transactionInfo.value.event_root_hash),
      'cc633b0ff1d36f730e9686a16b701963e09bf01e484db695aa90fd63b7698215',
    );
    assert.equal(
      toHex(hashTransactionInfo(hashers, transactionInfo)),
      'a82b8b8e40e61e83cd284071ff179ce9b79458768e9e4feca8b892425b18b2f0',
    );
  });

  const refusals: readonly [string, Uint8Array, string][] = [
    ['bytes that are no transaction', Uint8Array.of(9, 9, 9), 'GENESIS_UNREADABLE'],
    [
      'a transaction of another variant',
      encode(Transaction, { variant: 'StateCheckpoint', value: new Uint8Array(32) }),
      'GENESIS_NOT_DIRECT',
    ],
    [
      'a write set without validators',
      encode(Transaction, {
        variant: 'GenesisTransaction',
        value: {
          variant: 'Direct',
          value: { write_set: { variant: 'V0', value: { write_set: [] } }, events: [] },
        },
      }),
      'GENESIS_NO_VALIDATOR_SET',
    ],
  ];
  for (const [what, bytes, code] of refusals) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => genesisLedger(hashers, bytes),
        (error) => error instanceof GenesisError && error.code === code,
      );
    });
  }
});
