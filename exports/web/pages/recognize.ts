/** Recognition: find faces, enrol some under a name, and see who it is. */
import { drawDetections, pipeline, type Face, type Pipeline, type WorkerModel, type WorkerZoo } from '../src/index.js';
import { Camera } from './camera.js';
import { byId, element } from './dom.js';
import { attempt, backendSelect, kilobytes, loadPicture, openStore, openWorker, samples, keepPage, startOffline, tellUnknown } from './page.js';
import { People, type Match } from './people.js';

const LARGEST = 0;
const NOBODY = 'nobody enrolled';
const PORTRAIT_PX = 56;
const NO_RECOGNIZER =
  "No recognition model is published here. Run 'zoo run sphereface_050_112 --data DIR', which trains one on the people in DIR and " +
  'publishes it, then reload.';

const stage = byId('stage', HTMLCanvasElement);
const threshold = byId('threshold', HTMLInputElement);
const [detector, recognizer] = [byId('detector', HTMLSelectElement), byId('recognizer', HTMLSelectElement)];
const backend = backendSelect('backend');
const people = new People();
const camera = new Camera();
let worker: WorkerZoo | undefined;
let faces: Pipeline | undefined;
let embedder: WorkerModel | undefined;
let shown: { still: CanvasImageSource & { width: number; height: number }; found: Face[] } | undefined;

/** Load both models anew; embeddings of another model say nothing about these. */
async function start(): Promise<void> {
  worker?.dispose();
  people.clear();
  showPeople();
  faces = embedder = shown = undefined;
  worker = await openWorker(backend.value);
  embedder = await worker.load(recognizer.value);
  const { decode } = embedder.manifest;
  threshold.value = threshold.defaultValue; // the middle, where a model does not tell its own
  if (decode.kind === 'embedding' && decode.similarity_threshold !== undefined) {
    threshold.valueAsNumber = Math.ceil(100 * decode.similarity_threshold) / 100;
  }
  threshold.dispatchEvent(new Event('input'));
  if (detector.value !== '') faces = pipeline(await worker.load(detector.value), embedder);
}

/** A picture of one aligned face is a face as it is; in all others faces are looked for. */
async function look(picture: HTMLImageElement | ImageBitmap, isAligned: boolean, mirror = false): Promise<void> {
  if (embedder === undefined) throw new Error('The recognition model is not loaded. Choose another one or another backend.');
  const { width, height } = picture;
  let found: Face[];
  if (isAligned) {
    const box = { x: 0, y: 0, width, height };
    found = [{ box, score: 1, label: 'face', landmarks: {}, embedding: await embedder.embed(picture) }];
  } else {
    if (faces === undefined) throw new Error('No face detector is published here. Publish one, or take an aligned sample.');
    found = await faces.find(picture, { mirror });
  }
  const still = element('canvas', { width, height });
  const drawing = still.getContext('2d')!;
  if (mirror) drawing.setTransform(-1, 0, 0, 1, width, 0);
  drawing.drawImage(picture, 0, 0);
  shown = { still, found: [...found].sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height) };
  showFaces();
}

function showFaces(): void {
  if (shown === undefined) return;
  const { still, found } = shown;
  const scale = Math.max(1, Math.round(480 / still.width));
  [stage.width, stage.height] = [still.width * scale, still.height * scale];
  const drawing = stage.getContext('2d')!;
  drawing.drawImage(still, 0, 0, stage.width, stage.height);
  const ranked = found.map((face) => people.rank(face.embedding));
  const captions = new Map(found.map((face, i) => [face, caption(ranked[i])]));
  drawDetections(drawing, found, { scale, caption: (face) => captions.get(face as Face) ?? '' });
  const items = ranked.map((matches, i) => element('li', {}, `Face ${i + 1}: ${caption(matches)}`, likenesses(matches)));
  byId('answer', HTMLDivElement).replaceChildren(element('p', {}, `${found.length} found`), element('ol', {}, ...items));
}

function caption([best]: Match[]): string {
  if (best === undefined) return NOBODY;
  return best.likeness >= Number(threshold.value) ? best.person.name : 'somebody else';
}

function likenesses(matches: Match[]): HTMLElement {
  const rows = matches.map(({ person, likeness }) => element('li', {}, `${person.name} ${likeness.toFixed(3)}`));
  return element('ul', {}, ...rows);
}

function showPeople(): void {
  const rows = people.all.map((person) => {
    const forget = () => {
      people.remove(person);
      showPeople();
      showFaces();
    };
    const button = element('button', { type: 'button', onclick: forget, 'aria-label': `Forget ${person.name}` }, 'Forget');
    return element('li', {}, person.portrait, element('span', {}, person.name), button);
  });
  byId('people', HTMLUListElement).replaceChildren(...rows);
}

function enrol(name: string): void {
  const face = shown?.found[LARGEST];
  if (shown === undefined || face === undefined) throw new Error('There is no face in the picture to enrol. Choose another picture.');
  const portrait = element('canvas', { width: PORTRAIT_PX, height: PORTRAIT_PX, role: 'img', 'aria-label': `Face of ${name}` });
  const { x, y, width, height } = face.box;
  portrait.getContext('2d')!.drawImage(shown.still, x, y, width, height, 0, 0, PORTRAIT_PX, PORTRAIT_PX);
  people.add({ name, embedding: face.embedding, portrait });
  showPeople();
  showFaces();
}

async function film(): Promise<void> {
  const answer = byId('answer', HTMLDivElement);
  const button = byId('camera', HTMLButtonElement);
  await camera.start();
  answer.setAttribute('aria-live', 'off'); // thirty times a second is no news
  button.setAttribute('aria-pressed', 'true');
  try {
    while (camera.isOn) {
      const frame = await camera.frame();
      try {
        await look(frame, false, true);
      } finally {
        frame.close();
      }
      await new Promise(requestAnimationFrame);
    }
  } finally {
    camera.stop();
    answer.setAttribute('aria-live', 'polite');
    button.setAttribute('aria-pressed', 'false');
  }
}

function sampleButtons(paths: string[], kind: string, isAligned: boolean): HTMLElement[] {
  return paths.map((path, i) => {
    const alt = `${kind} ${i + 1} of ${paths.length}`;
    const image = element('img', { src: `samples/${path}`, alt, loading: 'lazy' });
    const onclick = () =>
      attempt(async () => {
        camera.stop();
        await look(await loadPicture(`samples/${path}`), isAligned);
      });
    return element('li', {}, element('button', { type: 'button', onclick }, image));
  });
}

/** Where there is nothing to recognise with, nothing can be asked for. */
function disableAll(): void {
  document.querySelectorAll<HTMLInputElement>('main :is(button, input, select)').forEach((control) => (control.disabled = true));
}

byId('enrol', HTMLFormElement).onsubmit = (event) => {
  event.preventDefault();
  const name = byId('name', HTMLInputElement);
  void attempt(() => enrol(name.value.trim()));
  name.value = '';
};
let isUsable = false;
await attempt(async () => {
  const offline = startOffline();
  const zoo = await openStore();
  const option = ({ name, version, bytes }: { name: string; version: string; bytes: number }) =>
    element('option', { value: `${name}@${version}` }, `${name} (${kilobytes(bytes)})`);
  detector.append(...zoo.find({ task: 'face-detection' }).map(option));
  recognizer.append(...zoo.find({ task: 'face-recognition' }).map(option));
  zoo.dispose();
  if (recognizer.value === '') throw new Error(NO_RECOGNIZER);
  const names = await samples();
  byId('samples', HTMLUListElement).replaceChildren(
    ...sampleButtons(names['face-recognition'], 'one generated face', true),
    ...sampleButtons(names['face-detection'], 'generated picture with faces', false),
  );
  for (const select of [detector, recognizer, backend]) select.onchange = () => void attempt(start);
  threshold.oninput = () => {
    byId('threshold-value', HTMLOutputElement).value = Number(threshold.value).toFixed(2);
    showFaces();
  };
  byId('upload', HTMLInputElement).onchange = ({ target }) =>
    attempt(async () => {
      const file = (target as HTMLInputElement).files?.[0];
      if (file) await look(await loadPicture(file), false);
    });
  byId('camera', HTMLButtonElement).onclick = () => attempt(() => (camera.isOn ? camera.stop() : film()));
  isUsable = true;
  await offline; // the service worker keeps what the models' worker fetches
  await start();
});
if (!isUsable) disableAll();
tellUnknown();
document.documentElement.dataset.ready = 'true';
await keepPage();
