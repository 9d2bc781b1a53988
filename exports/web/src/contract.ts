/** `manifest.json`, the contract of an artifact, as TypeScript sees it. Keys are those of the file. */

export const TASKS = ['face-detection', 'object-detection', 'face-recognition', 'object-recognition', 'face-gate'] as const;
export type Task = (typeof TASKS)[number];
export type Point = { x: number; y: number };

/** The picture that a model takes. `value_range` is what bytes 0 and 255 become. */
export interface InputSpec {
  node: string;
  height: number;
  width: number;
  channels: 1 | 3;
  value_range: [number, number];
  resize: 'letterbox' | 'stretch';
  pad_value: number;
  /** Face recognition: where the landmarks of an aligned face lie, as [x, y] fractions of the input. */
  alignment?: Record<string, [number, number]>;
}

export interface GridRule {
  kind: 'grid';
  strides: number[];
  anchor_sides: number[][];
  keypoints: string[];
  score_threshold: number;
  iou_threshold: number;
  max_detections: number;
}
export interface EmbeddingRule {
  kind: 'embedding';
  size: number;
  /** The cosine from which two embeddings count as one person's; left out where it was not measured. */
  similarity_threshold?: number;
  /** The share of pairs of two people that reached it, on the pictures that the model was chosen by. */
  false_accept_rate?: number;
}
export interface ClassRule {
  kind: 'classes';
}
export type DecodeRule = GridRule | EmbeddingRule | ClassRule;

export interface FileRecord {
  bytes: number;
  sha256: string;
}

export interface Manifest {
  name: string;
  version: string;
  task: Task;
  model: { topology: string; bytes: number; [fact: string]: unknown };
  input: InputSpec;
  outputs: { name: string; shape: number[] }[];
  decode: DecodeRule;
  labels: string[];
  files: Record<string, FileRecord>;
  [fact: string]: unknown;
}
