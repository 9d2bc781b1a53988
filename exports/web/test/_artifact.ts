/** A manifest that is right in all that a page looks at, to spoil. */

export const HASH = 'a'.repeat(64);
export const MANIFEST = {
  schema: 'pocket-zoo/manifest/1',
  name: 'tiny',
  version: '1',
  task: 'face-detection',
  model: { format: 'tfjs-graph-model', topology: 'model.json', bytes: 10 },
  input: {
    node: 'image', height: 16, width: 16, channels: 3, channel_order: 'rgb', value_range: [0, 1], resize: 'letterbox', pad_value: 114,
  },
  outputs: [{ name: 'class_logits', shape: [4, 1] }, { name: 'box_offsets', shape: [4, 4] }],
  decode: {
    kind: 'grid', box_encoding: 'centre-log-size', strides: [8], anchor_sides: [[1]], keypoints: [], score: 'sigmoid',
    score_threshold: 0.3, iou_threshold: 0.4, max_detections: 10,
  },
  labels: ['face'],
  files: { 'model.json': { bytes: 5, sha256: HASH }, 'golden/input.bin': { bytes: 5, sha256: HASH } },
  metrics: [{ name: 'ap50', value: 0.5 }],
};

export const bytes = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
export const nested = (levels: number): unknown[] => (levels > 0 ? [nested(levels - 1)] : []);
