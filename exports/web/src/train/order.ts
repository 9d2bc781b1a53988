/** Chance that can be repeated, and giving way. */

export interface Random {
  state: number;
}

/** The next number from 0 to below 1 (mulberry32). */
export function next(random: Random): number {
  random.state = (random.state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(random.state ^ (random.state >>> 15), 1 | random.state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

/** The same things in a random order (Fisher and Yates). */
export function shuffled<T>(things: readonly T[], random: Random): T[] {
  const order = [...things];
  for (let i = order.length - 1; i > 0; i--) {
    const k = Math.floor(next(random) * (i + 1));
    [order[i], order[k]] = [order[k], order[i]];
  }
  return order;
}

/** Let events have their turn; timers would wait four milliseconds each time. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve();
    };
    channel.port2.postMessage(null);
  });
}
