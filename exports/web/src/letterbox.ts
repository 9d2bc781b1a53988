/** How much of the model input a picture covers, and the way back to its pixels: twin of `zoo/tasks/letterbox.py`. */
import type { InputSpec } from './contract.js';

export interface Size {
  width: number;
  height: number;
}

/** Round as Python does: halves to the even neighbour. */
export function roundHalfEven(value: number): number {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

/** Pixels of the model input that the picture covers, from the top left; at least 1 by 1. */
export function placedSize(input: InputSpec, picture: Size): Size {
  if (input.resize === 'stretch') return { width: input.width, height: input.height };
  const factor = Math.min(input.height / picture.height, input.width / picture.width);
  return {
    width: Math.max(1, roundHalfEven(picture.width * factor)),
    height: Math.max(1, roundHalfEven(picture.height * factor)),
  };
}

/** Factors that take fractions of the model input to pixels of the picture. */
export function toPicture(input: InputSpec, picture: Size): { x: number; y: number } {
  const placed = placedSize(input, picture);
  return { x: (picture.width * input.width) / placed.width, y: (picture.height * input.height) / placed.height };
}
