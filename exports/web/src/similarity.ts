import { ZooError } from './errors.js';
import { shown } from './options.js';

/** Cosine of two embeddings: 1 for the same direction, around 0 for strangers. */
export function similarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  for (const one of [a, b]) {
    if (typeof one !== 'object' || typeof one?.length !== 'number') {
      throw new ZooError(`similarity compares two embeddings, lists of numbers, got ${shown(one)}. Give what embed returned.`);
    }
  }
  if (a.length !== b.length || a.length === 0) {
    throw new ZooError(`Embeddings of ${a.length} and ${b.length} numbers cannot be compared. Use one model for both.`);
  }
  let [dot, squaresA, squaresB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    squaresA += a[i] * a[i];
    squaresB += b[i] * b[i];
  }
  if (!(squaresA > 0 && squaresB > 0)) {
    throw new ZooError('An embedding of zeros, or of what is no number, is similar to nothing. Embed the picture again.');
  }
  return dot / Math.sqrt(squaresA * squaresB);
}
