import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { packageRoot } from './fixtures.js';
import { type CleanUp, temporaryFolder } from './temporary-folder.js';

const root = packageRoot();
/** The compiled package that this test is part of. */
const compiled = fileURLToPath(new URL('..', import.meta.url));

/** Names that the sketch of a page takes for granted, in one line: what it imports and what the reader has. */
const PRELUDES: Readonly<Record<string, string>> = {
  'docs/crash-states.md': [
    "import assert from 'node:assert/strict';",
    "import { exploreCrashes } from 'holdfast-source/crash-states/explore-crashes.js';",
    "import { strictPosix } from 'holdfast-source/crash-states/crash-model.js';",
    "import { MemoryFileSystem } from 'holdfast-source/crash-states/memory-file-system.js';",
    "import { RecordingFileSystem } from 'holdfast-source/durable-fs/recording-file-system.js';",
    "import type { FileSystem } from 'holdfast-source/durable-fs/file-system.js';",
    'declare function program(fileSystem: RecordingFileSystem): Promise<void>;',
    'declare function recover(fileSystem: FileSystem): Promise<void>;',
    'declare function isWhole(fileSystem: FileSystem, name: string): Promise<boolean>;',
  ].join(' '),
};

interface Example {
  readonly page: string;
  readonly source: string;
}

/** Every block of TypeScript of a page, each a module whose lines are those of the page. */
function examplesOf(page: string, text: string): Example[] {
  return [...text.matchAll(/^```(?:ts|typescript)\b[^\n]*\n(.*?)^```/gms)].map((match) => {
    const linesBefore = text.slice(0, match.index).split('\n').length - 1;
    const prelude = `export {}; ${PRELUDES[page] ?? ''}`;
    return { page, source: `${'\n'.repeat(linesBefore)}${prelude}\n${match[1] ?? ''}` };
  });
}

/** Where each name that a program imports leads: the `exports` of package.json, into what was compiled. */
function importPaths(): Record<string, string[]> {
  const { exports } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
  };
  const paths: Record<string, string[]> = { 'holdfast-source/*': [path.join(compiled, '*')] };
  for (const [subpath, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue;
    const types = path.relative('dist', target.types);
    paths[path.posix.join('holdfast', subpath)] = [path.join(compiled, types)];
  }
  return paths;
}

/** What the compiler says of programs that a strict project would hold; empty: nothing. */
async function complaints(test: CleanUp, examples: readonly Example[]): Promise<string> {
  const folder = temporaryFolder(test);
  const compilerOptions = {
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    typeRoots: [path.join(root, 'node_modules', '@types')],
    paths: importPaths(),
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    noEmit: true,
  };
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  examples.forEach(({ page, source }, index) => {
    writeFileSync(path.join(folder, `${page.replaceAll('/', '~')}.${index}.ts`), source);
  });
  const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout, stderr } = await execa(process.execPath, [compiler, '--pretty', 'false', '-p', folder], {
    cwd: folder,
    reject: false,
  });
  return stdout + stderr;
}

describe('examples of the documentation', () => {
  it('type-check against what the package exports', async (test) => {
    const pages = [
      'README.md',
      ...readdirSync(path.join(root, 'docs'))
        .filter((name) => name.endsWith('.md'))
        .map((name) => `docs/${name}`),
    ];
    const examples = pages.flatMap((page) => examplesOf(page, readFileSync(path.join(root, page), 'utf8')));
    assert.ok(examples.filter(({ page }) => page === 'README.md').length >= 3, 'the pages have examples');
    assert.equal(await complaints(test, examples), '');
  });

  it('a wrong argument, a name that is not exported and an unknown entry point are told with their line', async (test) => {
    const page = [
      'Text.',
      '```ts',
      "import { parseWaypoint, verifyEverything } from 'holdfast';",
      "import { generateLedger } from 'holdfast/tests';",
      'parseWaypoint(580);',
      '```',
    ].join('\n');
    const found = await complaints(test, examplesOf('docs/planted.md', page));
    assert.match(found, /docs~planted\.md\.0\.ts\(3,.*no exported member 'verifyEverything'/);
    assert.match(found, /docs~planted\.md\.0\.ts\(4,.*Cannot find module 'holdfast\/tests'/);
    assert.match(found, /docs~planted\.md\.0\.ts\(5,.*not assignable to parameter of type 'string'/);
  });
});
