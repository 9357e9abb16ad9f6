import { createLogUpdate } from 'log-update';
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

function render({ stage, done, total, unit }: ProgressEvent): string {
  const count =
    total === undefined
      ? done.toLocaleString('en')
      : `${done.toLocaleString('en')} of ${total.toLocaleString('en')}`;
  const share = total === undefined || total === 0 ? '' : ` (${Math.floor((done / total) * 100)} %)`;
  return `${stage}: ${count} ${unit}${share}`;
}

export function progressLine(console: Console): ProgressLine {
  if (!console.interactive) return { listener: () => {}, finish: () => {} };
  const draw = createLogUpdate(console.stderr as NodeJS.WriteStream);
  let stage = '';
  let last = '';
  let drawnAt = 0;
  return {
    listener: (event) => {
      if (stage !== '' && event.stage !== stage) {
        draw(last);
        draw.done();
      }
      const due = performance.now() - drawnAt >= REDRAW_MS;
      const first = event.stage !== stage;
      stage = event.stage;
      last = render(event);
      if (!due && !first) return;
      draw(last);
      drawnAt = performance.now();
    },
    finish: () => {
      if (stage === '') return;
      draw(last);
      draw.done();
    },
  };
}
