import { ZooError } from './errors.js';

/** Cosine of two embeddings: 1 for the same direction, around 0 for strangers. */
export function similarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length || a.length === 0) {
    throw new ZooError(`Embeddings of ${a.length} and ${b.length} numbers cannot be compared. Use one model for both.`);
  }
  let [dot, squaresA, squaresB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    squaresA += a[i] * a[i];
    squaresB += b[i] * b[i];
  }
  return dot / Math.sqrt(squaresA * squaresB);
}
