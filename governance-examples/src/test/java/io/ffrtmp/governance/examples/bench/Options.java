package io.ffrtmp.governance.examples.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * What to measure.
 *
 * @param asked rounds that are run and not counted; if absent, as many as the row needs
 * @param gate how many times worse than its target a figure may be; 0 without a gate
 * @param jobs how many jobs live at once where their cost is counted
 * @param watched how many are watched where the latency of their ends is measured
 * @param ending how many end at once
 */
record Options(
    List<Row> rows,
    int rounds,
    OptionalInt asked,
    double gate,
    int jobs,
    List<Integer> watched,
    int ending) {
  static final String USAGE =
      """
      usage: benchmark [--guest NAME] [--rows ROW,ROW...] [--rounds N] [--warmup N] [--gate [FACTOR]]
                       [--jobs N] [--watched N,N...] [--ending N]
      The exit status tells nothing about the figures, except with --gate: 1 if one is worse than
      FACTOR (2) times its target. Rows:
      """;

  static final Options DEFAULTS =
      new Options(
          Row.USUAL, 250, OptionalInt.empty(), 0, 1_000, List.of(100, 1_000, 5_000), 10_000);

  int warmup() {
    return asked.orElse(rows.get(0).warmup());
  }

  static Options parse(List<String> arguments) {
    Options options = DEFAULTS;
    for (int i = 0; i < arguments.size(); i++) {
      boolean last = i + 1 == arguments.size();
      if (arguments.get(i).equals("--gate")) {
        boolean plain = last || arguments.get(i + 1).startsWith("--");
        options = options.gate(plain ? 2 : Double.parseDouble(arguments.get(++i)));
      } else if (last) {
        throw new IllegalArgumentException(arguments.get(i) + " is unknown, or has no value");
      } else {
        options = options.with(arguments.get(i), arguments.get(++i));
      }
    }
    return options;
  }

  private Options with(String option, String value) {
    return switch (option) {
      case "--rows" -> rows(List.of(value.split(",")).stream().map(Row::named).toList());
      case "--watched" -> new Options(rows, rounds, asked, gate, jobs, numbers(value), ending);
      default -> with(option, Integer.parseInt(value));
    };
  }

  private Options with(String option, int value) {
    return switch (option) {
      case "--rounds" -> new Options(rows, value, asked, gate, jobs, watched, ending);
      case "--warmup" ->
          new Options(rows, rounds, OptionalInt.of(value), gate, jobs, watched, ending);
      case "--jobs" -> new Options(rows, rounds, asked, gate, value, watched, ending);
      case "--ending" -> new Options(rows, rounds, asked, gate, jobs, watched, value);
      default -> throw new IllegalArgumentException(option + " is unknown");
    };
  }

  private static List<Integer> numbers(String list) {
    return List.of(list.split(",")).stream().map(Integer::valueOf).toList();
  }

  private Options gate(double factor) {
    return new Options(rows, rounds, asked, factor, jobs, watched, ending);
  }

  Options rows(List<Row> chosen) {
    return new Options(chosen, rounds, asked, gate, jobs, watched, ending);
  }

  /** As arguments, for a JVM of its own. */
  List<String> arguments() {
    List<String> all = new ArrayList<>();
    all.addAll(List.of("--rows", String.join(",", rows.stream().map(Row::label).toList())));
    all.addAll(List.of("--rounds", "" + rounds, "--jobs", "" + jobs));
    asked.ifPresent(warmup -> all.addAll(List.of("--warmup", "" + warmup)));
    all.addAll(List.of("--watched", String.join(",", watched.stream().map(n -> "" + n).toList())));
    all.addAll(List.of("--ending", "" + ending));
    if (gate > 0) {
      all.addAll(List.of("--gate", "" + gate));
    }
    return all;
  }
}
