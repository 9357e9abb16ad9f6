import { type FileHandle, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import {
  ANALYSIS_TABLES,
  type AnalysisTable,
  type TransactionAnalysis,
} from '../verify/transaction-analysis.js';
import { UsageError } from './usage-error.js';

/**
 * Opens the CSV files of a transaction analysis with their header lines; none of them may exist yet.
 * @throws UsageError when one exists or the folder cannot be written
 */
export async function openTransactionAnalysis(
  directory: string,
): Promise<TransactionAnalysis & { close(): Promise<void> }> {
  const files = new Map<AnalysisTable, FileHandle>();
  const close = async (): Promise<void> => {
    for (const file of files.values()) await file.close();
    files.clear();
  };
  try {
    await mkdir(directory, { recursive: true });
    for (const [table, header] of Object.entries(ANALYSIS_TABLES) as [AnalysisTable, string][]) {
      const file = await open(path.join(directory, `${table}.csv`), 'wx');
      files.set(table, file);
      await file.write(`${header}\n`);
    }
  } catch (error) {
    await close();
    throw new UsageError(`cannot write the transaction analysis: ${(error as Error).message}`);
  }
  return {
    write: async (table, lines) => {
      await files.get(table)?.write(lines.map((line) => `${line}\n`).join(''));
    },
    close,
  };
}
