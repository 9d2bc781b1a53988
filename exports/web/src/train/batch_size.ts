/** Finds the batch size that trains most pictures per second, by trying. */
import type { Example } from './examples.js';
import { breathe } from './order.js';
import type { Steps } from './steps.js';
import type { Trainable } from './trainable.js';

const LARGEST_BATCH = 32;
const LONGEST_STEP_MS = 1_500;
const STEPS_MEASURED = 3;
/** A larger batch has to be faster by this factor, since it takes fewer steps per epoch. */
const WORTH_IT = 1.1;

/** Time steps of 1, 2, 4, ... pictures and return the fastest size. `onSize` hears of each. Weights stay. */
export async function measureBatchSize(
  trainable: Trainable,
  steps: Steps,
  train: readonly Example[],
  onSize: (batchSize: number, picturesPerSecond: number) => void,
): Promise<number> {
  const before = await trainable.snapshot();
  let [best, fastest] = [1, 0];
  try {
    for (let size = 1; size <= Math.min(LARGEST_BATCH, train.length); size *= 2) {
      const batch = train.slice(0, size);
      const times: number[] = [];
      for (let i = 0; i < STEPS_MEASURED; i++) {
        const start = performance.now();
        await steps.slopes(batch);
        times.push(performance.now() - start);
        await breathe();
      }
      const milliseconds = Math.min(...times); // the first one compiles
      const picturesPerSecond = (1000 * size) / milliseconds;
      onSize(size, picturesPerSecond);
      if (picturesPerSecond > fastest * WORTH_IT) [best, fastest] = [size, picturesPerSecond];
      else break;
      if (milliseconds > LONGEST_STEP_MS) break;
    }
  } finally {
    trainable.restore(before);
  }
  return best;
}
