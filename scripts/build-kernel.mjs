// Compiles kernel/ (AssemblyScript) and writes the modules, as base64, to src/hashing/generated/, from where
// tsc takes them into the package. Does nothing if the sources are those of the last build; the same sources
// give the same bytes.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const kernel = path.join(root, 'kernel');
const target = path.join(root, 'src', 'hashing', 'generated', 'kernel-modules.ts');

const OPTIONS = [
  ...['-O3', '--noAssert', '--runtime', 'stub'],
  // The memory belongs to the caller; a module brings no data of its own, see layout.ts.
  ...['--importMemory', '--noExportMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
];
const SIMD = ['--enable', 'simd'];
// A module names the kind of memory that it takes: shared memory is for several threads on one memory.
const SHARED = ['--enable', 'threads', '--sharedMemory'];
const MODULES = {
  simd: ['simd.ts', ...OPTIONS, ...SIMD],
  scalar: ['scalar.ts', ...OPTIONS],
  sharedSimd: ['simd.ts', ...OPTIONS, ...SIMD, ...SHARED],
  sharedScalar: ['scalar.ts', ...OPTIONS, ...SHARED],
};

/** What the result depends on: the sources, this script, the compiler. */
function fingerprint() {
  const sources = readdirSync(kernel)
    .filter((name) => /\.(ts|mjs)$/.test(name))
    .sort();
  const compiler = path.join(root, 'node_modules', 'assemblyscript', 'package.json');
  const hash = createHash('sha256');
  for (const file of [...sources.map((name) => path.join(kernel, name)), fileURLToPath(import.meta.url)]) {
    hash.update(`${path.basename(file)}\n`).update(readFileSync(file));
  }
  return hash.update(JSON.parse(readFileSync(compiler, 'utf8')).version).digest('hex');
}

async function compile(asc, [entry, ...options]) {
  let wasm;
  const { error, stderr } = await asc.main(
    [entry, '--baseDir', kernel, '--outFile', 'kernel.wasm', ...options],
    {
      stderr: asc.createMemoryStream(),
      writeFile: (_name, contents) => {
        wasm = contents;
      },
    },
  );
  if (error || !wasm) throw new Error(`${entry} ${options.join(' ')}: ${error?.message}\n${stderr}`);
  return Buffer.from(wasm).toString('base64');
}

async function build() {
  const header = `// Written by scripts/build-kernel.mjs from kernel/, fingerprint ${fingerprint()}.\n`;
  if (existsSync(target) && readFileSync(target, 'utf8').startsWith(header)) return;
  const { PERMUTATIONS } = await import('../kernel/permutations.mjs');
  mkdirSync(path.join(kernel, 'generated'), { recursive: true });
  for (const [name, source] of Object.entries(PERMUTATIONS)) {
    writeFileSync(path.join(kernel, 'generated', name), source);
  }
  const { default: asc } = await import('assemblyscript/asc');
  const lines = [header, '/** WebAssembly modules in base64. */\n', 'export const KERNEL_MODULES = {\n'];
  for (const [name, command] of Object.entries(MODULES)) {
    lines.push(`  ${name}:\n    '${await compile(asc, command)}',\n`);
  }
  lines.push('} as const;\n');
  mkdirSync(path.dirname(target), { recursive: true });
  // Two builds at once must not see half of each other's file.
  const staged = `${target}.${process.pid}`;
  try {
    writeFileSync(staged, lines.join(''));
    renameSync(staged, target);
  } finally {
    rmSync(staged, { force: true });
  }
}

await build();
