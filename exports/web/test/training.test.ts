/** Targets and losses of training are Python's, values and slopes, on the values of golden.json. */
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GridRule, InputSpec } from '../src/contract.js';
import type { Box } from '../src/grid.js';
import { Assigner, type Labels, type Targets } from '../src/train/assign.js';
import type { GridLoss } from '../src/train/contract.js';
import { anchorTensors, classificationLoss, detectionLoss, type GridTargets, type Named } from '../src/train/losses.js';
import { averagePrecision } from '../src/train/precision.js';
import golden from './golden.json';

const CLOSE = 5; // decimals; both compute in float32

function close(found: ArrayLike<number>, expected: number[]): void {
  expect(found.length).toBe(expected.length);
  Array.from(found).forEach((value, i) => expect(value).toBeCloseTo(expected[i], CLOSE));
}

let before = 0;
beforeEach(async () => {
  await tf.setBackend('cpu');
  before = tf.memory().numTensors;
});
afterEach(() => expect(tf.memory().numTensors).toBe(before));

describe.each(golden.training)('training with $num_labels labels on $rule.anchor_sides', (row) => {
  const rule = row.rule as unknown as GridRule;
  const input = row.input as InputSpec;
  const lossRule = row.loss_rule as GridLoss;
  const assigner = new Assigner(rule, lossRule, input, row.num_labels);
  const pictures = row.labels.map(
    ({ boxes, classes, keypoints, ignore }): Labels => ({
      boxes: boxes as Box[],
      classes,
      ignore,
      keypoints: keypoints as unknown as Labels['keypoints'],
    }),
  );
  const hasPoints = 'keypoint_offsets' in row.outputs;

  it('gives each anchor its object', () => {
    const assigned = pictures.map((labels) => assigner.assign(labels));
    const all = (key: keyof Targets) => assigned.flatMap((one) => Array.from(one[key]));
    close(all('classTargets'), row.targets.class_targets);
    close(all('boxes'), row.targets.boxes);
    close(all('weights'), row.targets.weights);
    if (hasPoints) {
      close(all('keypointOffsets'), row.targets.keypoint_offsets as number[]);
      close(all('keypointKnown'), row.targets.keypoint_known as number[]);
    }
  });

  /** Loss of the row's outputs and its slopes along each. */
  function lossAndSlopes(weights: GridLoss): { loss: number; slopes: Record<string, number[]> } {
    return tf.tidy(() => {
      const size = (values: number[]) => values.length / (2 * assigner.count);
      const tensor = (values: number[]) => tf.tensor(values, [2, assigner.count, size(values)]);
      const targets = Object.fromEntries(
        Object.entries(row.targets).map(([name, values]) => [name, tensor(values as number[])]),
      ) as unknown as GridTargets;
      targets.weights = tf.tensor2d(row.targets.weights, [2, assigner.count]);
      const names = Object.keys(row.outputs);
      const outputs = names.map((name) => tensor((row.outputs as Record<string, number[]>)[name]));
      const anchors = anchorTensors(assigner.anchors);
      const run = (...values: tf.Tensor[]) =>
        detectionLoss(targets, Object.fromEntries(names.map((name, i) => [name, values[i]])) as Named, anchors, weights);
      const { value, grads } = tf.valueAndGrads(run)(outputs);
      return {
        loss: value.dataSync()[0],
        slopes: Object.fromEntries(names.map((name, i) => [name, Array.from(grads[i].dataSync())])),
      };
    });
  }

  it('costs what it costs in Python, with the same slopes', () => {
    const { loss, slopes } = lossAndSlopes(lossRule);
    expect(loss / row.loss).toBeCloseTo(1, CLOSE);
    for (const [name, expected] of Object.entries(row.slopes)) close(slopes[name], expected as number[]);
  });

  it('takes the weights of its terms from the artifact', () => {
    const { loss } = lossAndSlopes({ ...lossRule, ...row.weights });
    expect(loss / row.weighted_loss).toBeCloseTo(1, CLOSE);
    expect(Math.abs(row.weighted_loss - row.loss)).toBeGreaterThan(0.01);
  });
});

it('classification costs what it costs in Python, with the same slopes', () => {
  const { labels, logits, loss, slopes } = golden.classification;
  const found = tf.tidy(() => {
    const right = tf.tensor1d(labels, 'int32');
    const { value, grad } = tf.valueAndGrad((x) => classificationLoss(right, x))(tf.tensor2d(logits, [5, 4]));
    return { loss: value.dataSync()[0], slopes: grad.dataSync() };
  });
  expect(found.loss / loss).toBeCloseTo(1, CLOSE);
  close(found.slopes, slopes);
});

it.each(golden.precision)('average precision of $num_labels labels is that of pycocotools', ({ num_labels, truths, found, expected }) => {
  const score = averagePrecision(truths as Labels[], found as never, num_labels);
  expect(expected).toBeGreaterThan(0.1);
  expect(score).toBeCloseTo(expected, CLOSE);
});
