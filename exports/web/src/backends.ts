import { ZooError } from './errors.js';

/** Names of the back ends of TensorFlow.js, fastest first. */
export const BACKENDS = ['webgpu', 'webgl', 'wasm', 'cpu'] as const;
export type Backend = (typeof BACKENDS)[number];

/** Throw ZooError for a name that is none of them. */
export function checkBackends(wanted: readonly string[]): void {
  const unknown = wanted.find((name) => !(BACKENDS as readonly string[]).includes(name));
  if (unknown !== undefined) throw new ZooError(`Unknown backend '${unknown}'. Backends are: ${BACKENDS.join(', ')}.`);
}
