/** The worker's side of `worker.ts`: opens a store, keeps its models, and answers one order after the other. */
import { ZooError } from './errors.js';
import { answerOrders } from './line.js';
import { memory } from './memory.js';
import type { Loaded, Numbered } from './worker_messages.js';
import { openZoo, type Model, type Zoo } from './zoo.js';

let zoo: Zoo | undefined;
const models: (Model | undefined)[] = [];

async function follow(order: Numbered): Promise<unknown> {
  if ('open' in order) {
    zoo = await openZoo(order.open, order.options);
  } else if ('load' in order) {
    const model = await zoo!.load(order.load);
    const loaded: Loaded = {
      id: models.push(model) - 1,
      reference: `${model.name}@${model.version}`,
      kind: model.kind,
      backend: model.backend,
    };
    return loaded;
  } else if ('call' in order) {
    const model = models[order.id] as unknown as Record<string, (...values: unknown[]) => Promise<unknown>> | undefined;
    try {
      if (typeof model?.[order.call] !== 'function') {
        throw new ZooError(model === undefined ? 'The model was disposed of. Load it again.' : `The model cannot ${order.call}.`);
      }
      return await model[order.call](order.picture, order.argument);
    } finally {
      order.picture.close();
    }
  } else if ('dispose' in order) {
    models[order.dispose]?.dispose();
    models[order.dispose] = undefined;
  } else {
    return memory();
  }
  return undefined;
}

answerOrders(follow);
