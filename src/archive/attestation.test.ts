import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ArchiveError } from './archive-error.js';
import {
  attestationFileHandle,
  attestationFileName,
  parseAttestationFile,
  serializeAttestationFile,
} from './attestation-side-file.js';
import {
  AttestationHasher,
  attest,
  attestationExtras,
  attestationsIn,
  sameAttestation,
  stateSnapshotAttestations,
} from './attestation.js';
import { parseMetadataLine, serializeMetadataEntry } from './metadata-entry.js';
import { parseStateSnapshotManifest, serializeStateSnapshotManifest } from './state-snapshot-manifest.js';

const attestation = fc.record({
  size: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  sha256: fc.uint8Array({ minLength: 32, maxLength: 32 }),
});
const handle = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
const HELLO = attest(Buffer.from('hello'));
const HELLO_HEX = createHash('sha256').update('hello').digest('hex');

describe('attestations in JSON', () => {
  test('stand in one extra field, as documented byte for byte', () => {
    const line = serializeMetadataEntry({
      kind: 'StateSnapshotBackup',
      epoch: 1n,
      version: 5n,
      manifest: 'a/b',
      extras: attestationExtras({ manifest: HELLO }),
    });
    const field = `"holdfast":{"manifest":{"size":5,"sha256":"${HELLO_HEX}"}}`;
    assert.equal(line, `{"StateSnapshotBackup":{"epoch":1,"version":5,"manifest":"a/b",${field}}}`);
    const { extras } = parseMetadataLine(Buffer.from(line));
    assert.deepEqual(attestationsIn(extras, 'file'), new Map([['manifest', HELLO]]));
  });

  test('of a state manifest name every file of it, and survive being written and read', () => {
    const manifest = {
      version: 5n,
      epoch: 1n,
      rootHash: new Uint8Array(32),
      proof: 'x/state.proof',
      extras: attestationExtras({ proof: HELLO }),
      chunks: [
        {
          firstIdx: 0n,
          lastIdx: 0n,
          firstKey: new Uint8Array(32),
          lastKey: new Uint8Array(32),
          blobs: 'x/0-.chunk',
          proof: 'x/0-0.proof',
          extras: attestationExtras({ blobs: HELLO, proof: attest(new Uint8Array()) }),
        },
      ],
    };
    const read = parseStateSnapshotManifest(Buffer.from(serializeStateSnapshotManifest(manifest)));
    const attested = stateSnapshotAttestations(read, 'x/state.manifest');
    assert.deepEqual([...attested.keys()], ['x/0-.chunk', 'x/0-0.proof', 'x/state.proof']);
    assert.ok(sameAttestation(attested.get('x/0-.chunk') ?? attest(new Uint8Array(9)), HELLO));
  });

  test('are nothing where there is no field, and may have fields that this version does not know', () => {
    assert.equal(attestationsIn(undefined, 'file').size, 0);
    const later = Buffer.from(`{"proof":{"size":5,"codec":["zstd"],"sha256":"${HELLO_HEX}"}}`);
    assert.deepEqual(attestationsIn(new Map([['holdfast', later]]), 'file'), new Map([['proof', HELLO]]));
  });

  test('that cannot be read are an error that names the file', () => {
    const bad = ['5', 'null', '{"proof":5}', '{"proof":{"size":5}}', '{"proof":{"size":-1,"sha256":""}}'];
    for (const json of [...bad, `{"proof":{"size":"5","sha256":"${HELLO_HEX}"}}`]) {
      assert.throws(
        () => attestationsIn(new Map([['holdfast', Buffer.from(json)]]), 'x/y'),
        (error) =>
          error instanceof ArchiveError &&
          error.code === 'ATTESTATION_UNREADABLE' &&
          error.facts.handle === 'x/y',
        json,
      );
    }
  });
});

describe('a side file', () => {
  test('is read as it was written, whatever it holds', () => {
    fc.assert(
      fc.property(
        handle,
        attestation,
        fc.option(handle, { nil: undefined }),
        fc.dictionary(handle, attestation),
        (manifest, own, entry, byFile) => {
          const side = {
            manifest,
            attestation: own,
            files: new Map(Object.entries(byFile)),
            ...(entry === undefined ? {} : { entry }),
          };
          const bytes = serializeAttestationFile(side);
          const read = parseAttestationFile(bytes);
          assert.equal(read.manifest, manifest);
          assert.equal(read.entry, entry);
          assert.ok(sameAttestation(read.attestation, own));
          assert.equal(read.files.size, side.files.size);
          assert.deepEqual(Buffer.from(serializeAttestationFile(read)), Buffer.from(bytes));
        },
      ),
    );
  });

  test('is the documented text', () => {
    const side = {
      manifest: 'a/b',
      attestation: HELLO,
      entry: 'metadata/c',
      files: new Map([['a/x', HELLO]]),
    };
    const digest = `{"size":5,"sha256":"${HELLO_HEX}"}`;
    const head = `{"format":1,"manifest":"a/b","attestation":${digest},"entry":"metadata/c"`;
    const text = `${head},"files":{"a/x":${digest}}}\n`;
    assert.equal(Buffer.from(serializeAttestationFile(side)).toString(), text);
  });

  test('has a name that tells the manifest, or a digest where the handle is no path of two names', () => {
    const ordinary = 'transaction_0-.0a1b/transaction.manifest';
    assert.equal(attestationFileName(ordinary), 'transaction_0-.0a1b~transaction.manifest');
    assert.equal(
      attestationFileHandle({ sideFolder: '.holdfast' }, ordinary),
      '.holdfast/attestations/transaction_0-.0a1b~transaction.manifest',
    );
    assert.equal(attestationFileHandle({}, ordinary), undefined);
    for (const odd of [
      's3://bucket/a/b',
      '../../etc/passwd',
      'ab',
      '',
      'a b/manifest',
      `${'x'.repeat(200)}/m`,
    ]) {
      assert.match(attestationFileName(odd), /^sha256-[0-9a-f]{64}$/);
    }
  });

  test('of a later format is not read as if it were this one', () => {
    const text = Buffer.from(
      serializeAttestationFile({ manifest: 'a/b', attestation: HELLO, files: new Map() }),
    ).toString();
    assert.throws(() => parseAttestationFile(Buffer.from(text.replace('"format":1', '"format":2'))));
  });
});

test('the hasher does not care how content is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (pieces) => {
      const hasher = new AttestationHasher();
      for (const piece of pieces) hasher.update(piece);
      assert.ok(sameAttestation(hasher.finish(), attest(Buffer.concat(pieces))));
    }),
  );
});
