import { readFile } from 'node:fs/promises';
import { parse as parseToml, type TomlTable } from 'smol-toml';
import { isAlias, isMap, isScalar, isSeq, parseDocument, type Scalar, type YAMLMap } from 'yaml';
import { messageOf, StorageError } from './storage-error.js';

/** The commands of an adapter by operation (spec: backup-format.md, section 14). */
export interface AdapterCommands {
  readonly create_backup: string;
  readonly create_for_write: string;
  readonly open_for_read: string;
  readonly save_metadata_line: string;
  readonly list_metadata_files: string;
  readonly backup_metadata_file?: string;
}

export interface CommandAdapterConfig {
  /** Set for every command; a later one of the same name wins. */
  readonly envVars: readonly { readonly key: string; readonly value: string }[];
  readonly commands: AdapterCommands;
}

const REQUIRED_COMMANDS = [
  'create_backup',
  'create_for_write',
  'open_for_read',
  'save_metadata_line',
  'list_metadata_files',
] as const;
const OPTIONAL_COMMAND = 'backup_metadata_file';

/**
 * Reads a configuration: TOML, as older ones were written, where the file is named `*.toml`, else YAML.
 * @throws StorageError ADAPTER_CONFIG_INVALID
 */
export async function loadCommandAdapterConfig(filePath: string): Promise<CommandAdapterConfig> {
  try {
    const text = await readFile(filePath, 'utf8');
    return filePath.endsWith('.toml') ? parseTomlConfig(text) : parseYamlConfig(text);
  } catch (error) {
    throw new StorageError(
      'ADAPTER_CONFIG_INVALID',
      `cannot use the command adapter configuration ${filePath}: ${messageOf(error)}`,
      {
        cause: error,
        hint: 'It needs env_vars (a list, maybe empty) and commands; see the docs of command adapters.',
        facts: { path: filePath },
      },
    );
  }
}

/**
 * The YAML form, read as the reference's library reads it: unknown keys are passed over wherever they
 * stand, a plain scalar is text as it was written (`5`, `true`, `~`), and no known key comes twice.
 * @throws Error whose message says what is wrong and where
 */
export function parseYamlConfig(text: string): CommandAdapterConfig {
  // The failsafe schema leaves every plain scalar the text that it is; repeated keys are judged below.
  const document = parseDocument(text, { schema: 'failsafe', uniqueKeys: false });
  const [problem] = document.errors;
  if (problem !== undefined) throw new Error(problem.message);
  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  return readConfig(new YamlTable(document.contents, 'the file', resolve));
}

/**
 * The TOML form with the same keys: `env_vars` an array of tables, `commands` a table; values are strings.
 * @throws Error whose message says what is wrong and where
 */
export function parseTomlConfig(text: string): CommandAdapterConfig {
  return readConfig(new TomlConfigTable(parseToml(text), 'the file'));
}

/** What both forms have in common: a table of texts, tables and lists of tables. */
interface ConfigTable {
  text(key: string): string;
  optionalText(key: string): string | undefined;
  table(key: string): ConfigTable;
  tables(key: string): ConfigTable[];
}

function readConfig(root: ConfigTable): CommandAdapterConfig {
  const envVars = root.tables('env_vars').map((entry) => ({
    key: entry.text('key'),
    value: entry.text('value'),
  }));
  const table = root.table('commands');
  const [create_backup, create_for_write, open_for_read, save_metadata_line, list_metadata_files] =
    REQUIRED_COMMANDS.map((name) => table.text(name)) as [string, string, string, string, string];
  const backup_metadata_file = table.optionalText(OPTIONAL_COMMAND);
  const commands = {
    create_backup,
    create_for_write,
    open_for_read,
    save_metadata_line,
    list_metadata_files,
    ...(backup_metadata_file === undefined ? {} : { backup_metadata_file }),
  };
  return { envVars, commands };
}

class YamlTable implements ConfigTable {
  #map: YAMLMap;
  #where: string;
  #resolve: (node: unknown) => unknown;

  constructor(node: unknown, where: string, resolve: (node: unknown) => unknown) {
    const map = resolve(node);
    if (!isMap(map)) throw new Error(`${where} must be a map`);
    this.#map = map;
    this.#where = where;
    this.#resolve = resolve;
  }

  text(key: string): string {
    return textOf(this.#scalar(this.#required(key), key));
  }

  optionalText(key: string): string | undefined {
    const node = this.#find(key);
    if (node === undefined) return undefined;
    const scalar = this.#scalar(node, key);
    return isNull(scalar) ? undefined : textOf(scalar);
  }

  table(key: string): ConfigTable {
    return new YamlTable(this.#required(key), this.#path(key), this.#resolve);
  }

  tables(key: string): ConfigTable[] {
    const list = this.#required(key);
    if (!isSeq(list)) throw new Error(`${this.#path(key)} must be a list; write [] for none`);
    return list.items.map(
      (item, index) => new YamlTable(item, `${this.#path(key)}[${index}]`, this.#resolve),
    );
  }

  #path(key: string): string {
    return this.#where === 'the file' ? key : `${this.#where}.${key}`;
  }

  #find(key: string): unknown {
    const found = this.#map.items.filter(({ key: node }) => {
      const name = this.#resolve(node);
      return isScalar(name) && textOf(name) === key;
    });
    if (found.length > 1) throw new Error(`${this.#path(key)} is given twice`);
    const [pair] = found;
    return pair === undefined ? undefined : (this.#resolve(pair.value) ?? NOTHING);
  }

  #required(key: string): unknown {
    const node = this.#find(key);
    if (node === undefined) throw new Error(`${this.#path(key)} is missing`);
    return node;
  }

  #scalar(node: unknown, key: string): Scalar | typeof NOTHING {
    if (node === NOTHING || isScalar(node)) return node as Scalar | typeof NOTHING;
    throw new Error(`${this.#path(key)} must be text`);
  }
}

/** A key that is followed by no value at all. */
const NOTHING = Symbol('nothing');

function textOf(node: Scalar | typeof NOTHING): string {
  return node === NOTHING ? '' : String(node.value ?? '');
}

/** What YAML takes for null when it is written without quotes. */
function isNull(node: Scalar | typeof NOTHING): boolean {
  if (node === NOTHING) return true;
  return node.type === 'PLAIN' && ['', '~', 'null', 'Null', 'NULL'].includes(textOf(node));
}

class TomlConfigTable implements ConfigTable {
  #table: TomlTable;
  #where: string;

  constructor(value: unknown, where: string) {
    if (!isTomlTable(value)) throw new Error(`${where} must be a table`);
    this.#table = value;
    this.#where = where;
  }

  text(key: string): string {
    const value = this.optionalText(key);
    if (value === undefined) throw new Error(`${this.#path(key)} is missing`);
    return value;
  }

  optionalText(key: string): string | undefined {
    const value = this.#get(key);
    if (value !== undefined && typeof value !== 'string') throw new Error(`${this.#path(key)} must be text`);
    return value;
  }

  table(key: string): ConfigTable {
    return new TomlConfigTable(this.#get(key), this.#path(key));
  }

  tables(key: string): ConfigTable[] {
    const value = this.#get(key);
    if (!Array.isArray(value)) throw new Error(`${this.#path(key)} must be an array; write [] for none`);
    return value.map((item, index) => new TomlConfigTable(item, `${this.#path(key)}[${index}]`));
  }

  #get(key: string): unknown {
    return Object.hasOwn(this.#table, key) ? this.#table[key] : undefined;
  }

  #path(key: string): string {
    return this.#where === 'the file' ? key : `${this.#where}.${key}`;
  }
}

function isTomlTable(value: unknown): value is TomlTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
