/** Gradients of convolutions on wasm are those of the cpu back end. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import { hastenWasm, registerWasmGradients } from '../src/train/kernels.js';

const TOLERANCE = 1e-4; // relative to the largest; measured: 1e-6

type Case = { depthwise?: boolean; size: [number, number]; kernel: [number, number]; stride: number; pad: 'same' | 'valid'; multiplier?: number };
const CASES: Case[] = [
  { size: [6, 5], kernel: [3, 3], stride: 1, pad: 'same' },
  { size: [7, 8], kernel: [3, 3], stride: 2, pad: 'same' },
  { size: [8, 8], kernel: [1, 1], stride: 1, pad: 'same' },
  { size: [8, 7], kernel: [1, 1], stride: 2, pad: 'same' },
  { size: [9, 9], kernel: [5, 3], stride: 2, pad: 'valid' },
  { depthwise: true, size: [6, 5], kernel: [3, 3], stride: 1, pad: 'same' },
  { depthwise: true, size: [7, 8], kernel: [3, 3], stride: 2, pad: 'same' },
  { depthwise: true, size: [8, 8], kernel: [5, 5], stride: 2, pad: 'same' },
  { depthwise: true, size: [7, 7], kernel: [7, 7], stride: 1, pad: 'valid' },
  { depthwise: true, size: [10, 9], kernel: [3, 3], stride: 2, pad: 'valid' },
  { depthwise: true, size: [6, 6], kernel: [3, 3], stride: 1, pad: 'same', multiplier: 2 },
  { depthwise: true, size: [7, 6], kernel: [3, 3], stride: 2, pad: 'same', multiplier: 2 },
];

async function slopes(backend: string, { depthwise, size, kernel, stride, pad, multiplier = 1 }: Case): Promise<Float32Array[]> {
  await tf.setBackend(backend);
  const results = tf.tidy(() => {
    const image = tf.randomNormal([2, ...size, 4], 0, 1, 'float32', 1) as tf.Tensor4D;
    const filter = tf.randomNormal([...kernel, 4, depthwise ? multiplier : 3], 0, 1, 'float32', 2) as tf.Tensor4D;
    const run = (x: tf.Tensor4D, f: tf.Tensor4D) =>
      tf.sum(tf.square(depthwise ? tf.depthwiseConv2d(x, f, stride, pad) : tf.conv2d(x, f, stride, pad)));
    return tf.grads((x, f) => run(x as tf.Tensor4D, f as tf.Tensor4D))([image, filter]);
  });
  const values = await Promise.all(results.map((result) => result.data<'float32'>()));
  tf.dispose(results);
  return values;
}

describe('gradients on wasm', () => {
  beforeAll(async () => {
    setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm'))}/`);
    registerWasmGradients();
    hastenWasm();
  });

  it.each(CASES)('%j', async (one) => {
    const expected = await slopes('cpu', one);
    const before = await slopes('wasm', one).then(() => tf.memory().numTensors);
    const found = await slopes('wasm', one);
    expect(tf.memory().numTensors).toBe(before);
    found.forEach((values, i) => {
      expect(values.length).toBe(expected[i].length);
      const largest = Math.max(...expected[i].map(Math.abs));
      const difference = Math.max(...values.map((value, k) => Math.abs(value - expected[i][k])));
      expect(difference / largest).toBeLessThan(TOLERANCE);
    });
  });
});
