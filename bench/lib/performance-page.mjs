// The tables of docs/performance.md, between two marks.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../scripts/setup.mjs';
import { describe } from './benchmark.mjs';
import { targetRows, targetTable } from './targets.mjs';

const FILE = path.join(root, 'docs', 'performance.md');
const BEGIN = '<!-- tables: written by `npm run bench -- --update-docs` -->';
const END = '<!-- end of the tables -->';

/** Puts the results in the place of those that stand there. */
export function writeTables(results) {
  const page = readFileSync(FILE, 'utf8');
  const [before, rest] = page.split(BEGIN);
  const [, after] = rest?.split(END) ?? [];
  if (after === undefined) throw new Error(`${FILE} has lost the marks of its tables`);
  const tables = [
    '## What must be true',
    '',
    targetTable(targetRows(results)),
    '',
    '## All tables',
    '',
    ...results.map(describe),
  ].join('\n');
  writeFileSync(FILE, `${before}${BEGIN}\n\n${tables}\n${END}${after}`);
}
