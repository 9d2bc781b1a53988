/** Anchors of a detection grid: the twin of `zoo/tasks/grid.py`. Coordinates are fractions of the model input. */
import type { GridRule, InputSpec } from './contract.js';

/** Predicted log sides end here: e^8 anchors are wider than any input, and e^100 is infinity. */
export const LOG_SIZE_LIMIT = 8;

/** All anchors in the order of the outputs; six numbers each: centre x, y, stride x, y, side x, y. */
export type Anchors = Float32Array;
const NUMBERS = 6;

type Size = Pick<InputSpec, 'height' | 'width'>;
type Layout = Pick<GridRule, 'strides' | 'anchor_sides'>;

export function numAnchors({ strides, anchor_sides }: Layout, { height, width }: Size): number {
  return strides.reduce(
    (sum, stride, level) => sum + Math.floor(height / stride) * Math.floor(width / stride) * anchor_sides[level].length,
    0,
  );
}

/** Lay out the anchors: by stride, then rows, columns, sides. An anchor sits at the centre of its cell. */
export function layAnchors(layout: Layout, { height, width }: Size): Anchors {
  const anchors = new Float32Array(numAnchors(layout, { height, width }) * NUMBERS);
  let at = 0;
  layout.strides.forEach((stride, level) => {
    for (let row = 0; row < Math.floor(height / stride); row++) {
      for (let column = 0; column < Math.floor(width / stride); column++) {
        for (const side of layout.anchor_sides[level]) {
          anchors[at++] = ((column + 0.5) * stride) / width;
          anchors[at++] = ((row + 0.5) * stride) / height;
          anchors[at++] = stride / width;
          anchors[at++] = stride / height;
          anchors[at++] = (side * stride) / width;
          anchors[at++] = (side * stride) / height;
        }
      }
    }
  });
  return anchors;
}

export type Box = [left: number, top: number, right: number, bottom: number];

/** Box of one anchor from its four offsets (dx, dy, log w, log h); not clipped. */
export function decodeBox(offsets: Float32Array, anchor: number, anchors: Anchors): Box {
  const [o, a] = [anchor * 4, anchor * NUMBERS];
  const x = anchors[a] + offsets[o] * anchors[a + 2];
  const y = anchors[a + 1] + offsets[o + 1] * anchors[a + 3];
  const halfWidth = (Math.exp(Math.min(offsets[o + 2], LOG_SIZE_LIMIT)) * anchors[a + 4]) / 2;
  const halfHeight = (Math.exp(Math.min(offsets[o + 3], LOG_SIZE_LIMIT)) * anchors[a + 5]) / 2;
  return [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight];
}

/** Landmarks of one anchor from its offsets (dx, dy per landmark). */
export function decodeKeypoints(offsets: Float32Array, anchor: number, anchors: Anchors, count: number): [number, number][] {
  const [o, a] = [anchor * 2 * count, anchor * NUMBERS];
  return Array.from({ length: count }, (_, k) => [
    anchors[a] + offsets[o + 2 * k] * anchors[a + 2],
    anchors[a + 1] + offsets[o + 2 * k + 1] * anchors[a + 3],
  ]);
}
