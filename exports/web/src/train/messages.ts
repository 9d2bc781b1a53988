/** What page and training worker say to each other. */
import type { Reference } from '../catalog.js';
import type { Task } from '../contract.js';
import type { Memory } from '../memory.js';
import type { ZooOptions } from '../zoo.js';
import type { LabelledBox } from './pack.js';
import type { Start } from './starts.js';
import type { Trained } from './trainable.js';
import type { Fit, Overfit, Recipe, TrainingEvent } from './recipe.js';

/** A picture labelled in the page: the file itself, and a class, or boxes in its pixels. */
export interface OwnPicture {
  picture: Blob;
  name: string;
  label?: number;
  boxes?: LabelledBox[];
}

export type DataSource =
  /** Address of a pack's folder; one that is relative is so to the page. */
  | { pack: string | URL }
  /** Files of a pack. */
  | { files: readonly File[] | FileList }
  | { labels: string[]; task: Task; pictures: OwnPicture[] };

export interface Preparation {
  /** 'name', 'name@latest' or 'name@version' of the store, or an entry of `find`. */
  reference: Reference;
  start: Start;
  data: DataSource;
  /** For fresh weights and the order of pictures. */
  seed?: number;
}

export interface Prepared {
  name: string;
  labels: string[];
  backend: string;
  parameters: number;
  metric: Fit['metric'];
  pictures: { train: number; val: number };
  isMeasuredOnTraining: boolean;
  /** Names of weights that start anew, since the data have other labels. */
  startedAnew: string[];
  /** Landmarks that the model predicts and the data do not name. */
  unknownLandmarks: string[];
}

export type TrainOrder =
  | { open: string; options: Omit<ZooOptions, 'onNotice'> }
  | { prepare: Preparation }
  | { measure: true }
  | { overfit: true }
  | { fit: Partial<Recipe> }
  | { stop: true }
  | { score: true }
  | { save: true }
  | { download: true }
  | { memory: true }
  | { release: true };

export type NumberedTrainOrder = TrainOrder & { number: number };

export type WorkerEvent = TrainingEvent | { kind: 'picture'; done: number } | { kind: 'notice'; sentence: string };

export type { Fit, Memory, Overfit, Recipe, Trained };
