/** Both ends of a worker: questions and their answers, matched by number, and events in between. */
import { NoBackend, ZooError, reason } from './errors.js';

export interface Answer {
  number: number;
  value?: unknown;
  /** One sentence, where the order could not be followed, */
  error?: string;
  /** as no back end starts. */
  isBackend?: boolean;
}

export class Line<Order extends object> {
  private readonly waiting = new Map<number, { resolve(value: unknown): void; reject(error: ZooError): void }>();
  private asked = 0;
  /** Why there is no worker any more. */
  private ended?: string;

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
      else caller?.reject(new (data.isBackend ? NoBackend : ZooError)(data.error));
    };
    worker.onerror = (event) => this.end(`The worker broke (${event.message ?? 'it could not be loaded'}). Open the store again.`);
  }

  /** The worker's answer. Rejects with a ZooError where it gives none, as after the end. */
  ask(order: Order, transfer: Transferable[] = []): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.ended !== undefined) return reject(new ZooError(this.ended));
      const number = ++this.asked;
      try {
        this.worker.postMessage({ ...order, number }, transfer);
      } catch (error) {
        return reject(new ZooError(`This cannot be handed to a worker (${reason(error)}). Give plain values.`, { cause: error }));
      }
      this.waiting.set(number, { resolve, reject });
    });
  }

  /** As `ask`, for an order to let something go or to stop: with a worker that has ended, that is done. */
  async letGo(order: Order): Promise<void> {
    await this.ask(order).catch((error: unknown) => {
      if (this.ended === undefined) throw error;
    });
  }

  close(): void {
    this.end('The worker was ended. Open the store again.');
  }

  private end(sentence: string): void {
    this.worker.terminate();
    this.ended ??= sentence;
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
      answer.isBackend = error instanceof NoBackend;
    }
    self.postMessage(answer);
  };
}
