package io.ffrtmp.governance.examples.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Contestants that take turns, in another order each round, so that whatever else the machine does
 * hits them alike.
 */
final class Contest {
  /** Does it once; the answer is what it cost, in nanoseconds unless the row says otherwise. */
  interface Contestant {
    long sample() throws Exception;
  }

  /** Something to be timed. */
  interface Action {
    void run() throws Exception;
  }

  private final Map<String, Contestant> contestants = new LinkedHashMap<>();
  private final Random random = new Random(42);
  private Action before = () -> {};

  /** By this clock, in this thread. */
  static Contestant timed(Action action) {
    return () -> {
      long began = System.nanoTime();
      action.run();
      return System.nanoTime() - began;
    };
  }

  Contest add(String name, Contestant contestant) {
    contestants.put(name, contestant);
    return this;
  }

  Contest add(String name, Action action) {
    return add(name, timed(action));
  }

  /** Before each sample of the rounds that count, and not timed. */
  Contest before(Action action) {
    before = action;
    return this;
  }

  /** In the order in which they were added. */
  Map<String, Samples> run(int rounds, int warmup) throws Exception {
    Map<String, long[]> all = new LinkedHashMap<>();
    contestants.keySet().forEach(name -> all.put(name, new long[rounds]));
    List<String> order = new ArrayList<>(contestants.keySet());
    for (int round = -warmup; round < rounds; round++) {
      Collections.shuffle(order, random);
      for (String name : order) {
        if (round >= 0) {
          before.run();
        }
        long cost = contestants.get(name).sample();
        if (round >= 0) {
          all.get(name)[round] = cost;
        }
      }
    }
    Map<String, Samples> samples = new LinkedHashMap<>();
    all.forEach((name, values) -> samples.put(name, Samples.of(values)));
    return samples;
  }
}
