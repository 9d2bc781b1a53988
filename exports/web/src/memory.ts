/** What TensorFlow.js holds at the moment, for pages that show it. */
import * as tf from '@tensorflow/tfjs-core';

export interface Memory {
  tensors: number;
  bytes: number;
}

export function memory(): Memory {
  if (!tf.getBackend()) return { tensors: 0, bytes: 0 }; // no model was loaded yet
  const { numTensors, numBytes } = tf.memory();
  return { tensors: numTensors, bytes: numBytes };
}
