/** Every order is answered or refused, also after the worker's end. */
import { expect, it } from 'vitest';
import { Line } from '../src/line.js';

const ENDED = 'The worker was ended. Open the store again.';

/** A worker that never answers; an order with `odd` cannot be sent. */
function silent() {
  const worker = {
    ends: 0,
    onerror: (_: { message: string }) => {},
    postMessage(order: { odd?: true }) {
      if (order.odd) throw new DOMException('() => 1 could not be cloned.', 'DataCloneError');
    },
    terminate: () => void worker.ends++,
  };
  return { worker, line: new Line<{ odd?: true }>(worker as unknown as Worker) };
}

it('orders before and after the end are refused', async () => {
  const { worker, line } = silent();
  const before = line.ask({});
  line.close();
  await expect(before).rejects.toThrow(ENDED);
  await expect(line.ask({})).rejects.toThrow(ENDED);
  expect(worker.ends).toBe(1);
});

it('what an ended worker is told to let go of is gone', async () => {
  const { line } = silent();
  const before = line.letGo({});
  line.close();
  await expect(before).resolves.toBeUndefined();
  await expect(line.letGo({})).resolves.toBeUndefined();
});

it('what a worker cannot be told to let go of is refused', async () => {
  const { line } = silent();
  await expect(line.letGo({ odd: true })).rejects.toThrow('This cannot be handed to a worker');
});

it('a broken worker is ended and says why', async () => {
  const { worker, line } = silent();
  const before = line.ask({});
  worker.onerror({ message: 'out of memory' });
  await expect(before).rejects.toThrow('The worker broke (out of memory)');
  await expect(line.ask({})).rejects.toThrow('The worker broke (out of memory)');
  expect(worker.ends).toBe(1);
});

it('an order that cannot be sent is a sentence', async () => {
  const { line } = silent();
  await expect(line.ask({ odd: true })).rejects.toThrow('This cannot be handed to a worker (() => 1 could not be cloned.). Give plain values.');
});
