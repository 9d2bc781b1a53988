/** Losses as in `tuner/losses.py`: the mean over what was labelled; lower is better, 0 is perfect. */
import * as tf from '@tensorflow/tfjs-core';
import type { Anchors } from '../grid.js';
import { LOG_SIZE_LIMIT } from '../grid.js';
import type { GridLoss } from './contract.js';

const EPSILON = 1e-7;

export type Named = Record<string, tf.Tensor>;

/** Targets of a batch as tensors; the first axis is the picture. */
export interface GridTargets {
  class_targets: tf.Tensor3D;
  boxes: tf.Tensor3D;
  weights: tf.Tensor2D;
  keypoint_offsets?: tf.Tensor3D;
  keypoint_known?: tf.Tensor3D;
}

/** Anchors as three tensors (num_anchors, 2), kept by a training for as long as it runs. */
export interface AnchorTensors {
  centres: tf.Tensor2D;
  units: tf.Tensor2D;
  sides: tf.Tensor2D;
}

export function anchorTensors(anchors: Anchors): AnchorTensors {
  const [centres, units, sides] = tf.tidy(() => tf.split(tf.tensor2d(anchors, [anchors.length / 6, 6]), 3, 1));
  return { centres, units, sides } as AnchorTensors;
}

/** |quality - score|² · cross-entropy, elementwise (arXiv:2006.04388, equation 4, beta = 2). */
export function qualityFocal(logits: tf.Tensor, quality: tf.Tensor): tf.Tensor {
  const crossEntropy = tf.add(
    tf.sub(tf.relu(logits), tf.mul(logits, quality)),
    tf.log(tf.add(tf.exp(tf.neg(tf.abs(logits))), 1)),
  );
  return tf.mul(tf.square(tf.sub(quality, tf.sigmoid(logits))), crossEntropy);
}

/** The two corners of boxes (..., 4), each (..., 2). */
function corners(boxes: tf.Tensor): [tf.Tensor, tf.Tensor] {
  return tf.split(boxes, 2, -1) as [tf.Tensor, tf.Tensor];
}

function area(low: tf.Tensor, high: tf.Tensor): tf.Tensor {
  const [width, height] = tf.split(tf.relu(tf.sub(high, low)), 2, -1);
  return tf.squeeze(tf.mul(width, height), [-1 + low.rank]);
}

/** IoU and generalised IoU of box pairs, both (..., 4) -> (...) (arXiv:1902.09630). */
export function boxOverlap(a: tf.Tensor, b: tf.Tensor): [overlap: tf.Tensor, generalised: tf.Tensor] {
  const [aLow, aHigh] = corners(a);
  const [bLow, bHigh] = corners(b);
  const overlap = area(tf.maximum(aLow, bLow), tf.minimum(aHigh, bHigh));
  const union = tf.sub(tf.add(area(aLow, aHigh), area(bLow, bHigh)), overlap);
  const hull = area(tf.minimum(aLow, bLow), tf.maximum(aHigh, bHigh));
  const share = tf.div(overlap, tf.add(union, EPSILON));
  return [share, tf.sub(share, tf.div(tf.sub(hull, union), tf.add(hull, EPSILON)))];
}

function decodeBoxes(offsets: tf.Tensor, { centres, units, sides }: AnchorTensors): tf.Tensor {
  const [shift, logSize] = corners(offsets);
  const centre = tf.add(centres, tf.mul(shift, units));
  const half = tf.mul(tf.exp(tf.minimum(logSize, LOG_SIZE_LIMIT)), tf.div(sides, 2));
  return tf.concat([tf.sub(centre, half), tf.add(centre, half)], -1);
}

/**
 * Quality focal loss over all anchors plus (1 - GIoU) and landmark distance, in box sides, over anchors that own an
 * object. The quality is no path for gradients.
 */
export function detectionLoss(targets: GridTargets, outputs: Named, anchors: AnchorTensors, rule: GridLoss): tf.Scalar {
  const owned = tf.max(targets.class_targets, -1); // (B, num_anchors)
  const numOwned = tf.maximum(tf.sum(owned), 1);
  const [overlap, generalised] = boxOverlap(decodeBoxes(outputs.box_offsets, anchors), targets.boxes);
  const quality = tf.mul(targets.class_targets, tf.expandDims(stopGradient(overlap), -1));
  const perCell = tf.mul(tf.sum(qualityFocal(outputs.class_logits, quality), -1), targets.weights);
  const misplaced = tf.mul(tf.sum(tf.mul(tf.sub(1, generalised), owned)), rule.box_weight);
  const loss = tf.div(tf.add(tf.sum(perCell), misplaced), numOwned);
  if (targets.keypoint_offsets === undefined || targets.keypoint_known === undefined) return loss as tf.Scalar;
  const [low, high] = corners(targets.boxes);
  const [width, height] = tf.split(tf.div(tf.sub(high, low), anchors.units), 2, -1); // in strides
  const scale = tf.sqrt(tf.maximum(tf.mul(width, height), EPSILON));
  const known = tf.mul(targets.keypoint_known, tf.expandDims(owned, -1));
  const distance = tf.div(tf.abs(tf.sub(outputs.keypoint_offsets, targets.keypoint_offsets)), tf.maximum(scale, 1));
  const displaced = tf.div(tf.mul(tf.sum(tf.mul(distance, known)), rule.keypoint_weight), numOwned);
  return tf.add(loss, displaced) as tf.Scalar;
}

/** Softmax cross-entropy: labels (B,) int32, logits (B, num_labels). */
export function classificationLoss(labels: tf.Tensor1D, logits: tf.Tensor): tf.Scalar {
  const right = tf.oneHot(labels, logits.shape[1]!) as tf.Tensor2D;
  const shifted = tf.sub(logits, stopGradient(tf.max(logits, -1, true)));
  const logSum = tf.log(tf.sum(tf.exp(shifted), -1));
  return tf.mean(tf.sub(logSum, tf.sum(tf.mul(shifted, right), -1))) as tf.Scalar;
}

const stopGradient = tf.customGrad((x) => ({ value: (x as tf.Tensor).clone(), gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy) }));
