/** From checked files to a model that runs. What imports TensorFlow.js starts here, so pages fetch it on the first load. */
import { startBackend } from './backend.js';
import type { Backend } from './backends.js';
import { Classifier } from './classifier.js';
import type { Manifest } from './contract.js';
import { Detector } from './detector.js';
import { Network } from './network.js';
import { Recognizer } from './recognizer.js';
import type { Topology } from './topology.js';
import type { Model } from './zoo.js';

export { startBackend };

const KINDS = { grid: Detector, embedding: Recognizer, classes: Classifier } as const;

export async function loadModel(
  manifest: Manifest,
  topology: Topology,
  weights: ArrayBuffer,
  backends: readonly Backend[],
  wasmPath: string,
): Promise<Model> {
  const backend = await startBackend(backends, wasmPath);
  return new KINDS[manifest.decode.kind](manifest, await Network.load(manifest, topology, weights, backend));
}
