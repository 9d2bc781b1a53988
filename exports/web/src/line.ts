/** Both ends of a worker: questions and their answers, matched by number, and events in between. */
import { ZooError, reason } from './errors.js';

export interface Answer {
  number: number;
  value?: unknown;
  /** One sentence, where the order could not be followed. */
  error?: string;
}

export class Line<Order extends object> {
  private readonly waiting = new Map<number, { resolve(value: unknown): void; reject(error: ZooError): void }>();
  private asked = 0;

  /** `onEvent` hears what the worker says without being asked. */
  constructor(
    private readonly worker: Worker,
    onEvent: (event: unknown) => void = () => {},
  ) {
    worker.onmessage = ({ data }: MessageEvent<Answer | { event: unknown }>) => {
      if ('event' in data) return onEvent(data.event);
      const caller = this.waiting.get(data.number);
      this.waiting.delete(data.number);
      if (data.error === undefined) caller?.resolve(data.value);
      else caller?.reject(new ZooError(data.error));
    };
    worker.onerror = (event) => this.fail(`The worker broke (${event.message ?? 'it could not be loaded'}). Open the store again.`);
  }

  ask(order: Order, transfer: Transferable[] = []): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.waiting.set(++this.asked, { resolve, reject });
      this.worker.postMessage({ ...order, number: this.asked }, transfer);
    });
  }

  close(): void {
    this.worker.terminate();
    this.fail('The worker was ended. Open the store again.');
  }

  private fail(sentence: string): void {
    for (const { reject } of this.waiting.values()) reject(new ZooError(sentence));
    this.waiting.clear();
  }
}

/** The worker's end of a line: follows each order and answers with its value or, in a sentence, why not. */
export function answerOrders<Order extends object>(follow: (order: Order & { number: number }) => Promise<unknown>): void {
  self.onmessage = async ({ data }: MessageEvent<Order & { number: number }>) => {
    const answer: Answer = { number: data.number };
    try {
      answer.value = await follow(data);
    } catch (error) {
      answer.error = reason(error);
    }
    self.postMessage(answer);
  };
}
