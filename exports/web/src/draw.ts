/** Draws finds on a canvas that lies over the picture, or on the picture itself. Imports no TensorFlow. */
import type { Detection } from './detector.js';
import { ZooError } from './errors.js';
import { callback, checkOptions, positive, shown, type Rules } from './options.js';

export interface DrawOptions {
  /** Colour of a label's boxes. */
  colour?: (label: string) => string;
  /** Canvas pixels per pixel of the picture. */
  scale?: number;
  /** What stands at a box; left out, label and score. */
  caption?: (found: Detection) => string;
}

const DRAW_RULES: Rules<DrawOptions> = { colour: callback, scale: positive(), caption: callback };

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

const HUES = 360;
const LINE_PX = 3;
const FONT_PX = 14;

/** A colour that follows from the label alone, of one lightness, so that black text is readable on it. */
export function labelColour(label: string): string {
  let hash = 0;
  for (const character of label) hash = (hash * 31 + character.codePointAt(0)!) % HUES;
  return `hsl(${(hash + 90) % HUES} 85% 62%)`;
}

/** Draw boxes, captions and landmarks. Nothing is cleared before. */
export function drawDetections(drawing: Context, detections: readonly Detection[], options: DrawOptions = {}): void {
  if (typeof drawing?.strokeRect !== 'function') {
    throw new ZooError(`drawDetections draws on a 2D context, got ${shown(drawing)}. Give canvas.getContext('2d').`);
  }
  if (!Array.isArray(detections as unknown)) {
    throw new ZooError(`drawDetections draws a list of detections, got ${shown(detections)}. Await detect and give its answer.`);
  }
  checkOptions('drawDetections', options, DRAW_RULES);
  const { colour = labelColour, scale = 1, caption = defaultCaption } = options;
  drawing.save();
  drawing.lineWidth = LINE_PX;
  drawing.font = `${FONT_PX}px system-ui, sans-serif`;
  drawing.textBaseline = 'top';
  for (const found of detections) {
    const [x, y, width, height] = [found.box.x, found.box.y, found.box.width, found.box.height].map((side) => side * scale);
    drawing.strokeStyle = drawing.fillStyle = colour(found.label);
    drawing.strokeRect(x, y, width, height);
    for (const point of Object.values(found.landmarks)) {
      drawing.beginPath();
      drawing.arc(point.x * scale, point.y * scale, LINE_PX, 0, 2 * Math.PI);
      drawing.fill();
    }
    const text = caption(found);
    if (text === '') continue;
    const above = Math.max(0, y - FONT_PX - 2 * LINE_PX);
    drawing.fillRect(x - LINE_PX / 2, above, drawing.measureText(text).width + 2 * LINE_PX, FONT_PX + 2 * LINE_PX);
    drawing.fillStyle = '#000';
    drawing.fillText(text, x + LINE_PX / 2, above + LINE_PX);
  }
  drawing.restore();
}

function defaultCaption({ label, score }: Detection): string {
  return `${label} ${score.toFixed(2)}`;
}
