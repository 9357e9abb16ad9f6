import type { RestoreIdentity } from './restore-identity.js';
import type { RestoreJournalState, RestoreProgress, RestoreReceipt } from './restore-journal.js';

// What a target says of its restore is read strictly: a guess here would write into the wrong database.

type JsonObject = { readonly [name: string]: unknown };

function isObject(json: unknown): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function isTexts(json: unknown): json is readonly string[] {
  return Array.isArray(json) && json.every((each) => typeof each === 'string');
}

const isText = (json: unknown): json is string => typeof json === 'string';
const isDecimal = (json: unknown): json is string => isText(json) && /^[0-9]{1,20}$/.test(json);
const isMissingOr = (is: (json: unknown) => boolean, json: unknown): boolean =>
  json === undefined || is(json);

function isArguments(json: unknown): boolean {
  if (!isObject(json)) return false;
  return (
    isMissingOr(isDecimal, json['targetVersion']) &&
    isMissingOr(isDecimal, json['historyStartVersion']) &&
    typeof json['replayAll'] === 'boolean' &&
    typeof json['skipEpochEndings'] === 'boolean' &&
    isTexts(json['trustWaypoints']) &&
    isText(json['ledgerFamily'])
  );
}

function isArchive(json: unknown): boolean {
  if (!isObject(json)) return false;
  return isTexts(json['ids']) && isMissingOr(isText, json['genesisWaypoint']) && isText(json['place']);
}

function isSnapshot(json: unknown): boolean {
  return isObject(json) && isDecimal(json['version']) && isText(json['rootHash']);
}

function isChoice(json: unknown): boolean {
  if (!isObject(json)) return false;
  return (
    isDecimal(json['version']) &&
    isDecimal(json['firstVersion']) &&
    isMissingOr(isSnapshot, json['base']) &&
    isMissingOr(isSnapshot, json['tree'])
  );
}

function isIdentity(json: unknown): json is RestoreIdentity {
  if (!isObject(json)) return false;
  return isArguments(json['arguments']) && isArchive(json['archive']) && isChoice(json['choice']);
}

/** The values came out of JSON, so an object of anything is one of JSON values. */
function isProgress(json: unknown): json is RestoreProgress {
  return isObject(json);
}

/** Undefined for what is no receipt. */
export function readReceipt(json: unknown): RestoreReceipt | undefined {
  return isReceipt(json) ? json : undefined;
}

function isReceipt(json: unknown): json is RestoreReceipt {
  if (!isObject(json)) return false;
  return (
    isIdentity(json['identity']) &&
    isDecimal(json['version']) &&
    isMissingOr(isDecimal, json['epoch']) &&
    isMissingOr(isText, json['rootHash']) &&
    isText(json['finishedAt']) &&
    isProgress(json['report'])
  );
}

/** Undefined for what is no journal. */
export function readJournal(json: unknown): RestoreJournalState | undefined {
  if (!isObject(json)) return undefined;
  const { phase, identity, progress, receipt } = json;
  if (!isIdentity(identity)) return undefined;
  if (phase === 'restoring' && isProgress(progress)) return { phase, identity, progress };
  if (phase === 'publishing' && isReceipt(receipt)) return { phase, identity, receipt };
  return undefined;
}
