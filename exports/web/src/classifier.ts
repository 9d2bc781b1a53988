/** Says what a picture shows. */
import { softmax } from './decode.js';
import { LoadedModel } from './model.js';
import { checkOptions } from './options.js';
import type { Source } from './source.js';

export interface Classification {
  label: string;
  /** 0 to 1; those of all labels add up to 1. */
  score: number;
}

export class Classifier extends LoadedModel {
  readonly kind = 'classifier';

  /** A score for every label, best first. There are no options. */
  async classify(source: Source, options: Record<string, never> = {}): Promise<Classification[]> {
    checkOptions('classify', options, {});
    const { class_logits } = await this.run(source);
    return softmax(class_logits)
      .map((score, index) => ({ label: this.manifest.labels[index], score }))
      .sort((a, b) => b.score - a.score);
  }
}
