/** Finds faces, aligns them by their landmarks, and embeds each. */
import { mirrored, type Detection, type DetectOptions, type Detector } from './detector.js';
import type { Recognizer } from './recognizer.js';
import { ZooError } from './errors.js';
import { shown } from './options.js';
import { sourceSize, type Source } from './source.js';

export interface Face extends Detection {
  embedding: Float32Array;
}

type FindsFaces = Pick<Detector, 'detect' | 'manifest' | 'dispose'>;
type Embeds = Pick<Recognizer, 'embed' | 'manifest' | 'dispose'>;

export interface Pipeline {
  /** All faces of a picture, best first, each with its embedding. */
  find(source: Source, options?: DetectOptions): Promise<Face[]>;
  /** Dispose of both models. */
  dispose(): void;
}

/** Join a detector and a recognizer. Throws ZooError when the one finds no landmarks that the other aligns by. */
export function pipeline(detector: FindsFaces, recognizer: Embeds): Pipeline {
  if (typeof detector?.detect !== 'function' || typeof recognizer?.embed !== 'function') {
    const [first, second] = [detector, recognizer].map((model: Partial<FindsFaces> | undefined) => model?.manifest?.name ?? shown(model));
    throw new ZooError(`pipeline joins a detector and a recognizer, got ${first} and ${second}. Load one of each and give both.`);
  }
  const { decode } = detector.manifest;
  const found = decode.kind === 'grid' ? decode.keypoints : [];
  const needed = Object.keys(recognizer.manifest.input.alignment ?? {});
  const missing = needed.filter((name) => !found.includes(name));
  if (needed.length === 0 || missing.length > 0) {
    throw new ZooError(
      `${detector.manifest.name} finds ${found.join(', ') || 'no landmarks'}, ` +
        `but ${recognizer.manifest.name} aligns by ${needed.join(', ') || 'none'}. Choose a face detector with landmarks.`,
    );
  }
  return {
    async find(source, options = {}) {
      const { width } = sourceSize(source);
      const still = 'videoWidth' in source ? await createImageBitmap(source) : source;
      const faces: Face[] = [];
      try {
        for (const found of await detector.detect(still, { ...options, mirror: false })) {
          faces.push({ ...found, embedding: await recognizer.embed(still, found.landmarks) });
        }
      } finally {
        if (still !== source) (still as ImageBitmap).close();
      }
      return options.mirror ? faces.map((face) => mirrored(face, width)) : faces;
    },
    dispose() {
      detector.dispose();
      recognizer.dispose();
    },
  };
}
