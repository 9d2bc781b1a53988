/** Average precision at one overlap, as pycocotools computes it: the twin of `average_precision` in `zoo/tasks/metrics.py`. */
import type { Found } from '../decode.js';
import type { Box } from '../grid.js';
import type { Labels } from './assign.js';

const MAX_DETECTIONS = 100;
const RECALLS = 101;
const SMALLEST = 1e-10; // what pycocotools keeps an overlap below its threshold by

type Truth = Pick<Labels, 'boxes' | 'classes' | 'ignore'>;
type Detection = Pick<Found, 'box' | 'score' | 'label'>;

/** Mean over the classes that are labelled; 0 where nothing is. `found` holds each picture's finds, best first. */
export function averagePrecision(truths: readonly Truth[], found: readonly Detection[][], numLabels: number, threshold = 0.5): number {
  const precisions: number[] = [];
  for (let label = 0; label < numLabels; label++) {
    const count = truths.reduce((sum, { classes, ignore }) => sum + classes.filter((one, i) => one === label && !ignore[i]).length, 0);
    if (count > 0) precisions.push(precisionOf(label, count, truths, found, threshold));
  }
  return precisions.length === 0 ? 0 : precisions.reduce((a, b) => a + b) / precisions.length;
}

function precisionOf(label: number, count: number, truths: readonly Truth[], found: readonly Detection[][], threshold: number): number {
  const hits = truths.flatMap((truth, picture) => match(truth, found[picture], label, threshold));
  hits.sort((a, b) => b.score - a.score);
  const [recalls, precisions]: number[][] = [[], []];
  let right = 0;
  hits.forEach(({ isHit }, i) => {
    right += isHit ? 1 : 0;
    recalls.push(right / count);
    precisions.push(right / (i + 1));
  });
  for (let i = precisions.length - 2; i >= 0; i--) precisions[i] = Math.max(precisions[i], precisions[i + 1]);
  let sum = 0;
  for (let i = 0, at = 0; i < RECALLS; i++) {
    while (at < recalls.length && recalls[at] < i / (RECALLS - 1)) at++;
    sum += precisions[at] ?? 0;
  }
  return sum / RECALLS;
}

/** Pair finds of one picture with its boxes, best first; those that fall on an ignored box do not count. */
function match({ boxes, classes, ignore }: Truth, found: readonly Detection[], label: number, threshold: number): { score: number; isHit: boolean }[] {
  const own = boxes.map((_, i) => i).filter((i) => classes[i] === label);
  const counted = own.filter((i) => !ignore[i]);
  const ignored = own.filter((i) => ignore[i]);
  const taken = new Set<number>();
  const counting: { score: number; isHit: boolean }[] = [];
  for (const { box, score } of found.filter((one) => one.label === label).slice(0, MAX_DETECTIONS)) {
    let [best, most] = [-1, Math.min(threshold, 1 - SMALLEST)];
    for (const i of counted) {
      const share = taken.has(i) ? -1 : overlap(box, boxes[i], false);
      if (share >= most) [best, most] = [i, share];
    }
    if (best >= 0) taken.add(best);
    const isIgnored = best < 0 && ignored.some((i) => overlap(box, boxes[i], true) >= threshold);
    if (!isIgnored) counting.push({ score, isHit: best >= 0 });
  }
  return counting;
}

/** Intersection over union, or over the find alone where the box is a crowd that is ignored. */
function overlap(a: Box, b: Box, isCrowd: boolean): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = (box: Box) => (box[2] - box[0]) * (box[3] - box[1]);
  const both = width * height;
  return both / (isCrowd ? area(a) : area(a) + area(b) - both);
}
