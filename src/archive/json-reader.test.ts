import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonError } from './json-error.js';
import { type JsonReader, readJson } from './json-reader.js';
import { jsonList, jsonStruct, jsonText } from './json-writer.js';

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'utf8');

const readPoint = (reader: JsonReader) =>
  reader.struct(
    { x: (field) => field.u64(), name: (field) => field.text(), size: (field) => field.u64() },
    { size: 7n },
  );
const point = (text: string) => readJson(bytesOf(text), readPoint);

function refusal(text: string | Uint8Array, read: (reader: JsonReader) => unknown = readPoint): JsonError {
  try {
    readJson(typeof text === 'string' ? bytesOf(text) : text, read);
  } catch (error) {
    assert.ok(error instanceof JsonError, String(error));
    return error;
  }
  return assert.fail(`accepted ${text}`);
}

test('a struct is read in any field order, with white space, or as an array', () => {
  const fields = { x: 1n, name: 'a', size: 2n };
  assert.deepEqual(point('{"x":1,"name":"a","size":2}').fields, fields);
  assert.deepEqual(point(' {\t"size" : 2 ,\r\n"name":"a", "x":1 } \n').fields, fields);
  assert.deepEqual(point('[1,"a",2]').fields, fields);
  assert.deepEqual(point('[1,"a"]').fields, { ...fields, size: 7n }, 'only the last may be left out');
});

test('whole numbers are exact up to 2^64 - 1', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => {
      assert.equal(
        readJson(bytesOf(`${value}`), (reader) => reader.u64()),
        value,
      );
    }),
  );
  for (const text of [
    '18446744073709551616',
    '99999999999999999999',
    '100000000000000000000',
    '-1',
    '-0',
    '1.0',
    '1e3',
    '1E3',
    '"1"',
    'null',
    'true',
    '[]',
    '{}',
  ])
    assert.equal(refusal(text, (reader) => reader.u64()).code, 'JSON_SHAPE', text);
  for (const text of ['01', '00', '', '+1', '.5', '1.', '1e', '-', 'nul', '1 2', 'NaN', '0x1'])
    assert.equal(refusal(text, (reader) => reader.u64()).code, 'JSON_SYNTAX', text);
});

test('unknown fields are kept as they stand, also when they come twice', () => {
  const { extras } = point('{"x":1,"more": {"a": [1.5e3, null]},"name":"a","more":true,"z":"\\u0041"}');
  assert.deepEqual(
    [...(extras ?? [])].map(([name, json]) => [name, Buffer.from(json).toString()]),
    [
      ['more', 'true'],
      ['z', '"\\u0041"'],
    ],
  );
  assert.equal(point('{"x":1,"name":"a"}').extras, undefined);
});

test('known fields come once and must come', () => {
  assert.match(refusal('{"x":1,"x":1,"name":"a"}').message, /duplicate field x at byte 7/);
  assert.match(refusal('{"x":1}').message, /missing field name at byte 0/);
  assert.match(refusal('[1]').message, /missing field name/);
  assert.match(refusal('[1,"a",2,3]').message, /more values/);
});

test('an error names the field and the byte', () => {
  const read = (reader: JsonReader) =>
    reader.struct({ chunks: (field) => field.list((item) => readPoint(item)) });
  const error = refusal('{"chunks":[[1,"a"],{"name":"b","x":"2"}]}', read);
  assert.equal(error.path, 'chunks[1].x');
  assert.equal(error.offset, 35);
  assert.equal(error.code, 'JSON_SHAPE');
  assert.match(error.message, /at byte 35 \(chunks\[1\]\.x\)$/);
  assert.equal(refusal('{"é":1,"x":}').offset, 12, 'bytes, not characters');
});

test('what is no JSON is refused', () => {
  for (const text of [
    '',
    ' ',
    '{',
    '{"x"',
    '{"x":',
    '{"x":1',
    '{"x":1,',
    '{"x":1,}',
    '{,}',
    '{"x" 1}',
    '{x:1}',
    "{'x':1}",
    '[1,]',
    '[1 2]',
    '[1,"a"] x',
    '{"x":1,"name":"a"}{}',
    '{"x":1,"name":"a\n"}',
    '{"x":1,"name":"\\x"}',
    '{"x":1,"name":"\\u12"}',
    '{"x":1,"name":"\\ud800"}',
    '{"x":1,"name":"a',
    '{"x":1,"name":"a\\',
    '{"x":1,"name":"a","e":tru}',
    '{"x":1,"name":"a","e":1.}',
    '{"x":1,"name":"a","e":01}',
    '\ufeff[1,"a"]',
    '\0\0\0',
    '// no\n[1,"a"]',
  ])
    assert.equal(refusal(text).code, 'JSON_SYNTAX', JSON.stringify(text));
  assert.equal(refusal(Buffer.from('{"x":1,"name":"\xff"}', 'latin1')).code, 'JSON_SYNTAX', 'not UTF-8');
});

test('deep nesting is refused and does not exhaust the stack', () => {
  const nested = (depth: number): string => `{"x":1,"name":"a","e":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  point(nested(126));
  assert.equal(refusal(nested(127)).code, 'JSON_SYNTAX');
  assert.equal(refusal('['.repeat(1_000_000)).code, 'JSON_SYNTAX');
  assert.equal(refusal(`{"e":${'['.repeat(1_000_000)}`).code, 'JSON_SYNTAX');
});

test('one key names the kind, and no second one stands beside it', () => {
  const read = (reader: JsonReader) =>
    reader.variant<bigint | string>({ A: (field) => field.u64(), B: (field) => field.text() });
  assert.equal(readJson(bytesOf('{"A":5}'), read), 5n);
  assert.equal(readJson(bytesOf(' { "B" : "x" } '), read), 'x');
  for (const text of [
    '{}',
    '{"C":1}',
    '{"toString":1}',
    '{"A":1,"B":"x"}',
    '{"A":1,"A":1}',
    '{"A":1,"C":2}',
    '"A"',
    '[1]',
    '5',
  ])
    assert.equal(refusal(text, read).code, 'JSON_SHAPE', text);
});

test('a map keeps the order of its keys and takes null for undefined', () => {
  const read = (reader: JsonReader) => reader.map((field) => field.nullable((value) => value.u64()));
  assert.deepEqual(
    [...readJson(bytesOf('{"b":1,"a":null,"b":2,"__proto__":3}'), read)],
    [
      ['b', 2n],
      ['a', undefined],
      ['__proto__', 3n],
    ],
  );
  assert.equal(refusal('{"b":nul}', read).code, 'JSON_SYNTAX');
});

test('any text and any JSON value survive; what JSON.parse refuses is refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.equal(
        readJson(bytesOf(jsonText(text)), (reader) => reader.text()),
        text,
      );
    }),
  );
  fc.assert(
    fc.property(fc.json({ stringUnit: 'grapheme' }), (text) => {
      const raw = readJson(bytesOf(text), (reader) => reader.skip());
      assert.deepEqual(JSON.parse(Buffer.from(raw).toString()), JSON.parse(text));
    }),
  );
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.constantFrom(...'{}[],:"\\ \n0e.-tx'), (text, at, character) => {
      const altered = `${text.slice(0, at % text.length)}${character}${text.slice((at % text.length) + 1)}`;
      const accepts = (read: () => unknown): boolean => {
        try {
          read();
          return true;
        } catch {
          return false;
        }
      };
      const theirs = accepts(() => JSON.parse(altered));
      // Half a surrogate pair is the one thing that JSON.parse lets pass and we do not.
      if (/\\ud[89a-f]/i.test(altered)) return;
      assert.equal(
        accepts(() => readJson(bytesOf(altered), (reader) => reader.skip())),
        theirs,
        altered,
      );
    }),
    { numRuns: 1000 },
  );
});

test('a window of a larger buffer is read as if it were all', () => {
  const bytes = bytesOf('xx[1,"a"]yy').subarray(1);
  assert.deepEqual(readJson(bytes, readPoint, 1, 8).fields, { x: 1n, name: 'a', size: 7n });
  assert.throws(() => readJson(bytes, readPoint, 1, 7), JsonError);
});

test('JSON is written without spaces, with unknown fields after the known', () => {
  const extras = new Map([['more', bytesOf('{"ü":1}')]]);
  assert.equal(
    jsonStruct(
      [
        ['a', '1'],
        ['b', jsonList(['x', '"'], jsonText)],
      ],
      extras,
    ),
    '{"a":1,"b":["x","\\""],"more":{"ü":1}}',
  );
});
