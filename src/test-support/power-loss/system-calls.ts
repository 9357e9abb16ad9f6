import path from 'node:path';

// Reads what `strace -f -y` wrote, and holds it against the protocol for committed files.

/** The calls that matter here, for the option `-e trace=`. */
export const TRACED_CALLS =
  'openat,open,creat,write,pwrite64,writev,pwritev,fsync,fdatasync,link,linkat,rename,renameat,renameat2,' +
  'mkdir,mkdirat,truncate,ftruncate';

/** One finished call. Places are line numbers: calls of several threads overlap. */
export interface SystemCall {
  readonly name: string;
  /** The arguments as text. */
  readonly args: string;
  /** What it returned, as text: a number, with the path of a descriptor. */
  readonly result: string;
  readonly start: number;
  readonly end: number;
}

const WHOLE = /^(?:(\d+) +)?(\w+)\((.*)\) += (.*)$/;
const BEGIN = /^(?:(\d+) +)?(\w+)\((.*) <unfinished \.\.\.>$/;
const RESUME = /^(?:(\d+) +)?<\.\.\. (\w+) resumed>(.*)\) += (.*)$/;

/** Puts the halves of interrupted calls together; lines of other sorts are passed over. */
export function parseTrace(text: string): SystemCall[] {
  const running = new Map<string, { readonly args: string; readonly start: number }>();
  const calls: SystemCall[] = [];
  for (const [line, content] of text.split('\n').entries()) {
    const [, beginThread = '', beginName, beginArgs = ''] = BEGIN.exec(content) ?? [];
    if (beginName !== undefined) {
      running.set(`${beginThread} ${beginName}`, { args: beginArgs, start: line });
      continue;
    }
    const [, resumeThread = '', resumeName, rest = '', resumeResult = ''] = RESUME.exec(content) ?? [];
    if (resumeName !== undefined) {
      const begun = running.get(`${resumeThread} ${resumeName}`);
      running.delete(`${resumeThread} ${resumeName}`);
      if (begun === undefined) continue;
      const { args, start } = begun;
      calls.push({ name: resumeName, args: args + rest, result: resumeResult, start, end: line });
      continue;
    }
    const [, , name, args = '', result = ''] = WHOLE.exec(content) ?? [];
    if (name !== undefined) calls.push({ name, args, result, start: line, end: line });
  }
  return calls;
}

/** What a program did to files below one folder; paths are relative to it. */
interface FileActivity {
  readonly opensForWriting: readonly Named[];
  readonly writes: readonly Named[];
  readonly syncs: readonly Named[];
  readonly opensForReading: readonly Named[];
  readonly publishes: readonly (Named & { readonly from: string })[];
  readonly newDirectories: readonly Named[];
  /** When it reported a success. */
  readonly acknowledgements: readonly SystemCall[];
}

interface Named {
  readonly path: string;
  readonly call: SystemCall;
}

/**
 * What breaks the protocol, in words; empty for a program that keeps it. A published name is one outside of
 * `.holdfast/`.
 */
export function protocolFaults(calls: readonly SystemCall[], root: string): string[] {
  const activity = activityBelow(calls, root);
  const { opensForWriting, publishes, newDirectories, acknowledgements } = activity;
  const faults = opensForWriting
    .filter((open) => isPublished(open.path))
    .map((open) => `${open.path} is opened for writing under its published name`);
  for (const publish of publishes) {
    if (!isContentSynced(activity, publish)) faults.push(`${publish.path} is published without fsync`);
  }
  const names = [...publishes, ...newDirectories.filter(({ path: name }) => isPublished(name))];
  for (const name of names) {
    const acknowledgement = acknowledgements.find(({ start }) => start > name.call.end);
    if (acknowledgement === undefined) continue;
    if (!isNameSynced(activity, name, acknowledgement.start)) {
      faults.push(`success is reported before the directory of ${name.path} is synced`);
    }
  }
  for (const dependent of publishes.filter(({ path: name }) => refersToOthers(name))) {
    const folder = path.dirname(dependent.path);
    const before = names.filter(({ path: name, call }) => {
      const concerned = isMetadata(dependent.path) ? name !== folder : path.dirname(name) === folder;
      return concerned && call.end < dependent.call.start;
    });
    const unsynced = before.find((name) => !isNameSynced(activity, name, dependent.call.start));
    if (unsynced !== undefined)
      faults.push(`${dependent.path} is published before ${unsynced.path} is durable`);
  }
  return faults;
}

/** How many files were published and how many successes reported: a trace without any proves nothing. */
export function traceFigures(calls: readonly SystemCall[], root: string) {
  const { publishes, syncs, acknowledgements } = activityBelow(calls, root);
  return { publishes: publishes.length, syncs: syncs.length, acknowledgements: acknowledgements.length };
}

function activityBelow(calls: readonly SystemCall[], root: string): FileActivity {
  const activity = {
    opensForWriting: [] as Named[],
    writes: [] as Named[],
    syncs: [] as Named[],
    opensForReading: [] as Named[],
    publishes: [] as (Named & { from: string })[],
    newDirectories: [] as Named[],
    acknowledgements: [] as SystemCall[],
  };
  const below = (name: string | undefined): string | undefined => {
    return name === root || name?.startsWith(`${root}/`) ? path.relative(root, name) : undefined;
  };
  for (const call of calls) {
    if (call.result.startsWith('-')) continue;
    const [first, second] = quoted(call.args).map(below);
    const descriptor = below(/^\d+<([^>]*)>/.exec(call.args)?.[1]);
    switch (call.name) {
      case 'open':
      case 'openat':
      case 'creat':
      case 'truncate':
        if (first !== undefined && (/O_WRONLY|O_RDWR/.test(call.args) || /^(creat|trunc)/.test(call.name))) {
          activity.opensForWriting.push({ path: first, call });
        } else if (first !== undefined) activity.opensForReading.push({ path: first, call });
        break;
      case 'fsync':
      case 'fdatasync':
        if (descriptor !== undefined) activity.syncs.push({ path: descriptor, call });
        break;
      case 'mkdir':
      case 'mkdirat':
        if (first !== undefined) activity.newDirectories.push({ path: first, call });
        break;
      default:
        if (/^(link|rename)/.test(call.name)) {
          if (first !== undefined && second !== undefined && isPublished(second)) {
            activity.publishes.push({ path: second, from: first, call });
          }
        } else if (descriptor !== undefined) activity.writes.push({ path: descriptor, call });
        else if (/^1<.*"ack /.test(call.args)) activity.acknowledgements.push(call);
    }
  }
  return activity;
}

/** A sync of the content that began after the last write, and ended before the name appeared. */
function isContentSynced(activity: FileActivity, { from, call }: FileActivity['publishes'][number]): boolean {
  const writes = activity.writes.filter((write) => write.path === from && write.call.start < call.start);
  const lastWrite = Math.max(-1, ...writes.map((write) => write.call.end));
  return activity.syncs.some((sync) => {
    return sync.path === from && sync.call.start > lastWrite && sync.call.end < call.start;
  });
}

/**
 * A sync of the directory that began after the name was there, and after it a look whether the file system
 * can still open the directory (XFS that has shut down cannot, but reports syncs as done), all of it ended
 * before the deadline.
 */
function isNameSynced({ syncs, opensForReading }: FileActivity, name: Named, deadline: number): boolean {
  const directory = path.dirname(name.path) === '.' ? '' : path.dirname(name.path);
  const within = (named: Named, from: number): boolean => {
    return named.path === directory && named.call.start > from && named.call.end < deadline;
  };
  return syncs.some((sync) => {
    return within(sync, name.call.end) && opensForReading.some((open) => within(open, sync.call.end));
  });
}

function isPublished(name: string): boolean {
  return name !== '' && name.split('/')[0] !== '.holdfast';
}

function isMetadata(name: string): boolean {
  return name.startsWith('metadata/');
}

function refersToOthers(name: string): boolean {
  return isMetadata(name) || name.endsWith('.manifest');
}

function quoted(args: string): string[] {
  return [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] ?? '');
}
