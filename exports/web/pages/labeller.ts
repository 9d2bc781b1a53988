/** Pictures that the visitor labels: a class for each, or boxes, drawn or written as numbers. */
import { drawDetections } from '../src/index.js';
import type { DataSource, LabelledBox, OwnPicture } from '../src/train/index.js';
import type { Task } from '../src/index.js';
import { byId, element } from './dom.js';
import { attempt, loadPicture } from './page.js';

const LEAST_PX = 3;
const THUMBNAIL_PX = 64;

interface Own {
  file: File;
  image: HTMLImageElement;
  label: string;
  boxes: { box: LabelledBox['box']; label: string }[];
}

export class Labeller {
  private readonly pictures: Own[] = [];
  private current?: Own;
  private task: Task = 'object-recognition';
  private isDetection = false;
  private known: readonly string[] = [];
  private corner?: { x: number; y: number };
  private readonly stage = byId('stage', HTMLCanvasElement);
  private readonly label = byId('label', HTMLInputElement);

  constructor() {
    byId('pictures', HTMLInputElement).onchange = ({ target }) => attempt(() => this.add(target as HTMLInputElement));
    byId('remove-picture', HTMLButtonElement).onclick = () => this.remove();
    this.label.oninput = () => {
      if (!this.isDetection && this.current) this.current.label = this.label.value.trim();
      this.tell();
    };
    byId('box-form', HTMLFormElement).onsubmit = (event) => {
      event.preventDefault();
      const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((side) => byId(`box-${side}`, HTMLInputElement).valueAsNumber);
      void attempt(() => this.addBox([x, y, x + width, y + height]));
    };
    this.stage.onpointerdown = (event) => {
      if (!this.isDetection || this.current === undefined) return;
      this.stage.setPointerCapture(event.pointerId);
      this.corner = this.place(event);
    };
    this.stage.onpointermove = (event) => this.corner && this.show(this.boxTo(event));
    this.stage.onpointerup = (event) => {
      if (this.corner === undefined) return;
      const box = this.boxTo(event);
      this.corner = undefined;
      void attempt(() => this.addBox(box));
    };
    this.stage.onpointercancel = () => (this.corner = undefined);
  }

  /** What the model that will be trained needs, and the labels that it has. */
  setTask(task: Task, isDetection: boolean, known: readonly string[]): void {
    [this.task, this.isDetection, this.known] = [task, isDetection, known];
    byId('label-text', HTMLSpanElement).textContent = isDetection ? 'Label of the next box' : 'Class of this picture';
    byId('box-form', HTMLFormElement).hidden = byId('boxes', HTMLUListElement).hidden = !isDetection;
    if (isDetection && this.label.value === '') this.label.value = known[0] ?? '';
    this.show();
  }

  /** Everything that is labelled. Throws a sentence when nothing can be learned from it. */
  data(): DataSource {
    const labelled = this.labelled();
    const labels = this.labels(labelled);
    const least = this.isDetection ? 1 : 2;
    if (labels.length < least || labelled.length < 2) {
      throw new Error(`There are ${labelled.length} labelled pictures of ${labels.length} labels. Label two at least, of ${least} or more.`);
    }
    const pictures = labelled.map(({ file, label, boxes }): OwnPicture => {
      const picture = { picture: file, name: file.name };
      if (!this.isDetection) return { ...picture, label: labels.indexOf(label) };
      return { ...picture, boxes: boxes.map((one) => ({ box: one.box, label: labels.indexOf(one.label), landmarks: [], ignore: false })) };
    });
    return { task: this.task, labels, pictures };
  }

  private labelled(): Own[] {
    return this.pictures.filter(({ label, boxes }) => (this.isDetection ? boxes.length > 0 : label !== ''));
  }

  private labels(pictures: readonly Own[]): string[] {
    return [...new Set(pictures.flatMap(({ label, boxes }) => (this.isDetection ? boxes.map((one) => one.label) : [label])))].sort();
  }

  private async add(input: HTMLInputElement): Promise<void> {
    const label = this.isDetection ? '' : this.label.value.trim();
    const refused: Error[] = [];
    for (const file of [...(input.files ?? [])]) {
      try {
        this.pictures.push({ file, image: await loadPicture(file), label, boxes: [] });
      } catch (error) {
        refused.push(error as Error);
      }
    }
    input.value = '';
    this.current ??= this.pictures[0];
    this.show();
    if (refused.length > 0) throw new Error(refused.map(({ message }) => message).join(' '));
  }

  private remove(): void {
    const at = this.pictures.indexOf(this.current!);
    this.pictures.splice(at, 1);
    this.current = this.pictures[Math.min(at, this.pictures.length - 1)];
    this.show();
  }

  private addBox(box: LabelledBox['box']): void {
    const { current } = this;
    const label = this.label.value.trim();
    try {
      if (current === undefined) throw new Error('There is no picture to draw a box in. Add one first.');
      if (label === '') throw new Error('A box needs a label. Write one, then draw the box again.');
      const { naturalWidth, naturalHeight } = current.image;
      const [left, top] = [Math.max(0, box[0]), Math.max(0, box[1])];
      const [right, bottom] = [Math.min(naturalWidth, box[2]), Math.min(naturalHeight, box[3])];
      if (!(right - left >= LEAST_PX && bottom - top >= LEAST_PX)) {
        throw new Error(`A box needs ${LEAST_PX} pixels each way inside the ${naturalWidth} × ${naturalHeight} of the picture. Draw a larger one.`);
      }
      current.boxes.push({ box: [left, top, right, bottom], label });
    } finally {
      this.show();
    }
  }

  private place({ clientX, clientY }: PointerEvent): { x: number; y: number } {
    const bounds = this.stage.getBoundingClientRect();
    const scale = Math.min(bounds.width / this.stage.width, bounds.height / this.stage.height); // as object-fit: contain
    const [left, top] = [(bounds.width - this.stage.width * scale) / 2, (bounds.height - this.stage.height * scale) / 2];
    return { x: (clientX - bounds.left - left) / scale, y: (clientY - bounds.top - top) / scale };
  }

  private boxTo(event: PointerEvent): LabelledBox['box'] {
    const [from, to] = [this.corner!, this.place(event)];
    return [Math.min(from.x, to.x), Math.min(from.y, to.y), Math.max(from.x, to.x), Math.max(from.y, to.y)];
  }

  /** Show the current picture, its boxes and `next`, the one that is being drawn. */
  private show(next?: LabelledBox['box']): void {
    const { current } = this;
    byId('remove-picture', HTMLButtonElement).disabled = current === undefined;
    const drawing = this.stage.getContext('2d')!;
    if (current === undefined) drawing.clearRect(0, 0, this.stage.width, this.stage.height);
    else {
      [this.stage.width, this.stage.height] = [current.image.naturalWidth, current.image.naturalHeight];
      drawing.drawImage(current.image, 0, 0);
      const boxes = [...current.boxes, ...(next ? [{ box: next, label: this.label.value.trim() }] : [])];
      const shown = this.isDetection ? boxes : [];
      drawDetections(
        drawing,
        shown.map(({ box: [x, y, right, bottom], label }) => ({ box: { x, y, width: right - x, height: bottom - y }, label, score: 1, landmarks: {} })),
        { caption: ({ label }) => label },
      );
      if (!this.isDetection) this.label.value = current.label;
    }
    if (next === undefined) this.list();
    this.tell();
  }

  private list(): void {
    const { current } = this;
    const choose = (own: Own) => () => {
      this.current = own;
      this.show();
      this.label.focus();
    };
    byId('thumbnails', HTMLUListElement).replaceChildren(
      ...this.pictures.map((own, i) => {
        const name = `${own.file.name}, picture ${i + 1} of ${this.pictures.length}`;
        const pressed = { 'aria-pressed': String(own === current), 'aria-label': name };
        return element('li', {}, element('button', { type: 'button', ...pressed, onclick: choose(own) }, thumbnail(own.image)));
      }),
    );
    byId('boxes', HTMLUListElement).replaceChildren(
      ...(current?.boxes ?? []).map((one, i) => {
        const [left, top, right, bottom] = one.box.map(Math.round);
        const forget = () => {
          current!.boxes.splice(i, 1);
          this.show();
        };
        const text = element('span', {}, `${one.label} at ${left}, ${top}, ${right - left} × ${bottom - top} px`);
        return element('li', {}, text, element('button', { type: 'button', onclick: forget, 'aria-label': `Remove box ${i + 1}` }, 'Remove'));
      }),
    );
  }

  private tell(): void {
    const labelled = this.labelled();
    const labels = this.labels(labelled);
    byId('labelled', HTMLParagraphElement).textContent =
      `${labelled.length} of ${this.pictures.length} pictures are labelled${labels.length > 0 ? `: ${labels.join(', ')}` : ''}.`;
    const names = [...new Set([...this.known, ...labels])];
    byId('labels', HTMLDataListElement).replaceChildren(...names.map((value) => element('option', { value })));
  }
}

function thumbnail(image: HTMLImageElement): HTMLCanvasElement {
  const { naturalWidth, naturalHeight } = image;
  const canvas = element('canvas', { width: Math.max(1, Math.round((THUMBNAIL_PX * naturalWidth) / naturalHeight)), height: THUMBNAIL_PX });
  canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}
