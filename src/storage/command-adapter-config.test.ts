import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { loadCommandAdapterConfig, parseTomlConfig, parseYamlConfig } from './command-adapter-config.js';
import { StorageError } from './storage-error.js';

const commands = `
commands:
  create_backup: 'a'
  create_for_write: b
  open_for_read: c
  save_metadata_line: d
  list_metadata_files: |
    e one
    e two
`;

test('a YAML configuration gives its variables in order and its commands unaltered', () => {
  const config = parseYamlConfig(
    `env_vars:\n  - key: "BUCKET"\n    value: "x y"\n  - key: B\n    value: 2\n${commands}`,
  );
  assert.deepEqual(config.envVars, [
    { key: 'BUCKET', value: 'x y' },
    { key: 'B', value: '2' },
  ]);
  assert.deepEqual(config.commands, {
    create_backup: 'a',
    create_for_write: 'b',
    open_for_read: 'c',
    save_metadata_line: 'd',
    list_metadata_files: 'e one\ne two\n',
  });
});

test('plain scalars are texts as they were written', () => {
  for (const source of ['5', '0x1F', '1e3', 'true', 'no', '~', 'null', '2001-01-01', '.inf']) {
    const config = parseYamlConfig(`env_vars:\n  - { key: K, value: ${source} }\n${commands}`);
    assert.equal(config.envVars[0]?.value, source);
  }
});

test('the optional command may be there, missing or null', () => {
  const optional = (line: string) =>
    parseYamlConfig(`env_vars: []\n${commands}  ${line}\n`).commands.backup_metadata_file;
  assert.equal(optional('backup_metadata_file: mv it'), 'mv it');
  assert.equal(optional("backup_metadata_file: 'null'"), 'null');
  for (const none of ['null', '~', '', 'Null', 'NULL'])
    assert.equal(optional(`backup_metadata_file: ${none}`), undefined, none);
});

test('unknown keys are passed over wherever they stand, also twice', () => {
  const config = parseYamlConfig(
    `extra: 1\nextra: 2\nenv_vars:\n  - { key: K, value: v, note: [1] }\n${commands}  other: {a: b}\n`,
  );
  assert.deepEqual(config.envVars, [{ key: 'K', value: 'v' }]);
});

test('an alias stands for its anchor', () => {
  const config = parseYamlConfig(
    `env_vars: []\nx: &same cat\n${commands.replace('open_for_read: c', 'open_for_read: *same')}`,
  );
  assert.equal(config.commands.open_for_read, 'cat');
});

test('what the reference refuses in YAML is refused', () => {
  const refused: [name: string, text: string, says: RegExp][] = [
    ['an empty file', '', /map/],
    ['no env_vars', commands, /env_vars is missing/],
    ['env_vars null', `env_vars: null\n${commands}`, /env_vars must be a list/],
    ['env_vars without a value', `env_vars:\n${commands}`, /env_vars must be a list/],
    ['env_vars a map', `env_vars: {a: b}\n${commands}`, /env_vars must be a list/],
    ['a variable without its value', `env_vars:\n  - key: K\n${commands}`, /env_vars\[0\]\.value is missing/],
    ['no commands', 'env_vars: []\n', /commands is missing/],
    [
      'a command missing',
      `env_vars: []\n${commands.replace('  open_for_read: c\n', '')}`,
      /commands\.open_for_read is missing/,
    ],
    [
      'a command that is a list',
      `env_vars: []\n${commands.replace('open_for_read: c', 'open_for_read: [c]')}`,
      /must be text/,
    ],
    ['a known key twice', `env_vars: []\nenv_vars: []\n${commands}`, /env_vars is given twice/],
    ['a command twice', `env_vars: []\n${commands}  open_for_read: again\n`, /open_for_read is given twice/],
    ['two documents', `env_vars: []\n${commands}---\na: b\n`, /document/],
    ['no YAML', `env_vars: [\n${commands}`, /./],
  ];
  for (const [name, text, says] of refused) assert.throws(() => parseYamlConfig(text), says, name);
});

test('an older TOML configuration has the same keys', () => {
  const text = `
[[env_vars]]
key = "FOLDER"
value = "./"

[commands]
create_backup = 'a'
create_for_write = 'b'
open_for_read = 'cat "$FILE_HANDLE"'
save_metadata_line = 'd'
list_metadata_files = 'e'
other = 1
`;
  const config = parseTomlConfig(text);
  assert.deepEqual(config.envVars, [{ key: 'FOLDER', value: './' }]);
  assert.equal(config.commands.open_for_read, 'cat "$FILE_HANDLE"');
  assert.equal(config.commands.backup_metadata_file, undefined);
  assert.throws(() => parseTomlConfig(text.replace("'b'", '5')), /commands\.create_for_write must be text/);
  assert.throws(
    () => parseTomlConfig(text.replace('[[env_vars]]', '[[others]]')),
    /env_vars must be an array/,
  );
  assert.throws(() => parseTomlConfig('env_vars = []\n'), /commands must be a table/);
});

test('a file is read as its name says, and the error names it', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'adapter-config-'));
  try {
    const yaml = path.join(folder, 'c.yaml');
    await writeFile(yaml, `env_vars: []\n${commands}`);
    assert.equal((await loadCommandAdapterConfig(yaml)).commands.create_for_write, 'b');
    const toml = path.join(folder, 'c.toml');
    await writeFile(toml, `env_vars: []\n${commands}`);
    for (const bad of [toml, path.join(folder, 'none.yaml')]) {
      await assert.rejects(loadCommandAdapterConfig(bad), (error) => {
        assert.ok(error instanceof StorageError);
        assert.equal(error.code, 'ADAPTER_CONFIG_INVALID');
        assert.equal(error.facts.path, bad);
        return true;
      });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
