/** Mutual exclusion within this process: a lock that is shared by readers or held by one writer, in order of arrival. */

interface Waiter {
  exclusive: boolean;
  enter: () => void;
}

export class Lock {
  #readers = 0;
  #writing = false;
  #queue: Waiter[] = [];

  /** Runs `work` while nobody else holds the lock. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(true, work);
  }

  /** Runs `work` while no exclusive holder does. */
  shared<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(false, work);
  }

  /** True when nobody holds the lock or waits for it. */
  get free(): boolean {
    return !this.#writing && this.#readers === 0 && this.#queue.length === 0;
  }

  async #run<T>(exclusive: boolean, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((enter) => {
      this.#queue.push({ exclusive, enter });
      this.#admit();
    });
    try {
      return await work();
    } finally {
      if (exclusive) this.#writing = false;
      else this.#readers -= 1;
      this.#admit();
    }
  }

  #admit(): void {
    for (let next = this.#queue[0]; next; next = this.#queue[0]) {
      if (this.#writing || (next.exclusive && this.#readers > 0)) return;
      this.#queue.shift();
      if (next.exclusive) this.#writing = true;
      else this.#readers += 1;
      next.enter();
    }
  }
}

/** One lock per key, forgotten when nobody needs it. */
export class KeyedLocks {
  #locks = new Map<string, Lock>();

  exclusive<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#with(key, (lock) => lock.exclusive(work));
  }

  shared<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#with(key, (lock) => lock.shared(work));
  }

  async #with<T>(key: string, run: (lock: Lock) => Promise<T>): Promise<T> {
    let lock = this.#locks.get(key);
    if (!lock) this.#locks.set(key, (lock = new Lock()));
    try {
      return await run(lock);
    } finally {
      if (lock.free && this.#locks.get(key) === lock) this.#locks.delete(key);
    }
  }
}
