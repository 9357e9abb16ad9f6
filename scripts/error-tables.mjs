// Writes the tables of docs/errors.md from the doc lines that stand beside each code in the sources, so that
// they cannot fall behind. `--check` only compares. Run after a build.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const page = path.join(root, 'docs', 'errors.md');
const BEGIN = '<!-- tables: written by scripts/error-tables.mjs -->';

/** Codes of one source file with their doc lines. */
function codesIn(source) {
  const pattern = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*\|?\s*'([A-Z0-9_]+)'/g;
  return [...source.matchAll(pattern)].map(([, text, code]) => ({
    code,
    text: text.replace(/\s*\n\s*\*\s?/g, ' ').trim(),
  }));
}

function table(rows) {
  return [
    '| code | meaning |',
    '| --- | --- |',
    ...rows.map(({ code, text }) => `| \`${code}\` | ${text} |`),
  ].join('\n');
}

const findings = await import(pathToFileURL(path.join(root, 'dist', 'verify', 'finding.js')).href);
const sections = [
  `## Findings of a verification\n\n${table(Object.entries(findings.FINDING_TEXTS).map(([code, text]) => ({ code, text })))}`,
];
const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .sort();
const REMARKS = path.join('restore', 'plan.ts');
const codesOf = (file) => codesIn(readFileSync(path.join(root, 'src', file), 'utf8'));
for (const file of sources.filter((each) => each !== REMARKS)) {
  const codes = codesOf(file);
  if (codes.length > 0) sections.push(`### \`src/${file.split(path.sep).join('/')}\`\n\n${table(codes)}`);
}
sections.splice(
  1,
  0,
  `## Remarks of a restore plan\n\n${table(codesOf(REMARKS))}`,
  '## Errors of the library and the commands',
);

const current = readFileSync(page, 'utf8');
const wanted = `${current.split(BEGIN)[0]}${BEGIN}\n\n${sections.join('\n\n')}\n`;
if (process.argv.includes('--check')) {
  if (wanted !== current) {
    console.error('docs/errors.md is behind the sources: run `npm run docs:errors`');
    process.exit(1);
  }
} else writeFileSync(page, wanted);
