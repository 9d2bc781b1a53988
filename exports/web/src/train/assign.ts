/** Which anchor learns which object: the twin of `zoo/tasks/assignment.py`. Coordinates are fractions of the input. */
import type { GridRule, InputSpec } from '../contract.js';
import { layAnchors, type Anchors, type Box } from '../grid.js';
import type { GridLoss } from './contract.js';

/** The labelled boxes of one picture. */
export interface Labels {
  boxes: Box[];
  classes: number[];
  /** Per box and landmark [x, y], null where unknown; an empty list where nothing is known. */
  keypoints: ([number, number] | null)[][];
  /** True where a box is neither right nor wrong. */
  ignore: boolean[];
}

/** What every anchor should answer for one picture, flat, and whether it counts. */
export interface Targets {
  classTargets: Float32Array;
  boxes: Float32Array;
  weights: Float32Array;
  keypointOffsets: Float32Array;
  keypointKnown: Float32Array;
}

const NUMBERS = 6;

export class Assigner {
  readonly anchors: Anchors;
  readonly count: number;
  private readonly kinds: Int32Array;

  constructor(
    private readonly rule: GridRule,
    private readonly loss: GridLoss,
    private readonly input: Pick<InputSpec, 'height' | 'width'>,
    private readonly numLabels: number,
  ) {
    this.anchors = layAnchors(rule, input);
    this.count = this.anchors.length / NUMBERS;
    this.kinds = new Int32Array(this.count);
    let [at, first] = [0, 0];
    rule.strides.forEach((stride, level) => {
      const sides = rule.anchor_sides[level].length;
      const cells = Math.floor(input.height / stride) * Math.floor(input.width / stride);
      for (let i = 0; i < cells * sides; i++) this.kinds[at++] = first + (i % sides);
      first += sides;
    });
  }

  /**
   * Give each anchor the smallest object that claims it. The longer side of a box chooses the kind of anchor; an object
   * too small to hold a centre claims the anchor nearest to its own, and any object those beside its centre that none holds.
   */
  assign({ boxes, classes, keypoints, ignore }: Labels): Targets {
    const numPoints = this.rule.keypoints.length;
    const targets: Targets = {
      classTargets: new Float32Array(this.count * this.numLabels),
      boxes: new Float32Array(this.count * 4),
      weights: new Float32Array(this.count).fill(1),
      keypointOffsets: new Float32Array(this.count * 2 * numPoints),
      keypointKnown: new Float32Array(this.count * 2 * numPoints),
    };
    boxes.forEach((box, i) => {
      if (ignore[i]) for (let a = 0; a < this.count; a++) if (this.isInside(a, box)) targets.weights[a] = 0;
    });
    const area = ([left, top, right, bottom]: Box) => (right - left) * (bottom - top);
    const order = boxes.map((_, i) => i).sort((a, b) => area(boxes[b]) - area(boxes[a]) || a - b); // the smallest wins
    const counted = order.filter((i) => !ignore[i]);
    const held = counted.map((i) => this.held(boxes[i]));
    const taken = new Set(held.flat());
    counted.forEach((i, place) => {
      for (const anchor of [...held[place], ...this.near(boxes[i]).filter((a) => !taken.has(a))]) {
        targets.classTargets.fill(0, anchor * this.numLabels, (anchor + 1) * this.numLabels);
        targets.classTargets[anchor * this.numLabels + classes[i]] = 1;
        targets.boxes.set(boxes[i], anchor * 4);
        targets.weights[anchor] = 1;
        if (numPoints > 0) this.setKeypoints(targets, anchor, keypoints[i] ?? []);
      }
    });
    return targets;
  }

  /** The anchors whose centres a box holds, near its own; where there is none, the nearest. */
  private held(box: Box): number[] {
    const held: number[] = [];
    let [nearest, least] = [-1, Infinity];
    for (const [anchor, distance] of this.distances(box)) {
      if (distance < least) [nearest, least] = [anchor, distance];
      if (distance < this.loss.centre_radius && this.isInside(anchor, box)) held.push(anchor);
    }
    return held.length > 0 || nearest < 0 ? held : [nearest];
  }

  private near(box: Box): number[] {
    return [...this.distances(box)].filter(([, distance]) => distance < this.loss.near_radius).map(([anchor]) => anchor);
  }

  /** Each anchor of a box's kind, and how far its centre lies from that of the box, in strides. */
  private *distances(box: Box): Generator<[anchor: number, distance: number]> {
    const kind = this.kindOf(box);
    for (let a = 0; a < this.count; a++) {
      if (this.kinds[a] !== kind) continue;
      const at = a * NUMBERS;
      const x = Math.abs(this.anchors[at] - (box[0] + box[2]) / 2) / this.anchors[at + 2];
      const y = Math.abs(this.anchors[at + 1] - (box[1] + box[3]) / 2) / this.anchors[at + 3];
      yield [a, Math.max(x, y)];
    }
  }

  private kindOf([left, top, right, bottom]: Box): number {
    const longer = Math.max((right - left) * this.input.width, (bottom - top) * this.input.height, 1e-3);
    const distances = this.loss.kind_sides_px.map((side) => Math.abs(Math.log(longer / side)));
    return distances.indexOf(Math.min(...distances));
  }

  private isInside(anchor: number, [left, top, right, bottom]: Box): boolean {
    const [x, y] = [this.anchors[anchor * NUMBERS], this.anchors[anchor * NUMBERS + 1]];
    return x >= left && x <= right && y >= top && y <= bottom;
  }

  private setKeypoints(targets: Targets, anchor: number, points: ([number, number] | null)[]): void {
    const count = this.rule.keypoints.length;
    const at = anchor * NUMBERS;
    for (let k = 0; k < count; k++) {
      const point = points[k] ?? null;
      for (const axis of [0, 1]) {
        const place = (anchor * count + k) * 2 + axis;
        targets.keypointKnown[place] = point === null ? 0 : 1;
        targets.keypointOffsets[place] = point === null ? 0 : (point[axis] - this.anchors[at + axis]) / this.anchors[at + 2 + axis];
      }
    }
  }
}
