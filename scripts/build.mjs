// Compiles src/ to dist/, tests included (the published package leaves them out).
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
// tsc takes the compiled kernel in as a source file.
const kernel = spawnSync(process.execPath, [path.join(root, 'scripts', 'build-kernel.mjs')], {
  stdio: 'inherit',
});
if (kernel.status !== 0) process.exit(kernel.status ?? 1);
rmSync(path.join(root, 'dist'), { recursive: true, force: true });
const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const result = spawnSync(process.execPath, [tsc, '--project', root], { stdio: 'inherit', cwd: root });
if (result.status !== 0) process.exit(result.status ?? 1);
chmodSync(path.join(root, 'dist', 'cli', 'main.js'), 0o755);
