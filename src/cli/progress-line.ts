import type { ProgressEvent, ProgressListener } from '../telemetry/progress.js';
import type { Console } from './console.js';

/** Redrawing more often only costs time. */
const REDRAW_MS = 100;

/** Draws the newest progress on one line of a terminal; draws nothing elsewhere. */
export interface ProgressLine {
  readonly listener: ProgressListener;
  /** Leaves the last line of each stage standing and the cursor below. */
  finish(): void;
}

/** How fast a stage goes, from its first event on. */
export interface ProgressPace {
  /** Units that were done when the stage began. */
  readonly doneAtStart: number;
  readonly elapsedMs: number;
}

/** A rate over a shorter time says nothing. */
const RATE_AFTER_MS = 1000;
const UNITS_OF_TIME = [
  { name: 'h', seconds: 3600 },
  { name: 'min', seconds: 60 },
  { name: 's', seconds: 1 },
] as const;

/** `2 h 5 min`, `3 min 20 s`, `8 s`. */
export function formatDuration(seconds: number): string {
  let rest = Math.max(1, Math.round(seconds));
  const parts: string[] = [];
  for (const unit of UNITS_OF_TIME) {
    const count = Math.floor(rest / unit.seconds);
    rest -= count * unit.seconds;
    if (count > 0 && parts.length < 2) parts.push(`${count} ${unit.name}`);
  }
  return parts.join(' ');
}

function formatBytes(bytes: number): string {
  const mebibytes = bytes / 1024 ** 2;
  return mebibytes < 1024 ? `${mebibytes.toFixed(1)} MiB` : `${(mebibytes / 1024).toFixed(2)} GiB`;
}

/** One line: what, how much of how much, how fast, how long still. */
export function renderProgress(event: ProgressEvent, { doneAtStart, elapsedMs }: ProgressPace): string {
  const { stage, done, total, unit, version, bytes } = event;
  const number = (value: number): string => value.toLocaleString('en');
  const count = total === undefined ? number(done) : `${number(done)} of ${number(total)}`;
  const share = total === undefined || total === 0 ? '' : ` (${Math.floor((done / total) * 100)} %)`;
  const parts = [`${stage}: ${count} ${unit}${share}`];
  if (version !== undefined) parts.push(`version ${version}`);
  if (bytes !== undefined) parts.push(`${formatBytes(bytes)} read`);
  const perSecond = elapsedMs < RATE_AFTER_MS ? 0 : ((done - doneAtStart) / elapsedMs) * 1000;
  if (perSecond > 0) {
    parts.push(`${number(Math.round(perSecond))} ${unit}/s`);
    if (total !== undefined && total > done) parts.push(`${formatDuration((total - done) / perSecond)} left`);
  }
  return parts.join(', ');
}

/** What draws is loaded only for a terminal: elsewhere it would be a fifth of the start. */
export async function progressLine(console: Console): Promise<ProgressLine> {
  if (!console.interactive) return { listener: () => {}, finish: () => {} };
  const { createLogUpdate } = await import('log-update');
  const draw = createLogUpdate(console.stderr as NodeJS.WriteStream);
  let stage = '';
  let last = '';
  let drawnAt = 0;
  let startedAt = 0;
  let doneAtStart = 0;
  return {
    listener: (event) => {
      const now = performance.now();
      const first = event.stage !== stage;
      if (first) {
        if (stage !== '') {
          draw(last);
          draw.done();
        }
        startedAt = now;
        doneAtStart = event.done;
      }
      stage = event.stage;
      last = renderProgress(event, { doneAtStart, elapsedMs: now - startedAt });
      if (now - drawnAt < REDRAW_MS && !first) return;
      draw(last);
      drawnAt = now;
    },
    finish: () => {
      if (stage === '') return;
      draw(last);
      draw.done();
    },
  };
}
