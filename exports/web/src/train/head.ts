/** Changes to the topology of a layers model before it is built: other labels, and fresh weights that can be repeated. */
import { ZooError } from '../errors.js';

interface Layer {
  class_name: string;
  name: string;
  config: Record<string, unknown>;
  inbound_nodes: [name: string, ...rest: unknown[]][][];
}

export interface LayersTopology {
  class_name: string;
  config: { layers: Layer[]; output_layers: [name: string, ...rest: unknown[]][]; [key: string]: unknown };
}

const LOGITS = 'class_logits';
const INITIALIZER_OF: Record<string, string> = {
  Conv2D: 'kernel_initializer',
  Dense: 'kernel_initializer',
  DepthwiseConv2D: 'depthwise_initializer',
};

/** The same network for another number of labels: its logits come from layers that have as many filters. */
export function forLabels(topology: LayersTopology, outputs: readonly string[], numLabels: number, document: string): LayersTopology {
  const changed = structuredClone(topology);
  const { layers, output_layers } = changed.config;
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const numBefore = (layer: Layer): number => {
    const shape = layer.config.target_shape as number[];
    return shape[shape.length - 1];
  };
  /** Walk from the logits towards the picture, as far as the layers that make them. */
  const widen = (name: string, labelsBefore: number | undefined): void => {
    const layer = byName.get(name);
    if (layer === undefined) throw new ZooError(`${document} leads to a layer '${name}' that it does not have. Publish again.`);
    if (layer.class_name === 'Dense') {
      layer.config.units = numLabels;
      return;
    }
    if (layer.class_name === 'Conv2D') {
      const filters = layer.config.filters as number;
      layer.config.filters = (filters / (labelsBefore ?? filters)) * numLabels; // several anchors in a cell
      return;
    }
    let before = labelsBefore;
    if (layer.class_name === 'Reshape') {
      before = numBefore(layer);
      layer.config.target_shape = [...(layer.config.target_shape as number[]).slice(0, -1), numLabels];
    }
    for (const [inbound] of layer.inbound_nodes[0] ?? []) widen(inbound, before);
  };
  widen(output_layers[outputs.indexOf(LOGITS)][0], undefined);
  return changed;
}

/** The same network with a seed for each layer that starts with random weights; Glorot-normal, as in Python. */
export function seeded(topology: LayersTopology, seed: number): LayersTopology {
  const changed = structuredClone(topology);
  changed.config.layers.forEach(({ class_name, config }, i) => {
    const key = INITIALIZER_OF[class_name];
    if (key !== undefined) config[key] = { class_name: 'GlorotNormal', config: { seed: seed + i } };
  });
  return changed;
}
