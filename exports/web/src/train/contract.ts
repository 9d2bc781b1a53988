/** What an artifact says of training it further: the entry `trainable` of its manifest. */
import { Checker } from '../check.js';
import type { GridRule, Manifest } from '../contract.js';
import { ZooError } from '../errors.js';
import { MAX_FILE_BYTES } from '../limits.js';
import { checkPath } from '../manifest.js';

export interface GridLoss {
  kind: 'quality-focal-giou';
  box_weight: number;
  keypoint_weight: number;
  /** Anchors whose centre lies within this many strides of the box centre learn the box. */
  centre_radius: number;
  /** So do those within this many strides that no box holds; 0 in what was published before there was such a rule. */
  near_radius: number;
  /** The side of the boxes that each kind of anchor is meant for, in input pixels. */
  kind_sides_px: number[];
}
export interface ClassLoss {
  kind: 'softmax';
}
export type Loss = GridLoss | ClassLoss;

export interface TrainableEntry {
  topology: string;
  /** Names of the outputs, in the order in which the layers model gives them. */
  outputs: string[];
  loss: Loss;
}

/** Read and check the entry `trainable`. Throws ZooError for a model that a page cannot train. */
export function readTrainable(manifest: Manifest): TrainableEntry {
  const nameOf = `${manifest.name}@${manifest.version}`;
  if (manifest.decode.kind === 'embedding') {
    throw new ZooError(`${nameOf} makes embeddings, which pages do not train. Choose a detector or a classifier.`);
  }
  const check = new Checker(`The manifest of ${nameOf}`);
  if (manifest.trainable === undefined) throw new ZooError(`${nameOf} holds no layers model to train. Publish it again.`);
  const entry = check.object(manifest.trainable, 'trainable');
  check.oneOf(entry.format, 'trainable.format', ['tfjs-layers-model']);
  return {
    topology: checkPath(check, check.text(entry.topology, 'trainable.topology')),
    outputs: check.list(entry.outputs, 'trainable.outputs', (name, where) => check.text(name, where)),
    loss: readLoss(check, entry.loss, manifest),
  };
}

function readLoss(check: Checker, value: unknown, { decode }: Manifest): Loss {
  if (decode.kind !== 'grid') return { kind: 'softmax' };
  if (value === undefined) {
    throw new ZooError(`${check.document} does not say what training minimises, since an older version wrote it. Publish again.`);
  }
  const loss = check.object(value, 'trainable.loss');
  const number = (key: string) => check.number(loss[key], `trainable.loss.${key}`, 0, MAX_FILE_BYTES);
  const side = (one: unknown, where: string) => check.number(one, where, 1e-6, MAX_FILE_BYTES);
  const kinds = numKinds(decode);
  const sides = check.list(loss.kind_sides_px, 'trainable.loss.kind_sides_px', side);
  if (sides.length !== kinds) check.fail('trainable.loss.kind_sides_px', sides, `${kinds} numbers, one per kind of anchor`);
  return {
    kind: check.oneOf(loss.kind, 'trainable.loss.kind', ['quality-focal-giou'] as const),
    box_weight: number('box_weight'),
    keypoint_weight: number('keypoint_weight'),
    centre_radius: number('centre_radius'),
    near_radius: loss.near_radius === undefined ? 0 : number('near_radius'),
    kind_sides_px: sides,
  };
}

function numKinds({ anchor_sides }: GridRule): number {
  return anchor_sides.reduce((sum, sides) => sum + sides.length, 0);
}
