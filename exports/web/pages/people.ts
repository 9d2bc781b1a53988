/** The faces that were enrolled, in this page's memory alone. */
import { similarity } from '../src/index.js';

export interface Person {
  name: string;
  embedding: ArrayLike<number>;
  portrait: HTMLCanvasElement;
}

export interface Match {
  person: Person;
  /** Cosine, 1 for the same direction. */
  likeness: number;
}

export class People {
  private readonly enrolled: Person[] = [];

  get all(): readonly Person[] {
    return this.enrolled;
  }

  add(person: Person): void {
    this.enrolled.push(person);
  }

  remove(person: Person): void {
    this.enrolled.splice(this.enrolled.indexOf(person), 1);
  }

  /** Forget everybody: embeddings of two models cannot be compared. */
  clear(): void {
    this.enrolled.length = 0;
  }

  /** Everybody, most alike first; of several faces under one name, the most alike. */
  rank(embedding: ArrayLike<number>): Match[] {
    const best = new Map<string, Match>();
    for (const person of this.enrolled) {
      const likeness = similarity(embedding, person.embedding);
      if (likeness > (best.get(person.name)?.likeness ?? -Infinity)) best.set(person.name, { person, likeness });
    }
    return [...best.values()].sort((a, b) => b.likeness - a.likeness);
  }
}
