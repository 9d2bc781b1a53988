/**
 * Shrinking and enlarging pixels as Pillow's bilinear resize does: a triangle as wide as what one new pixel covers,
 * first along rows, then along columns, in 22-bit fixed point, rounded to bytes after each. The bytes are Pillow's too,
 * but for sizes where it takes columns first; those differ by one at most.
 *
 * A canvas smooths differently in each browser and skips pixels when it shrinks much; training saw Pillow's pictures.
 * Source: Pillow, src/libImaging/Resample.c.
 */
import type { Size } from './letterbox.js';

const FRACTION_BITS = 22;
const HALF = 1 << (FRACTION_BITS - 1);
const PIXEL = 4;

/** Weights of the old pixels `first[i]` and on for each new one; `width` weights each, zero where not needed. */
interface Taps {
  first: Int32Array;
  count: Int32Array;
  weights: Int32Array;
  width: number;
}

function taps(from: number, to: number): Taps {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const width = Math.ceil(support) * 2 + 1;
  const [first, count] = [new Int32Array(to), new Int32Array(to)];
  const weights = new Int32Array(to * width);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    first[i] = Math.max(0, Math.trunc(centre - support + 0.5));
    count[i] = Math.min(from, Math.trunc(centre + support + 0.5)) - first[i];
    const heights = Array.from({ length: count[i] }, (_, k) =>
      Math.max(0, 1 - Math.abs((k + first[i] - centre + 0.5) / support)),
    );
    const sum = heights.reduce((a, b) => a + b, 0);
    heights.forEach((height, k) => (weights[i * width + k] = Math.trunc(0.5 + (height / sum) * (1 << FRACTION_BITS))));
  }
  return { first, count, weights, width };
}

/** Resizes pictures of one size to another; keeps its weights and its scratch memory between pictures. */
export class Resampler {
  private readonly across: Taps;
  private readonly down: Taps;
  private readonly rows: Uint8ClampedArray;

  constructor(
    readonly from: Size,
    readonly to: Size,
  ) {
    this.across = taps(from.width, to.width);
    this.down = taps(from.height, to.height);
    this.rows = new Uint8ClampedArray(to.width * from.height * PIXEL).fill(255); // opaque
  }

  isFor(from: Size, to: Size): boolean {
    return isEqual(from, this.from) && isEqual(to, this.to);
  }

  /** Write RGBA `pixels`, resized, to the top left of `target`, which is `targetWidth` pixels wide. Opaque only. */
  run(pixels: Uint8ClampedArray, target: Uint8ClampedArray, targetWidth: number): void {
    const { from, to } = this;
    const rows = from.width === to.width ? pixels : this.rows;
    if (rows !== pixels) this.resizeRows(pixels);
    if (from.height !== to.height) this.resizeColumns(rows, target, targetWidth);
    else {
      const length = to.width * PIXEL;
      for (let y = 0; y < to.height; y++) target.set(rows.subarray(y * length, (y + 1) * length), y * targetWidth * PIXEL);
    }
  }

  private resizeRows(pixels: Uint8ClampedArray): void {
    const { first, count, weights, width } = this.across;
    const { rows, from, to } = this;
    for (let y = 0; y < from.height; y++) {
      const line = y * from.width * PIXEL;
      let at = y * to.width * PIXEL;
      for (let x = 0; x < to.width; x++, at += PIXEL) {
        let [red, green, blue] = [HALF, HALF, HALF];
        const end = x * width + count[x];
        for (let k = x * width, p = line + first[x] * PIXEL; k < end; k++, p += PIXEL) {
          const weight = weights[k];
          red += pixels[p] * weight;
          green += pixels[p + 1] * weight;
          blue += pixels[p + 2] * weight;
        }
        rows[at] = red >> FRACTION_BITS;
        rows[at + 1] = green >> FRACTION_BITS;
        rows[at + 2] = blue >> FRACTION_BITS;
      }
    }
  }

  private resizeColumns(rows: Uint8ClampedArray, target: Uint8ClampedArray, targetWidth: number): void {
    const { first, count, weights, width } = this.down;
    const pitch = this.to.width * PIXEL;
    for (let y = 0; y < this.to.height; y++) {
      const end = y * width + count[y];
      let at = y * targetWidth * PIXEL;
      for (let x = 0; x < pitch; x += PIXEL, at += PIXEL) {
        let [red, green, blue] = [HALF, HALF, HALF];
        for (let k = y * width, p = first[y] * pitch + x; k < end; k++, p += pitch) {
          const weight = weights[k];
          red += rows[p] * weight;
          green += rows[p + 1] * weight;
          blue += rows[p + 2] * weight;
        }
        target[at] = red >> FRACTION_BITS;
        target[at + 1] = green >> FRACTION_BITS;
        target[at + 2] = blue >> FRACTION_BITS;
        target[at + 3] = 255;
      }
    }
  }
}

function isEqual(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}
