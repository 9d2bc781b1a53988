/** What training a task needs beside the network, as in `tuner/learners.py`: targets, loss, and the score to raise. */
import * as tf from '@tensorflow/tfjs-core';
import type { GridRule, Manifest } from '../contract.js';
import { decodeGrid, type Outputs } from '../decode.js';
import { Assigner } from './assign.js';
import type { GridLoss, TrainableEntry } from './contract.js';
import type { Example } from './examples.js';
import { anchorTensors, classificationLoss, detectionLoss, type AnchorTensors, type GridTargets, type Named } from './losses.js';
import { averagePrecision } from './precision.js';

/** Average precision ranks all finds down to this score. */
const SCORE_FLOOR = 0.01;

export interface Learner {
  readonly metric: 'top1' | 'ap50';
  /** Targets of a batch; the caller disposes of them. */
  targets(batch: readonly Example[]): tf.TensorContainerObject;
  /** Mean loss; call inside a tidy. */
  loss(targets: tf.TensorContainerObject, outputs: Named): tf.Scalar;
  /** The metric, 0 to 1, from the outputs of each picture. */
  score(examples: readonly Example[], outputs: readonly Outputs[]): number;
  dispose(): void;
}

export function learnerFor(manifest: Manifest, entry: TrainableEntry, numLabels: number): Learner {
  if (manifest.decode.kind !== 'grid') return new ClassLearner();
  return new GridLearner(manifest.decode, entry.loss as GridLoss, new Assigner(manifest.decode, entry.loss as GridLoss, manifest.input, numLabels), numLabels);
}

class ClassLearner implements Learner {
  readonly metric = 'top1';

  targets(batch: readonly Example[]): { labels: tf.Tensor1D } {
    return { labels: tf.tensor1d(batch.map(({ label }) => label), 'int32') };
  }

  loss(targets: tf.TensorContainerObject, outputs: Named): tf.Scalar {
    return classificationLoss(targets.labels as tf.Tensor1D, outputs.class_logits);
  }

  score(examples: readonly Example[], outputs: readonly Outputs[]): number {
    const isRight = ({ class_logits }: Outputs, i: number) => class_logits.indexOf(Math.max(...class_logits)) === examples[i].label;
    return outputs.filter(isRight).length / examples.length;
  }

  dispose(): void {}
}

class GridLearner implements Learner {
  readonly metric = 'ap50';
  private readonly anchors: AnchorTensors;

  constructor(
    private readonly rule: GridRule,
    private readonly lossRule: GridLoss,
    private readonly assigner: Assigner,
    private readonly numLabels: number,
  ) {
    this.anchors = anchorTensors(assigner.anchors);
  }

  targets(batch: readonly Example[]): tf.TensorContainerObject {
    const assigned = batch.map(({ labels }) => this.assigner.assign(labels!));
    const numPoints = 2 * this.rule.keypoints.length;
    const join = (key: keyof (typeof assigned)[number], ...shape: number[]) => {
      const length = assigned[0][key].length;
      const joined = new Float32Array(batch.length * length);
      assigned.forEach((one, i) => joined.set(one[key], i * length));
      return tf.tensor(joined, [batch.length, this.assigner.count, ...shape]);
    };
    return {
      class_targets: join('classTargets', this.numLabels),
      boxes: join('boxes', 4),
      weights: join('weights'),
      ...(numPoints > 0 ? { keypoint_offsets: join('keypointOffsets', numPoints), keypoint_known: join('keypointKnown', numPoints) } : {}),
    };
  }

  loss(targets: tf.TensorContainerObject, outputs: Named): tf.Scalar {
    return detectionLoss(targets as unknown as GridTargets, outputs, this.anchors, this.lossRule);
  }

  score(examples: readonly Example[], outputs: readonly Outputs[]): number {
    const found = outputs.map((one) => decodeGrid(one, this.rule, this.assigner.anchors, SCORE_FLOOR));
    return averagePrecision(examples.map(({ labels }) => labels!), found, this.numLabels);
  }

  dispose(): void {
    tf.dispose(this.anchors as unknown as tf.TensorContainerObject);
  }
}
