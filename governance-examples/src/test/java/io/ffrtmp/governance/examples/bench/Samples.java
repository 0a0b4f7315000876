package io.ffrtmp.governance.examples.bench;

import java.util.Arrays;

/** Measured values of one contestant, sorted. */
record Samples(long[] sorted) {
  static Samples of(long[] values) {
    long[] copy = values.clone();
    Arrays.sort(copy);
    return new Samples(copy);
  }

  double min() {
    return sorted[0];
  }

  double p50() {
    return quantile(0.50);
  }

  double p99() {
    return quantile(0.99);
  }

  private double quantile(double part) {
    return sorted[(int) Math.min(sorted.length - 1, Math.round(part * (sorted.length - 1)))];
  }
}
