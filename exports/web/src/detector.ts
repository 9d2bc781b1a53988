/** Finds faces or objects in pictures. */
import type { GridRule, Manifest, Point } from './contract.js';
import { decodeGrid } from './decode.js';
import { layAnchors, type Anchors } from './grid.js';
import { toPicture } from './letterbox.js';
import { LoadedModel } from './model.js';
import type { Network } from './network.js';
import { checkOptions, flag, number, whole, type Rules } from './options.js';
import { sourceSize, type Source } from './source.js';

/** One find, in pixels of the caller's picture; a box may reach beyond its edges. */
export interface Detection {
  box: { x: number; y: number; width: number; height: number };
  /** 0 to 1. */
  score: number;
  label: string;
  /** By name; right and left are those of the person. Empty for models that find none. */
  landmarks: Record<string, Point>;
}

export interface DetectOptions {
  /** Lowest score, 0 to 1; left out, the one that the model was published with. */
  scoreThreshold?: number;
  /** Most finds, best first; left out, as many as the model was published with. */
  maxDetections?: number;
  /** The picture is shown mirrored, as selfie cameras are: give places as seen in the mirror. */
  mirror?: boolean;
}

const DETECT_RULES: Rules<DetectOptions> = { scoreThreshold: number(0, 1), maxDetections: whole(1), mirror: flag };

export class Detector extends LoadedModel {
  readonly kind = 'detector';
  private readonly rule: GridRule;
  private readonly anchors: Anchors;

  constructor(manifest: Manifest, network: Network) {
    super(manifest, network);
    this.rule = manifest.decode as GridRule;
    this.anchors = layAnchors(this.rule, manifest.input);
  }

  /** Everything found in a picture, best first. Throws ZooError for something that is no picture. */
  async detect(source: Source, options: DetectOptions = {}): Promise<Detection[]> {
    checkOptions('detect', options, DETECT_RULES);
    const threshold = options.scoreThreshold ?? this.rule.score_threshold;
    const max_detections = options.maxDetections ?? this.rule.max_detections;
    const size = sourceSize(source);
    const outputs = await this.run(source);
    const { x, y } = toPicture(this.manifest.input, size);
    const detections = decodeGrid(outputs, { ...this.rule, max_detections }, this.anchors, threshold).map((found) => {
      const [left, top, right, bottom] = found.box;
      const points = found.keypoints.map(([u, v], k) => [this.rule.keypoints[k], { x: u * x, y: v * y }]);
      return {
        box: { x: left * x, y: top * y, width: (right - left) * x, height: (bottom - top) * y },
        score: found.score,
        label: this.manifest.labels[found.label],
        landmarks: Object.fromEntries(points) as Detection['landmarks'],
      };
    });
    return options.mirror ? detections.map((found) => mirrored(found, size.width)) : detections;
  }
}

/** The same find as seen in a mirror; `width` is that of the picture. */
export function mirrored<T extends Detection>(found: T, width: number): T {
  const { box, landmarks } = found;
  const points = Object.entries(landmarks).map(([name, { x, y }]) => [name, { x: width - x, y }]);
  return {
    ...found,
    box: { ...box, x: width - box.x - box.width },
    landmarks: Object.fromEntries(points) as Detection['landmarks'],
  };
}
