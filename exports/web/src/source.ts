/** What a caller may hand over as a picture, its size, and its pixels on a canvas. */
import { ZooError, reason } from './errors.js';
import type { Size } from './letterbox.js';
import { kindOf, shown } from './options.js';

export type Source =
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | ImageBitmap
  | ImageData;

export type Canvas = HTMLCanvasElement | OffscreenCanvas;
type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/**
 * A picture of more pixels than this is halved on the canvas before it is resampled exactly, as long as each new pixel
 * then still covers several: so a photograph of 12 megapixels costs no more than a film frame, and what the halving
 * blurs is a fiftieth of what the resampling does.
 */
const MAX_EXACT_PIXELS = 2_000_000;
const HALVE_FROM = 8;

const KINDS = ['HTMLImageElement', 'HTMLVideoElement', 'HTMLCanvasElement', 'OffscreenCanvas', 'ImageBitmap', 'ImageData'];
/** What to do about one without pixels, where that is not to wait. */
const EMPTY: Record<string, string> = {
  ImageBitmap: 'This ImageBitmap was closed or handed over; make it again, and close it after the answer.',
  HTMLCanvasElement: 'Give the canvas a size and draw on it.',
  OffscreenCanvas: 'Give the canvas a size and draw on it.',
};

/** Size of a picture in its own pixels. Throws ZooError for something else than a picture, or one not loaded yet. */
export function sourceSize(source: Source): Size {
  const kind = typeof source === 'object' && source !== null ? kindOf(source) : '';
  if (!KINDS.includes(kind)) {
    throw new ZooError(`A picture is an image, video, canvas, ImageBitmap or ImageData, got ${shown(source)}. Give one of these.`);
  }
  const raw = source as Partial<HTMLImageElement & HTMLVideoElement>;
  const width = raw.naturalWidth ?? raw.videoWidth ?? raw.width!;
  const height = raw.naturalHeight ?? raw.videoHeight ?? raw.height!;
  if (!(width > 0 && height > 0)) {
    const advice = EMPTY[kind] ?? 'Wait until it has loaded, then try again.';
    throw new ZooError(`The picture has ${width} by ${height} pixels. ${advice}`);
  }
  return { width, height };
}

export function isImageData(source: Source): source is ImageData {
  return 'data' in source;
}

export function makeCanvas({ width, height }: Size): Canvas {
  if (typeof OffscreenCanvas !== 'undefined') return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement('canvas'), { width, height });
}

/** A 2D context whose pixels will be read again and again. */
export function context(canvas: Canvas): Context {
  const found = canvas.getContext('2d', { willReadFrequently: true }) as Context | null;
  if (found === null) throw new ZooError('This browser gives no 2D canvas. Use another browser.');
  return found;
}

/** Reads pixels of pictures; keeps its canvas between them. */
export class PixelReader {
  private canvas?: Canvas;

  /**
   * Pixels of a picture, on white where it is transparent. A picture that is large and much larger than `target` is
   * halved on the canvas first; each pixel of the half is the mean of two by two.
   */
  read(source: Source, target: Size): ImageData {
    const size = sourceSize(source);
    const steps = halvings(size, target);
    if (isImageData(source) && steps.length === 0 && isOpaque(source)) return source;
    const first = steps[0] ?? size;
    this.canvas ??= makeCanvas(first);
    if (this.canvas.width < first.width) this.canvas.width = first.width;
    if (this.canvas.height < first.height) this.canvas.height = first.height;
    const drawing = context(this.canvas);
    drawing.imageSmoothingEnabled = true;
    drawing.imageSmoothingQuality = 'low'; // bilinear, which at exactly half is the mean; others add a filter of their own
    drawing.fillStyle = '#fff';
    drawing.fillRect(0, 0, first.width, first.height);
    drawing.drawImage(drawable(source), 0, 0, first.width, first.height);
    for (let i = 1; i < steps.length; i++) {
      const [before, after] = [steps[i - 1], steps[i]];
      drawing.drawImage(this.canvas, 0, 0, before.width, before.height, 0, 0, after.width, after.height);
    }
    const { width, height } = steps.at(-1) ?? size;
    try {
      return drawing.getImageData(0, 0, width, height);
    } catch (error) {
      throw new ZooError(`The picture's pixels may not be read (${reason(error)}). Serve it from this page's host.`, {
        cause: error,
      });
    }
  }
}

function halvings(size: Size, target: Size): Size[] {
  const steps: Size[] = [];
  let { width, height } = size;
  while (width * height > MAX_EXACT_PIXELS && Math.min(width / target.width, height / target.height) >= HALVE_FROM) {
    [width, height] = [Math.ceil(width / 2), Math.ceil(height / 2)];
    steps.push({ width, height });
  }
  return steps;
}

function isOpaque({ data }: ImageData): boolean {
  for (let i = 3; i < data.length; i += 4) if (data[i] !== 255) return false;
  return true;
}

/** The same picture as something that a canvas can draw. */
export function drawable(source: Source): Exclude<Source, ImageData> {
  if (!isImageData(source)) return source;
  const canvas = makeCanvas(source);
  context(canvas).putImageData(source, 0, 0);
  return canvas;
}
