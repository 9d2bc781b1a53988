/** Accuracy against bytes: one mark per model, its shape and colour by task. */
import { TASKS, type Entry, type Task } from '../src/index.js';
import { svg } from './dom.js';
import { kilobytes } from './page.js';

const [HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [300, 42, 24, 14, 40];
const MIN_WIDTH = 280;
const [LABEL_PX, LETTER_PX] = [14, 6.5];
const STEPS = [0, 0.25, 0.5, 0.75, 1];
const RADIUS = 6;

/** Corners of each task's mark, in radii; a circle has none. */
const SHAPES: Record<Task, string> = {
  'face-detection': '',
  'object-detection': '-1,-1 1,-1 1,1 -1,1',
  'face-recognition': '0,-1.3 1.2,0.9 -1.2,0.9',
  'object-recognition': '0,-1.4 1.4,0 0,1.4 -1.4,0',
  'face-gate': '-1.2,-0.9 1.2,-0.9 0,1.3',
};

/** Draw the models that have a score, `space` pixels wide; a mark leads to its model's card. */
export function plot(entries: readonly Entry[], space: number): SVGElement {
  const width = Math.max(MIN_WIDTH, space);
  const scored = entries.filter((entry) => entry.score !== null);
  const sizes = scored.map(({ bytes }) => Math.log10(bytes));
  const low = Math.floor(Math.min(...sizes, 4) * 2) / 2;
  const high = Math.ceil(Math.max(...sizes, 5.3) * 2) / 2;
  const x = (bytes: number) => LEFT + ((Math.log10(bytes) - low) / (high - low)) * (width - LEFT - RIGHT);
  const y = (score: number) => HEIGHT - BOTTOM - score * (HEIGHT - TOP - BOTTOM);
  const drawing = svg('svg', { width, height: HEIGHT, role: 'group', 'aria-label': 'Accuracy against bytes' });
  for (const step of STEPS) {
    drawing.append(
      svg('line', { class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y(step), y2: y(step) }),
      svg('text', { x: LEFT - 8, y: y(step) + 4, 'text-anchor': 'end' }, step.toFixed(2)),
    );
  }
  for (let power = Math.ceil(low); power <= high; power++) {
    for (const bytes of [10 ** power, 3 * 10 ** power].filter((one) => Math.log10(one) <= high)) {
      drawing.append(
        svg('line', { class: 'grid', x1: x(bytes), x2: x(bytes), y1: TOP, y2: HEIGHT - BOTTOM }),
        svg('text', { x: x(bytes), y: HEIGHT - BOTTOM + 16, 'text-anchor': 'middle' }, `${bytes / 1000} kB`),
      );
    }
  }
  drawing.append(svg('text', { x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 6, 'text-anchor': 'middle' }, 'bytes that travel'));
  const labels: { y: number; from: number; to: number }[] = [];
  for (const entry of [...scored].sort((a, b) => b.score! - a.score!)) {
    const [left, top] = [x(entry.bytes), y(entry.score!)];
    const isLeft = left > width / 2;
    const reach = entry.name.length * LETTER_PX + 2 * RADIUS;
    const [from, to] = isLeft ? [left - reach, left] : [left, left + reach];
    let label = top;
    // Names make room for each other, away from the nearer edge of the plot.
    const step = top > HEIGHT / 2 ? -LABEL_PX : LABEL_PX;
    while (labels.some((other) => other.from < to && from < other.to && Math.abs(other.y - label) < LABEL_PX)) label += step;
    labels.push({ y: label, from, to });
    drawing.append(mark(entry, left, top, label, isLeft));
  }
  return drawing;
}

function mark(entry: Entry, x: number, y: number, labelY: number, isLeft: boolean): SVGElement {
  const says = `${entry.name}: ${kilobytes(entry.bytes)}, ${entry.metric} ${entry.score!.toFixed(3)} (${entry.task})`;
  const shape = shapeOf(entry.task);
  shape.setAttribute('transform', `translate(${x} ${y}) scale(${RADIUS})`);
  const name = svg('text', { x: x + (isLeft ? -10 : 10), y: labelY + 4, 'text-anchor': isLeft ? 'end' : 'start' }, entry.name);
  return svg('a', { href: `#${cardId(entry)}`, class: entry.task, 'aria-label': says }, svg('title', {}, says), shape, name);
}

function shapeOf(task: Task): SVGElement {
  return SHAPES[task] === '' ? svg('circle', { r: 1 }) : svg('polygon', { points: SHAPES[task] });
}

/** Each task's mark and name. */
export function legend(tasks: readonly Task[] = TASKS): HTMLElement[] {
  return tasks.map((task) => {
    const key = svg('svg', { viewBox: '-1.6 -1.6 3.2 3.2', class: task, 'aria-hidden': 'true' }, shapeOf(task));
    const item = document.createElement('li');
    item.append(key, task);
    return item;
  });
}

export function cardId(entry: Entry): string {
  return `model-${entry.name}`;
}
