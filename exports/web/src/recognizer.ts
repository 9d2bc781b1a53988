/** Turns faces into embeddings, which lie close together for one person. */
import { alignFace } from './align.js';
import type { Point } from './contract.js';
import { LoadedModel } from './model.js';
import type { Canvas, Source } from './source.js';

export class Recognizer extends LoadedModel {
  readonly kind = 'recognizer';

  /**
   * Embedding of a face, of length 1. With the `landmarks` of a detection, the face is first cut out of the picture and
   * turned upright; without, the picture is taken to show one aligned face.
   */
  async embed(face: Source, landmarks?: Record<string, Point>): Promise<Float32Array> {
    return (await this.run(landmarks === undefined ? face : this.align(face, landmarks))).embedding;
  }

  /** The face that `embed` looks at: cut out by its landmarks and turned upright, at a multiple of the model's size. */
  align(picture: Source, landmarks: Record<string, Point>): Canvas {
    return alignFace(picture, landmarks, this.manifest.input);
  }
}
