/**
 * Pocket Zoo in the page: find a published model, load it, and ask it.
 *
 *     const zoo = await openZoo('/store/');
 *     const [best] = zoo.find({ task: 'face-detection', maxBytes: 200_000 });
 *     const detector = await zoo.load<Detector>(`${best.name}@latest`);
 *     for (const { box, score, landmarks } of await detector.detect(image)) console.log(box, score, landmarks);
 *     detector.dispose();
 */
export { BACKENDS, type Backend } from './backends.js';
export { clearCache } from './cache.js';
export type { Entry, Query, Reference } from './catalog.js';
export type { Classification, Classifier } from './classifier.js';
export { TASKS, type Manifest, type Point, type Task } from './contract.js';
export type { Detection, DetectOptions, Detector } from './detector.js';
export { drawDetections, labelColour, type DrawOptions } from './draw.js';
export { ZooError } from './errors.js';
export type { Memory } from './memory.js';
export { pipeline, type Face, type Pipeline } from './pipeline.js';
export { similarity } from './similarity.js';
export type { Recognizer } from './recognizer.js';
export type { Source } from './source.js';
export { createWorkerZoo, type WorkerModel, type WorkerZoo } from './worker.js';
export { openZoo, Zoo, type Model, type ZooOptions } from './zoo.js';
