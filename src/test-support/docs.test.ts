import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { execa } from 'execa';
import { packageRoot } from './fixtures.js';

const root = packageRoot();

describe('documentation', () => {
  it('docs/errors.md lists every code with the line that stands beside it in the sources', async () => {
    const script = path.join(root, 'scripts', 'error-tables.mjs');
    const { exitCode, stderr } = await execa(process.execPath, [script, '--check'], { reject: false });
    assert.equal(exitCode, 0, stderr);
  });

  it('docs/errors.md has a table of what a plan remarks, beside those of the errors', () => {
    const plan = readFileSync(path.join(root, 'src', 'restore', 'plan.ts'), 'utf8');
    const union = plan.slice(plan.indexOf('type RemarkCode ='));
    const codes = [...union.slice(0, union.indexOf(';\n')).matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code);
    assert.ok(codes.includes('DISK_TOO_SMALL'), codes.join());
    const page = readFileSync(path.join(root, 'docs', 'errors.md'), 'utf8');
    const [, section = ''] = page.split('## Remarks of a restore plan\n');
    const listed = [...(section.split('\n## ')[0] ?? '').matchAll(/^\| `([A-Z_]+)` \| \S/gm)];
    assert.deepEqual(
      listed.map(([, code]) => code),
      codes,
    );
  });

  it('links lead to files that exist', () => {
    const pages = [
      'README.md',
      'CONTRIBUTING.md',
      ...readdirSync(path.join(root, 'docs')).map((page) => `docs/${page}`),
    ];
    for (const page of pages.filter((name) => name.endsWith('.md'))) {
      const text = readFileSync(path.join(root, page), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
        const file = path.join(root, path.dirname(page), target);
        assert.doesNotThrow(() => readFileSync(file), `${page} links to ${target}`);
      }
    }
  });

  it('docs/architecture.md names every room', () => {
    const text = readFileSync(path.join(root, 'docs', 'architecture.md'), 'utf8');
    const rooms = readdirSync(path.join(root, 'src'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    for (const { name } of rooms) assert.ok(text.includes(`\`${name}/\``), name);
  });

  it('no line of the sources is longer than 110 columns', () => {
    const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' });
    const long = sources
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => {
        const lines = readFileSync(path.join(root, 'src', file), 'utf8').split('\n');
        return lines.flatMap((line, index) =>
          line.length > 110 && !/['"`/]/.test(line) ? `${file}:${index + 1}` : [],
        );
      });
    assert.deepEqual(long, []);
  });
});
