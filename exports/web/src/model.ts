/** What all loaded models have in common. */
import type { Backend } from './backends.js';
import type { Manifest } from './contract.js';
import type { Outputs } from './decode.js';
import type { Network } from './network.js';
import { Preprocessor } from './preprocess.js';
import type { Source } from './source.js';

export abstract class LoadedModel {
  abstract readonly kind: 'detector' | 'recognizer' | 'classifier';
  private readonly preprocessor: Preprocessor;

  constructor(
    /** The contract of the artifact, with all its facts: labels, metrics, training, precision. */
    readonly manifest: Manifest,
    private readonly network: Network,
  ) {
    this.preprocessor = new Preprocessor(manifest.input);
  }

  get name(): string {
    return this.manifest.name;
  }

  get version(): string {
    return this.manifest.version;
  }

  /** The back end of TensorFlow.js that runs this model. */
  get backend(): Backend {
    return this.network.backend;
  }

  /** The pixels are read before this returns, so a video may play on meanwhile. */
  protected run(source: Source): Promise<Outputs> {
    return this.network.run(this.preprocessor.run(source));
  }

  /** Raw outputs for a picture, flat, by name: for those who decode by themselves. */
  outputs(source: Source): Promise<Outputs> {
    return this.run(source);
  }

  /** Free the weights. Calls after this are refused; those under way end well. */
  dispose(): void {
    this.network.dispose();
  }
}
