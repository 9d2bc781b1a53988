/** Trying one model on one source: loads, runs, draws, measures, and cleans up behind itself. */
import { drawDetections, type Manifest, type WorkerModel, type WorkerZoo } from '../src/index.js';
import { describeClasses, describeDetections } from './answers.js';
import { Camera } from './camera.js';
import { byId, element } from './dom.js';
import { attempt, kilobytes, openWorker } from './page.js';

const SMOOTHING = 0.2;
const MEASURES = ['milliseconds', 'tensors', 'memory', 'running'];

export class Tryout {
  readonly camera = new Camera();
  private zoo?: WorkerZoo;
  private model?: WorkerModel;
  private picture?: HTMLImageElement;
  private milliseconds?: number;
  private readonly stage = byId('stage', HTMLCanvasElement);
  private readonly threshold = byId('threshold', HTMLInputElement);
  private readonly mirror = byId('mirror', HTMLInputElement);

  /** The contract of the chosen model, once it is loaded. */
  get manifest(): Manifest | undefined {
    return this.model?.manifest;
  }

  /** Load a model; the one before and, on another back end, its worker end first. */
  async choose(reference: string, backend: string): Promise<void> {
    const before = this.model;
    this.model = this.milliseconds = undefined;
    for (const id of MEASURES) byId(id, HTMLElement).textContent = '–';
    await before?.dispose();
    this.say(`Loading ${reference} …`);
    let model: WorkerModel;
    try {
      this.zoo ??= await openWorker(backend);
      model = await this.zoo.load(reference);
    } catch (error) {
      this.say();
      throw error;
    }
    this.model = model;
    const { decode } = model.manifest;
    this.threshold.disabled = decode.kind !== 'grid';
    if (decode.kind === 'grid') this.threshold.value = String(decode.score_threshold);
    this.threshold.dispatchEvent(new Event('change'));
    this.say(`${reference} is ready on ${model.backend}.`);
  }

  /** End the worker, so that the next model starts on another back end. */
  close(): void {
    this.zoo?.dispose();
    this.zoo = this.model = undefined;
  }

  async show(picture: HTMLImageElement): Promise<void> {
    this.stopCamera();
    this.picture = picture;
    await this.again();
  }

  /** Run the chosen model on the picture once more, after a change of either. */
  async again(): Promise<void> {
    if (this.picture === undefined || this.model === undefined || this.camera.isOn) return;
    const still = await createImageBitmap(this.picture);
    try {
      await this.run(still, false);
    } finally {
      still.close();
    }
  }

  async startCamera(): Promise<void> {
    await this.camera.start();
    byId('answer', HTMLDivElement).setAttribute('aria-live', 'off'); // thirty times a second is no news
    void attempt(async () => {
      while (this.camera.isOn) {
        const frame = await this.camera.frame();
        try {
          if (this.model !== undefined) await this.run(frame, this.mirror.checked);
        } finally {
          frame.close();
        }
        await new Promise(requestAnimationFrame);
      }
    }).finally(() => this.stopCamera());
  }

  stopCamera(): void {
    this.camera.stop();
    byId('answer', HTMLDivElement).setAttribute('aria-live', 'polite');
    byId('camera', HTMLButtonElement).setAttribute('aria-pressed', 'false');
  }

  private async run(still: ImageBitmap, mirror: boolean): Promise<void> {
    const model = this.model!;
    const start = performance.now();
    let answer: Answer;
    try {
      answer = await ask(model, still, { scoreThreshold: Number(this.threshold.value), mirror });
    } catch (error) {
      if (model !== this.model) return; // its worker was ended for another back end
      throw error;
    }
    const took = performance.now() - start;
    if (model !== this.model) return; // another model was chosen meanwhile
    this.milliseconds = this.milliseconds === undefined ? took : this.milliseconds + SMOOTHING * (took - this.milliseconds);
    this.draw(still, mirror, answer);
    this.say(...answer.says);
    await this.measure(model);
  }

  private draw(still: ImageBitmap, mirror: boolean, answer: Answer): void {
    const drawing = this.stage.getContext('2d')!;
    const scale = Math.max(1, Math.round(640 / still.width));
    [this.stage.width, this.stage.height] = [still.width * scale, still.height * scale];
    if (mirror) drawing.setTransform(-1, 0, 0, 1, this.stage.width, 0);
    drawing.drawImage(still, 0, 0, this.stage.width, this.stage.height);
    drawing.resetTransform();
    if (answer.kind === 'detector') drawDetections(drawing, answer.found, { scale });
  }

  private async measure(model: WorkerModel): Promise<void> {
    const { tensors, bytes } = await this.zoo!.memory().catch((error: unknown) => {
      if (model === this.model) throw error;
      return { tensors: 0, bytes: 0 };
    });
    if (model !== this.model) return;
    byId('milliseconds', HTMLElement).textContent = this.milliseconds!.toFixed(1);
    byId('tensors', HTMLElement).textContent = String(tensors);
    byId('memory', HTMLElement).textContent = kilobytes(bytes);
    byId('running', HTMLElement).textContent = model.backend;
  }

  private say(...children: (Node | string)[]): void {
    byId('answer', HTMLDivElement).replaceChildren(...children);
  }
}

type Answer =
  | { kind: 'detector'; found: Awaited<ReturnType<WorkerModel['detect']>>; says: (Node | string)[] }
  | { kind: 'classifier' | 'recognizer'; says: (Node | string)[] };

async function ask(model: WorkerModel, still: ImageBitmap, options: { scoreThreshold: number; mirror: boolean }): Promise<Answer> {
  if (model.kind === 'detector') {
    const found = await model.detect(still, options);
    const says = [element('p', {}, `${found.length} found`), describeDetections(found)];
    return { kind: model.kind, found, says };
  }
  if (model.kind === 'classifier') return { kind: model.kind, says: [describeClasses(await model.classify(still))] };
  const embedding = await model.embed(still);
  const first = Array.from(embedding.slice(0, 6), (value) => value.toFixed(3)).join(', ');
  const says = [
    element('p', {}, `An embedding of ${embedding.length} numbers: ${first}, …`),
    element('p', {}, element('a', { href: 'recognize.html' }, 'Recognise faces with it')),
  ];
  return { kind: model.kind, says };
}
