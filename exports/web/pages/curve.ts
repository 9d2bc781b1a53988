/** The loss of each step and the score of each epoch, drawn while they come. */
import type { Epoch } from '../src/train/index.js';
import { element, svg } from './dom.js';

const [LEAST_WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [280, 260, 44, 24, 10];
/** More points than pixels say nothing more. */
const MAX_POINTS = 400;

export class Curve {
  private losses: number[] = [];
  /** Steps done at the end of each epoch, and its score. */
  private epochs: { steps: number; score: number }[] = [];
  private isAsked = false;

  constructor(
    private readonly place: HTMLElement,
    legend: HTMLElement,
  ) {
    legend.append(...[['loss', 'loss of each step, left'], ['score', 'score of each epoch, 0 to 1, right']].map(([name, text]) =>
      element('li', { class: name }, svg('svg', { viewBox: '0 0 10 10', class: name }, svg('circle', { cx: 5, cy: 5, r: 4 })), text),
    ));
    addEventListener('resize', () => this.ask());
    this.draw();
  }

  clear(): void {
    [this.losses, this.epochs] = [[], []];
    this.ask();
  }

  step(loss: number): void {
    this.losses.push(loss);
    this.ask();
  }

  epoch({ score }: Epoch): void {
    this.epochs.push({ steps: this.losses.length, score });
    this.ask();
  }

  /** Draw with the next frame, however many steps come until then. */
  private ask(): void {
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      this.draw();
    });
  }

  private draw(): void {
    const { losses, epochs } = this;
    const width = Math.max(LEAST_WIDTH, this.place.clientWidth);
    const highest = losses.reduce((a, b) => Math.max(a, b), 0) || 1;
    const x = (steps: number) => LEFT + (steps / Math.max(losses.length, 1)) * (width - 2 * LEFT);
    const y = (share: number) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
    const every = Math.ceil(losses.length / MAX_POINTS);
    const means = Array.from({ length: Math.ceil(losses.length / (every || 1)) }, (_, i) => {
      const part = losses.slice(i * every, (i + 1) * every);
      return `${x((i + 1) * every).toFixed(1)},${y(part.reduce((a, b) => a + b, 0) / part.length / highest).toFixed(1)}`;
    });
    const scores = epochs.map(({ steps, score }) => `${x(steps).toFixed(1)},${y(score).toFixed(1)}`);
    const levels = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
      svg('line', { x1: LEFT, x2: width - LEFT, y1: y(share), y2: y(share), class: 'grid' }),
      svg('text', { x: LEFT - 6, y: y(share) + 4, 'text-anchor': 'end' }, Number((share * highest).toPrecision(2)).toString()),
      svg('text', { x: width - LEFT + 6, y: y(share) + 4 }, share.toString()),
    ]);
    const drawn = svg(
      'svg',
      { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': this.says() },
      ...levels,
      svg('polyline', { points: means.join(' '), class: 'loss' }),
      svg('polyline', { points: scores.join(' '), class: 'score' }),
      ...scores.map((point) => svg('circle', { cx: point.split(',')[0], cy: point.split(',')[1], r: 3, class: 'score' })),
      svg('text', { x: width / 2, y: HEIGHT - 6, 'text-anchor': 'middle' }, `${losses.length} steps, ${epochs.length} epochs`),
    );
    this.place.replaceChildren(drawn);
  }

  private says(): string {
    if (this.losses.length === 0) return 'The curve of loss and score; nothing was trained yet';
    const [first, last] = [this.losses[0], this.losses[this.losses.length - 1]].map((loss) => loss.toPrecision(3));
    const best = this.epochs.reduce((a, { score }) => Math.max(a, score), 0).toFixed(3);
    return `Loss ${first} at first, ${last} after ${this.losses.length} steps; best score ${best}`;
  }
}
