/** Brings a found face to the pose that recognition models were trained on: twin of `zoo/tasks/alignment.py`. */
import type { InputSpec, Point } from './contract.js';
import { ZooError } from './errors.js';
import { shown } from './options.js';
import { context, drawable, makeCanvas, sourceSize, type Canvas, type Source } from './source.js';

/** Turn, scale and shift: x' = a x - b y + c, y' = b x + a y + d. */
export interface Similarity {
  a: number;
  b: number;
  c: number;
  d: number;
}

/** The similarity that brings `from` closest to `to`, in least squares. */
export function fitSimilarity(from: readonly Point[], to: readonly Point[]): Similarity {
  const [p, q] = [mean(from), mean(to)];
  let [squares, along, across] = [0, 0, 0];
  from.forEach((point, i) => {
    const [x, y] = [point.x - p.x, point.y - p.y];
    const [u, v] = [to[i].x - q.x, to[i].y - q.y];
    squares += x * x + y * y;
    along += x * u + y * v;
    across += x * v - y * u;
  });
  if (!(squares > 0)) throw new ZooError('The landmarks of a face lie in one point, so it cannot be aligned. Take another.');
  const [a, b] = [along / squares, across / squares];
  return { a, b, c: q.x - a * p.x + b * p.y, d: q.y - b * p.x - a * p.y };
}

function mean(points: readonly Point[]): Point {
  const sum = points.reduce((total, point) => ({ x: total.x + point.x, y: total.y + point.y }), { x: 0, y: 0 });
  return { x: sum.x / points.length, y: sum.y / points.length };
}

function isPoint(point: Partial<Point> | null | undefined): boolean {
  return Number.isFinite(point?.x) && Number.isFinite(point?.y);
}

/**
 * Cut a face out of a picture, upright, so that its landmarks fall on those of `input.alignment`, at model size.
 * A large face is drawn at a multiple of the model size, from which the model's own resize averages.
 */
export function alignFace(source: Source, landmarks: Record<string, Point>, input: InputSpec): Canvas {
  sourceSize(source);
  if (typeof landmarks !== 'object' || landmarks === null) {
    throw new ZooError(`Landmarks are those of a detection, an object of points by name, got ${shown(landmarks)}. Give them, or nothing.`);
  }
  const template = Object.entries(input.alignment ?? {});
  const missing = template.filter(([name]) => !isPoint(landmarks[name])).map(([name]) => name);
  if (template.length < 2) throw new ZooError('The model says of no landmarks where they lie in a face. Publish it again.');
  if (missing.length > 0) throw new ZooError(`To align a face, its ${missing.join(', ')} must be known. Give its landmarks.`);
  const from = template.map(([name]) => landmarks[name]);
  const to = template.map(([, [x, y]]) => ({ x: x * input.width, y: y * input.height }));
  const fit = fitSimilarity(from, to);
  const zoom = Math.max(1, Math.round(1 / Math.hypot(fit.a, fit.b)));
  const canvas = makeCanvas({ width: input.width * zoom, height: input.height * zoom });
  const drawing = context(canvas);
  drawing.fillStyle = `rgb(${input.pad_value} ${input.pad_value} ${input.pad_value})`;
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.setTransform(fit.a * zoom, fit.b * zoom, -fit.b * zoom, fit.a * zoom, fit.c * zoom, fit.d * zoom);
  drawing.imageSmoothingQuality = 'low'; // scaled by nearly 1 here; the averaging is done by the resize
  drawing.drawImage(drawable(source), 0, 0);
  return canvas;
}
