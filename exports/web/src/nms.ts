/** The choice of the best among overlapping boxes: the twin of `non_maximum_suppression` in `zoo/tasks/boxes.py`. */
import type { Box } from './grid.js';

export interface Candidate {
  box: Box;
  score: number;
  label: number;
  anchor: number;
}

/**
 * Keep candidates, best score first: greedy, labels apart, overlap above `iouThreshold` loses. Ties keep the earlier
 * one first, so that Python and the page agree.
 */
export function suppress<T extends Candidate>(candidates: T[], iouThreshold: number, maxDetections: number): T[] {
  const kept: T[] = [];
  for (const candidate of [...candidates].sort((a, b) => b.score - a.score)) {
    if (kept.length === maxDetections) break;
    if (!kept.some((better) => better.label === candidate.label && overlaps(better.box, candidate.box, iouThreshold))) {
      kept.push(candidate);
    }
  }
  return kept;
}

function overlaps(a: Box, b: Box, iouThreshold: number): boolean {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const overlap = width > 0 && height > 0 ? width * height : 0;
  return overlap > iouThreshold * (area(a) + area(b) - overlap);
}

function area([left, top, right, bottom]: Box): number {
  return (right - left) * (bottom - top);
}
