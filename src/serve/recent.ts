/** The most recently used values, within a budget; the one used longest ago goes first. */
export class Recent<K, V> {
  readonly #budget: number;
  readonly #cost: (value: V) => number;
  readonly #values = new Map<K, V>();
  #spent = 0;

  constructor(budget: number, cost: (value: V) => number = () => 1) {
    this.#budget = budget;
    this.#cost = cost;
  }

  get(key: K): V | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    this.#values.delete(key);
    this.#values.set(key, value);
    return value;
  }

  put(key: K, value: V): void {
    this.#remove(key);
    this.#values.set(key, value);
    this.#spent += this.#cost(value);
    for (const oldest of this.#values.keys()) {
      if (this.#spent <= this.#budget) return;
      this.#remove(oldest);
    }
  }

  #remove(key: K): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    this.#spent -= this.#cost(value);
  }
}
