import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decode, encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import {
  hashAuxiliaryInfo,
  hashEvent,
  hashLedgerInfo,
  hashStateKey,
  hashStateValue,
  hashTransaction,
  hashWriteSet,
} from './hashes.js';
import { ContractEvent } from './contract-event.js';
import { LEDGER_FAMILIES, type LedgerHashers, ledgerHashers } from './ledger-family.js';
import { LedgerInfo } from './ledger-info.js';

const aptos = ledgerHashers(LEDGER_FAMILIES.aptos);
const diem = ledgerHashers(LEDGER_FAMILIES.diem);

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
}

/** Seeds by domain, for `APTOS::` and `DIEM::` (spec: formats.md, section 2). */
const SEEDS: Readonly<Record<Exclude<keyof LedgerHashers, 'family'>, readonly [string, string | undefined]>> =
  {
    stateKey: [
      '14715f27d7ab9aad7041a4809fbb1dc5bcd80e0c5ee58c18469f1fde7bd347e4',
      '6297d34d5da14be9e2fb96134a07ec5e55efed5c7b030aecc2f5f5954996ce05',
    ],
    stateValue: [
      'f23de2fd4cb9705bff983c28e48638d29707ad5e0fc73d5db94b50dfd36dbcfa',
      'd11421da30b4ef6562cea3c32db362f4791bd8dd14ee836f7f5aa12425348c94',
    ],
    sparseMerkleLeaf: [
      '9df5ce426e6c3cc7a648886c12b661d7d87cba44ce9b7c3b8579bac5b8e8519b',
      'bdf4c337447d4ffa292491644e4d26607f770eadb364a6b238fe0e19b2b87704',
    ],
    sparseMerkleInternal: [
      '6738db124643f427d7b7d92c0cc11ac9ef1caaaaec2ac77145646e1d293e6b38',
      '0b3ec0481bc00708b043a6dadff482da85a97a91da1ac1b729150f0f44bad4c6',
    ],
    transaction: [
      'fa210a9417ef3e7fa45bfa1d17a8dbd4d883711910a550d265fee189e9266dd4',
      'a57f37b6effd9fca550b609f55ac4cabc6e58784f0e1a99877bfef3c9840ba79',
    ],
    transactionInfo: [
      'a7571b1ac557d1d3f9e884d79f9174c9ff81fd091502dfad0008455b39eca471',
      '5716f98fb407923f154b72281e92adfeb3f18afdfe84efc1c72ceddc8234aef1',
    ],
    transactionAccumulator: [
      '9d054c84c0d2c98b618a1a3247e9979a72229dbd162985a2a924144b8aad0327',
      'f113eccd4bfbb5050e49fcac4b812912a8b83c3b32bd3c61917ffc8cab48f420',
    ],
    eventAccumulator: [
      '4dbe0448340a3095e1696708e4be4e93f4956d1f9f5755292767ef8a1344ac36',
      'f33b5e61efab7cc2fb11adff392556c4e7f8113fcee16a52b6c31e0b19fdd545',
    ],
    contractEvent: [
      '38f46bbd4b520466a91d4166cd85fa9c3c83ac6993bf65f8d90bad19c5e2f661',
      '5198eac83647d6147831afb4df77a5dc0e98cbbd08df17296db256154e335aa0',
    ],
    writeSet: [
      '27805b4e56482a52f649482bde40b3c45a4b98f37523bb128379aaaad014d2a8',
      '54e9f608511e1b948a3a936a5937e13d454404dbeb25f936b0b12a9f34e53621',
    ],
    auxiliaryInfo: ['83365516453ccf7cd4407bb5d7888ab49a4099e7ac71690272a1b23acda81a58', undefined],
    ledgerInfo: [
      '98274d3a1dfd01624eb9df4f2fc4e34fa24f18334a0091ec93d0ea833e1fbaa2',
      'cd510d1ab583c33b54fa949014601df0664857c18c4cfb228c862dd869df1b62',
    ],
    waypoint: [
      '2539380256a7df4f1a22fa5d30cd72c123103ad06479987c44b58b4d7a20efdf',
      'c5410394d22ee342a90aca58f2d26a810b26d94c2938fe6104009c5a337f4826',
    ],
    rawTransaction: ['b5e97db07fa0bd0e5598aa3643a9bc6f6693bddc1a9fec9e674a461eaa00b193', undefined],
  };

describe('domain seeds', () => {
  for (const [name, [aptosSeed, diemSeed]] of Object.entries(SEEDS)) {
    it(`of ${name} are those of the specification`, () => {
      const domain = name as keyof typeof SEEDS;
      assert.equal(toHex(aptos[domain].seed), aptosSeed);
      if (diemSeed !== undefined) assert.equal(toHex(diem[domain].seed), diemSeed);
    });
  }
});

describe('hashes', () => {
  it('of a write set without ops, from the value and from its bytes', () => {
    const expected = 'afb6e14fe47d850fd0a7395bcfb997ffacf4715e0f895cc162c218e4a7564bc6';
    assert.equal(toHex(hashWriteSet(aptos, bytes('0000'))), expected);
    assert.equal(toHex(hashWriteSet(aptos, { variant: 'V0', value: { write_set: [] } })), expected);
  });

  it('of a state checkpoint transaction', () => {
    const hash = hashTransaction(aptos, { variant: 'StateCheckpoint', value: new Uint8Array(32) });
    assert.equal(toHex(hash), '543677714809364d4b88ddc8e8cdc9771cfdac47cd8d75709d59b38cb2a85f3c');
  });

  it('of auxiliary info, which is hashed only in its first version', () => {
    const indexed = (variant: 'V1' | 'TimestampNotYetAssignedV1', transaction_index: number) =>
      hashAuxiliaryInfo(aptos, { variant, value: { transaction_index } });
    assert.equal(
      toHex(indexed('V1', 0) ?? bytes('')),
      '2110f2ab9257012d59345cf91a8446e970bc91b93444aefc643f55f3867552f9',
    );
    assert.equal(
      toHex(indexed('V1', 1) ?? bytes('')),
      '7c041697a0e96e1e242c8d02c544cf4249a84735a8e068241562598e9150f305',
    );
    assert.equal(indexed('TimestampNotYetAssignedV1', 0), undefined);
    assert.equal(hashAuxiliaryInfo(aptos, { variant: 'None' }), undefined);
  });

  it('of state keys', () => {
    const raw = hashStateKey(aptos, { variant: 'Raw', value: new TextEncoder().encode('abc') });
    assert.equal(toHex(raw), '15d8242d14e8ee2fde20e2334485e0b14172e2cd8e87bea91f50c74f7ab96cb6');
    const tableItem = bytes(`01 1b854694ae746cdbd8d44186ca4929b2b337df21d1c74633be19b2710552fdca
      20 0619dc29a0aac8fa146714058e8dd6d2d0f3bdf5f6331907bf91f3acd81e6935`);
    assert.equal(
      toHex(hashStateKey(aptos, tableItem)),
      '6e4b28d40f98a106a65163530924c0dcb40c1349d3aa915d108b4d6cfc1ddb19',
    );
  });

  it('of state values, and of the leaf that a key and a value make', () => {
    const plain = hashStateValue(aptos, bytes('0010ffffa30731af05000100000000000000'));
    assert.equal(toHex(plain), '6bf4aeb58f794adfa7ec206eabbc60ea12b27ec794f384c729107d7632281547');
    const metadata = { variant: 'V0', value: { deposit: 1n, creation_time_usecs: 2n } } as const;
    const value = { variant: 'WithMetadata', value: { data: bytes('01'), metadata } } as const;
    assert.equal(
      toHex(hashStateValue(aptos, value)),
      'bdc3c10020085feb2a86def0d9055a8eb06815dfcd10180f7037b98632efa48d',
    );
    const key = bytes('6e4b28d40f98a106a65163530924c0dcb40c1349d3aa915d108b4d6cfc1ddb19');
    assert.equal(
      toHex(aptos.sparseMerkleLeaf.pair(key, plain)),
      '3333692c12ec418a0aae87c536b53e0be5c3c198fef75d83139e6de2ab7aca7e',
    );
  });

  it('of events of both kinds', () => {
    const deposit =
      bytes(`00 0200000000000000 000000000000000000000000000000000000000000000000000000000a550c18
      0000000000000000 07 0000000000000000000000000000000000000000000000000000000000000001 04636f696e
      0c4465706f7369744576656e74 00 08ffffffffffffffff`);
    assert.equal(
      toHex(hashEvent(aptos, decode(ContractEvent, deposit))),
      '2738c90148fb8a1df96ec3917b40fb21eac2c1c7c2b6eb55089713454634eea9',
    );
    const newEpoch = bytes(`01 07 0000000000000000000000000000000000000000000000000000000000000001
      0f7265636f6e66696775726174696f6e 084e657745706f6368 00 08 0100000000000000`);
    assert.equal(
      toHex(hashEvent(aptos, newEpoch)),
      '715d21cb75069e459036d019f6c9e86ce8368654186fb90ef6148e29715b8c26',
    );
  });

  it('of a ledger info of the 0L network, which differs from the one with the other prefix', () => {
    const midEpoch = bytes(`c100000000000000 d852020000000000
      266245c9ae1e0ea322c17695749ed9ce559e3c8788e9076720f0d1713fc9d75e
      fb138af358b7e0f677b098795ad8d136ba15b401ab3d589fda6f80ed6410a277 339bf00300000000 f25aad023d250600 00
      8375c458ce5f695f14e33800c91622109a3c942478622e822ff71a97965e69d5`);
    const ledgerInfo = decode(LedgerInfo, midEpoch);
    assert.equal(ledgerInfo.commit_info.epoch, 193n);
    assert.equal(ledgerInfo.commit_info.version, 66_100_019n);
    assert.deepEqual(encode(LedgerInfo, ledgerInfo), midEpoch);
    const expected = '0d122043eacd72ab7cf45beeee1b7de4aab239c00ad7593af25e19b80385fd33';
    assert.equal(toHex(hashLedgerInfo(diem, ledgerInfo)), expected);
    assert.notEqual(toHex(hashLedgerInfo(aptos, ledgerInfo)), expected);
  });
});
