import { stringify } from 'lossless-json';
import type { OneoffReport } from '../restore/oneoff.js';
import type { RestoreReport } from '../restore/restore-report.js';
import type { Tally } from '../verify/context.js';

const number = (value: number | bigint): string => value.toLocaleString('en');

/** One line of JSON; the fields only grow. */
export function restoreReportJson(report: RestoreReport | OneoffReport): string {
  return stringify(report) ?? '';
}

function readLine({ manifests, files, bytes, transactions, stateItems, epochEndings }: Tally): string {
  return (
    `  read: ${number(manifests)} manifests, ${number(files)} files, ${number(bytes)} bytes: ` +
    `${number(transactions)} transactions, ${number(stateItems)} state items, ${number(epochEndings)} epoch endings`
  );
}

function secondsText(elapsedMs: number): string {
  return `${(elapsedMs / 1000).toFixed(1)} s`;
}

/** What a restore of a whole database did, for people. */
export function restoreReportLines(report: RestoreReport): string[] {
  const { outcome, version, firstVersion, epoch, target, stateVersion, stateRoot, read } = report;
  const ofEpoch = epoch === undefined ? '' : `, epoch ${epoch}`;
  const what = `versions ${firstVersion} to ${version}${ofEpoch}`;
  const state = stateRoot === undefined ? [] : [`  state root of version ${stateVersion}: ${stateRoot}`];
  if (outcome === 'already-restored') {
    return [`already restored: ${what}, in ${target}; nothing to do`, ...state];
  }
  const verb = outcome === 'proven' ? 'proven, and nothing written' : 'restored';
  const resumed = report.resumed ? ', gone on with an interrupted run' : '';
  return [
    `${verb}: ${what}${target === undefined ? '' : `, in ${target}`}`,
    ...state,
    ...(report.hasLastLedgerInfo === false
      ? [`  the archive has no ledger info of version ${version}: a node catches up from the one before it`]
      : []),
    `  trust root: ${report.trustRootInWords}`,
    readLine(read),
    `  ${secondsText(report.elapsedMs)}${resumed}`,
    ...report.notDone.map((each) => `  not done: ${each}`),
  ];
}

/** What a one-off restore did, for people. */
export function oneoffReportLines(report: OneoffReport): string[] {
  const { outcome, what, signatures, read, elapsedMs } = report;
  if (outcome === 'nothing-to-do') return [`nothing to do: ${what}`];
  const verb = outcome === 'proven' ? 'proven, and nothing written' : 'restored';
  return [`${verb}: ${what}`, `  signatures ${signatures}`, readLine(read), `  ${secondsText(elapsedMs)}`];
}
