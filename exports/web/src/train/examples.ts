/** Labelled pictures at the size of a model's input, as training takes them. */
import type { GridRule, Manifest } from '../contract.js';
import { ZooError } from '../errors.js';
import type { Box } from '../grid.js';
import { toPicture } from '../letterbox.js';
import { Preprocessor } from '../preprocess.js';
import type { Labels } from './assign.js';
import type { LabelledData, LabelledPicture } from './pack.js';

/** More than this does not fit beside a training into the memory of a small device. */
const MAX_BYTES = 512_000_000;
/** Without pictures to measure on, every fifth is set aside, from this many. */
const SET_ASIDE_FROM = 10;
const SET_ASIDE_EVERY = 5;

/** One picture: bytes of the model's channels, and its class, or its boxes in fractions of the input. */
export interface Example {
  pixels: Uint8Array;
  label: number;
  labels?: Labels;
}

export interface Examples {
  train: Example[];
  /** What the score is measured on. */
  val: Example[];
  /** True where there were too few pictures to set some aside, so that `val` is what is trained on. */
  isMeasuredOnTraining: boolean;
}

/** Bring data to a model's input. Throws ZooError for data of another kind, and for too many. */
export async function placeExamples(data: LabelledData, manifest: Manifest, onPicture: (done: number) => void): Promise<Examples> {
  const { input, decode } = manifest;
  if (decode.kind === 'embedding') throw new ZooError(`${manifest.name} makes embeddings, which pages do not train.`);
  const isDetection = decode.kind === 'grid';
  const other = data.pictures.find(({ boxes }) => (boxes !== undefined) !== isDetection);
  if (other !== undefined || data.pictures.length === 0) {
    const wanted = isDetection ? 'boxes' : 'a class for each picture';
    throw new ZooError(`${manifest.name} needs ${wanted}; ${data.name} is labelled for ${data.task}. Choose other data or another model.`);
  }
  if (isDetection && data.pictures.every(({ boxes }) => boxes!.length === 0)) {
    throw new ZooError(`No picture of ${data.name} has a box, so there is nothing to find. Choose other data.`);
  }
  const size = input.width * input.height * input.channels;
  if (size * data.pictures.length > MAX_BYTES) {
    const most = Math.floor(MAX_BYTES / size);
    throw new ZooError(`${data.pictures.length} pictures of ${data.name} do not fit into memory; ${most} do. Pack fewer with --limit.`);
  }
  const order = isDetection ? decode.keypoints.map((name) => data.keypoints.indexOf(name)) : [];
  const preprocessor = new Preprocessor(input);
  const place = async (picture: LabelledPicture): Promise<Example> => {
    const bitmap = await picture.open();
    try {
      const { data: rgba } = preprocessor.run(bitmap);
      const pixels = new Uint8Array(size);
      for (let i = 0, at = 0; i < rgba.length; i += 4) for (let c = 0; c < input.channels; c++) pixels[at++] = rgba[i + c];
      if (picture.boxes === undefined) return { pixels, label: picture.label! };
      return { pixels, label: -1, labels: labelsOf(picture, toPicture(input, bitmap), order) };
    } finally {
      bitmap.close();
    }
  };
  const placed: Record<'train' | 'val', Example[]> = { train: [], val: [] };
  for (const [i, picture] of data.pictures.entries()) {
    placed[picture.split].push(await place(picture));
    onPicture(i + 1);
  }
  return setAside(placed.train, placed.val);
}

function labelsOf({ boxes = [] }: LabelledPicture, factors: { x: number; y: number }, order: number[]): Labels {
  const fraction = (value: number, factor: number) => Math.min(1, Math.max(0, value / factor));
  return {
    boxes: boxes.map(({ box: [left, top, right, bottom] }): Box => [
      fraction(left, factors.x), fraction(top, factors.y), fraction(right, factors.x), fraction(bottom, factors.y),
    ]),
    classes: boxes.map(({ label }) => label),
    keypoints: boxes.map(({ landmarks }) =>
      order.map((k) => {
        const point = landmarks[k] ?? null;
        return point === null ? null : [point[0] / factors.x, point[1] / factors.y];
      }),
    ),
    ignore: boxes.map(({ ignore }) => ignore),
  };
}

function setAside(train: Example[], val: Example[]): Examples {
  if (train.length === 0) return { train: val, val, isMeasuredOnTraining: true };
  if (val.length > 0) return { train, val, isMeasuredOnTraining: false };
  if (train.length < SET_ASIDE_FROM) return { train, val: train, isMeasuredOnTraining: true };
  const isAside = (_: Example, i: number) => i % SET_ASIDE_EVERY === SET_ASIDE_EVERY - 1;
  return { train: train.filter((one, i) => !isAside(one, i)), val: train.filter(isAside), isMeasuredOnTraining: false };
}

/** The same examples with labels numbered as the model numbers them; it has all of them. */
export function relabelled({ train, val, ...rest }: Examples, from: readonly string[], to: readonly string[]): Examples {
  const numbers = from.map((label) => to.indexOf(label));
  const relabel = ({ labels, label, ...one }: Example): Example => ({
    ...one,
    label: numbers[label] ?? label,
    ...(labels ? { labels: { ...labels, classes: labels.classes.map((old) => numbers[old]) } } : {}),
  });
  return { train: train.map(relabel), val: val.map(relabel), ...rest };
}

/** Landmarks that a model predicts and data do not name; their part of the loss is left out. */
export function unknownLandmarks(data: LabelledData, rule: GridRule): string[] {
  return rule.keypoints.filter((name) => !data.keypoints.includes(name));
}
