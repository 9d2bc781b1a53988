/** From a detector's raw outputs to candidates: the twin of `decode_detections` in `zoo/tasks/boxes.py`. */
import type { GridRule } from './contract.js';
import { decodeBox, decodeKeypoints, type Anchors } from './grid.js';
import { suppress, type Candidate } from './nms.js';

/** Raw outputs for one picture, flat, by name. */
export type Outputs = Record<string, Float32Array>;

export interface Found extends Candidate {
  keypoints: [number, number][];
}

/** Decode, drop what scores below `scoreThreshold`, and suppress overlaps. Coordinates are fractions of the input. */
export function decodeGrid(outputs: Outputs, rule: GridRule, anchors: Anchors, scoreThreshold: number): Found[] {
  const { class_logits: logits, box_offsets: boxes, keypoint_offsets: keypoints } = outputs;
  const numLabels = logits.length / (boxes.length / 4);
  const candidates: Candidate[] = [];
  for (let i = 0; i < logits.length; i++) {
    const score = 1 / (1 + Math.exp(-logits[i]));
    if (score >= scoreThreshold) {
      const anchor = Math.floor(i / numLabels);
      candidates.push({ box: decodeBox(boxes, anchor, anchors), score, label: i % numLabels, anchor });
    }
  }
  const count = rule.keypoints.length;
  return suppress(candidates, rule.iou_threshold, rule.max_detections).map((found) => ({
    ...found,
    keypoints: count > 0 ? decodeKeypoints(keypoints, found.anchor, anchors, count) : [],
  }));
}

/** Scores of classes that exclude each other, adding up to 1. */
export function softmax(logits: Float32Array): number[] {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
