/** The training page: choose a model and data, watch it learn, keep or download what it has learned. */
import { BACKENDS, TASKS, type Entry, type Task } from '../src/index.js';
import { TrainingSession, type DataSource, type Prepared, type Start, type WorkerEvent } from '../src/train/index.js';
import { Curve } from './curve.js';
import { byId, element } from './dom.js';
import { Labeller } from './labeller.js';
import { PACK_INDEX, taskOf } from './packs.js';
import { STORE, WASM, asked, attempt, backendSelect, keepPage, kilobytes, openStore, startOffline, tell, tellUnknown } from './page.js';

const PACKS = new URL('packs/', document.baseURI);
const [FILES, OWN, GENERATED] = ['files', 'own', 'generated/'];
const DETECTS = ['face-detection', 'object-detection'];
const TRAINED = [...DETECTS, 'object-recognition', 'face-gate'];

const [model, start, data] = ['model', 'start', 'data'].map((id) => byId(id, HTMLSelectElement));
const backend = backendSelect('backend');
const [go, stop] = [byId('go', HTMLButtonElement), byId('stop', HTMLButtonElement)];
const [save, download] = [byId('save', HTMLButtonElement), byId('download', HTMLButtonElement)];
const curve = new Curve(byId('curve', HTMLDivElement), byId('curve-legend', HTMLUListElement));
const labeller = new Labeller();
let training: TrainingSession | undefined;
let startedOn = '';
let entries: Entry[] = [];
let isStopped = false;

const say = (sentence: string) => (byId('status', HTMLParagraphElement).textContent = sentence);
const show = (id: string, value: string) => (byId(id, HTMLElement).textContent = value);
const number = (id: string) => byId(id, HTMLInputElement).valueAsNumber;

function hear(event: WorkerEvent): void {
  if (event.kind === 'notice') tell(event.sentence);
  if (event.kind === 'picture' && event.done % 20 === 0) say(`Reading pictures: ${event.done} …`);
  if (event.kind === 'batch-size') say(`Measuring: ${event.picturesPerSecond.toFixed(1)} pictures per second in batches of ${event.batchSize} …`);
  if (event.kind === 'step') {
    curve.step(event.loss);
    show('loss', event.loss.toPrecision(4));
    show('tensors', String(event.memory.tensors));
    show('memory', kilobytes(event.memory.bytes));
  }
  if (event.kind === 'epoch') {
    const { epoch, loss, score, learningRate } = event.epoch;
    curve.epoch(event.epoch);
    show('epoch', String(epoch));
    show('score', score.toFixed(3));
    show('rate-now', String(Number(learningRate.toPrecision(3))));
    if (event.phase === 'fit') {
      const cells = [epoch, loss.toPrecision(4), score.toFixed(3), Number(learningRate.toPrecision(3))];
      byId('epochs-table', HTMLTableSectionElement).append(element('tr', {}, ...cells.map((cell) => element('td', {}, String(cell)))));
    }
  }
}

/** The worker of the chosen back end; another one ends first. */
async function session(): Promise<TrainingSession> {
  if (training !== undefined && startedOn === backend.value) return training;
  training?.dispose();
  startedOn = backend.value;
  const backends = BACKENDS.filter((name) => backend.value === 'auto' || name === backend.value);
  training = await TrainingSession.open(STORE, { backends, wasmPath: WASM }, hear);
  return training;
}

function source(): DataSource {
  if (data.value === OWN) return labeller.data();
  if (data.value !== FILES) return { pack: new URL(`${data.value}/`, PACKS).href };
  const files = [...(byId('pack-files', HTMLInputElement).files ?? [])];
  if (files.length === 0) throw new Error('No files are chosen. Choose pack.json and all files beside it.');
  return { files };
}

function describe({ name, labels, parameters, pictures, isMeasuredOnTraining, startedAnew, unknownLandmarks }: Prepared): string {
  const measured = isMeasuredOnTraining ? 'measured on the same, since there are few' : `${pictures.val} to measure on`;
  const anew = startedAnew.length > 0 ? ` ${startedAnew.length} tensors start anew, for other labels.` : '';
  const landmarks = unknownLandmarks.length > 0 ? ' Landmarks are not labelled and stay as they are.' : '';
  return `${name}, ${parameters.toLocaleString('en')} weights, learns ${labels.join(', ')} from ${pictures.train} pictures; ${measured}.${anew}${landmarks}`;
}

/** Show nothing of the run before: another model's score is not this one's. */
function forget(): void {
  byId('epochs-table', HTMLTableSectionElement).replaceChildren();
  revokeDownloads();
  for (const id of ['batch-now', 'running']) show(id, '–');
  show('metric', 'score');
  forgetNumbers();
}

function forgetNumbers(): void {
  curve.clear();
  for (const id of ['epoch', 'loss', 'score', 'rate-now', 'tensors', 'memory']) show(id, '–');
}

async function train(): Promise<void> {
  const [from, seed] = [start.value as Start, Math.floor(Math.random() * 2 ** 30)];
  forget();
  say('Loading …');
  const chosen = source();
  const worker = await session();
  const prepared = await worker.prepare({ reference: model.value, start: from, data: chosen, seed });
  show('metric', prepared.metric);
  show('running', prepared.backend);
  const about = describe(prepared);
  if (byId('overfit', HTMLInputElement).checked && !isStopped) {
    say(`${about} First it learns twenty by heart …`);
    const { hasLearned, pictures } = await worker.overfitTwenty();
    if (!hasLearned && !isStopped) {
      throw new Error(`The model does not learn ${pictures} pictures by heart. Look at the labels, or start from fresh weights.`);
    }
    forgetNumbers(); // those of twenty pictures
  }
  const wanted = byId('batch', HTMLSelectElement).value;
  const batchSize = wanted === '' && !isStopped ? await worker.measureBatchSize() : Number(wanted || 1);
  show('batch-now', String(batchSize));
  if (isStopped) return void say('Stopped before the first step.');
  say(about);
  const fit = await worker.fit({ batchSize, learningRate: number('rate'), epochs: number('epochs') });
  const ending = { epochs: 'All epochs are done', stopped: 'Stopped', early: 'It no longer got better', enough: 'Good enough' }[fit.ending];
  const best = fit.bestEpoch > 0 ? `; the weights are those of epoch ${fit.bestEpoch}, ${fit.metric} ${fit.bestScore.toFixed(3)}` : '';
  say(`${ending}${best}.`);
  [save.disabled, download.disabled] = [fit.bestEpoch === 0, fit.bestEpoch === 0];
}

/** While a training runs, what it was given cannot change. */
async function run(): Promise<void> {
  const controls = [go, model, start, data, backend, save, download];
  const before = controls.map(({ disabled }) => disabled);
  controls.forEach((control) => (control.disabled = true));
  stop.disabled = isStopped = false;
  if (!(await attempt(train))) say('It did not work.');
  stop.disabled = true;
  controls.forEach((control, i) => {
    if (control !== save && control !== download) control.disabled = before[i];
  });
}

async function offerDownload(): Promise<void> {
  const files = await training!.download();
  const links = Object.entries(files).map(([name, blob]) => element('a', { href: URL.createObjectURL(blob), download: name }, name));
  revokeDownloads().append(...links.flatMap((link) => [link, ' ']));
  links.forEach((link) => link.click());
}

/** Take the links of an earlier download away; returns their place. */
function revokeDownloads(): HTMLSpanElement {
  const place = byId('downloads', HTMLSpanElement);
  place.querySelectorAll('a').forEach(({ href }) => URL.revokeObjectURL(href));
  place.replaceChildren();
  return place;
}

function chooseData(): void {
  byId('pack-files-label', HTMLLabelElement).hidden = data.value !== FILES;
  byId('labelling', HTMLElement).hidden = data.value !== OWN;
  void attempt(tellFit);
}

/** Say at once where the chosen data are labelled for what the model does not do; other mistakes are told at the start. */
async function tellFit(): Promise<void> {
  const [entry, chosen] = [chosenEntry(), data.value];
  const [index] = [...(byId('pack-files', HTMLInputElement).files ?? [])].filter(({ name }) => name === PACK_INDEX);
  let task: Task | undefined;
  if (chosen === FILES) task = index && (await taskOf(index));
  else if (chosen.startsWith(GENERATED)) task = TASKS.find((one) => chosen === GENERATED + one);
  else if (chosen !== OWN) task = await taskOf(new URL(`${chosen}/${PACK_INDEX}`, PACKS));
  if (entry !== chosenEntry() || chosen !== data.value) return; // another was chosen meanwhile
  const place = byId('fit', HTMLParagraphElement);
  place.hidden = !task || entry === undefined || DETECTS.includes(task) === DETECTS.includes(entry.task);
  const wanted = DETECTS.includes(entry?.task ?? '') ? 'boxes' : 'a class for each picture';
  place.textContent = `${entry?.name} needs ${wanted}; these data are labelled for ${task}. Choose other data or another model.`;
}

function chosenEntry(): Entry | undefined {
  return entries.find(({ name }) => model.value.startsWith(`${name}@`));
}

/** Offer the data that suit the model's task first; all others stay, since a pack may hold them. */
function chooseModel(): void {
  const entry = chosenEntry();
  if (entry === undefined) return;
  labeller.setTask(entry.task, DETECTS.includes(entry.task), entry.labels);
  const generated = GENERATED + entry.task;
  if (data.value.startsWith(GENERATED) && [...data.options].some(({ value }) => value === generated)) data.value = generated;
  chooseData();
}

async function packs(): Promise<string[]> {
  const response = await fetch(new URL('index.json', PACKS));
  if (!response.ok) throw new Error('The list of data packs is not there. Choose files of a pack, or label your own pictures.');
  return (await response.json()) as string[];
}

await attempt(async () => {
  const offline = startOffline();
  const zoo = await openStore();
  entries = zoo.find().filter(({ task }) => TRAINED.includes(task));
  zoo.dispose();
  if (entries.length === 0) throw new Error('No detector or classifier is published here. Publish one, then reload.');
  for (const task of TRAINED) {
    const options = entries
      .filter((entry) => entry.task === task)
      .map(({ name, version, bytes }) => element('option', { value: `${name}@${version}` }, `${name} (${kilobytes(bytes)})`));
    if (options.length > 0) model.append(element('optgroup', { label: task }, ...options));
  }
  data.append(...[[OWN, 'pictures labelled here'], [FILES, 'files of a data pack …']].map(([value, text]) => element('option', { value }, text)));
  data.onchange = chooseData;
  model.onchange = chooseModel;
  byId('pack-files', HTMLInputElement).onchange = () => void attempt(tellFit);
  byId('controls', HTMLFormElement).onsubmit = (event) => {
    event.preventDefault();
    void run();
  };
  stop.onclick = () => {
    isStopped = true;
    void attempt(() => training?.stop());
  };
  save.onclick = () => attempt(async () => void say(`Kept in this browser as ${await training!.save()}.`));
  download.onclick = () => attempt(offerDownload);
  for (const path of (await packs()).reverse()) {
    const [origin, ...rest] = path.split('/');
    data.prepend(element('option', { value: path }, origin === 'own' ? `pack ${rest.join('/')}` : `${rest.join('/')}, generated`));
  }
  data.selectedIndex = 0;
  const name = asked('model', entries.map((entry) => entry.name));
  const wanted = entries.find((entry) => entry.name === name);
  if (wanted !== undefined) model.value = `${wanted.name}@${wanted.version}`;
  chooseModel();
  await offline;
});
tellUnknown();
document.documentElement.dataset.ready = 'true';
await keepPage();
