// Numbers of the recent past in memory that never grows.

export class Ring {
  /** Room for so many numbers. */
  constructor(size) {
    this.values = new Float64Array(size);
    this.size = size;
    this.count = 0;
    this.next = 0;
  }

  /** Put one in; the oldest goes when it is full. */
  push(value) {
    this.values[this.next] = value;
    this.next = (this.next + 1) % this.size;
    if (this.count < this.size) this.count += 1;
  }

  /** The number at an index, 0 the oldest. */
  at(index) {
    return this.values[(this.next - this.count + index + 2 * this.size) % this.size];
  }

  /** Forget all. */
  clear() {
    this.count = 0;
    this.next = 0;
  }

  /** Least and greatest of the finite ones; null where there is none. */
  bounds() {
    let low = Infinity;
    let high = -Infinity;
    for (let i = 0; i < this.count; i += 1) {
      const value = this.at(i);
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return low <= high ? [low, high] : null;
  }
}
