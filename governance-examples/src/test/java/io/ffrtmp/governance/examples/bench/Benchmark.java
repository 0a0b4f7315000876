package io.ffrtmp.governance.examples.bench;

import java.util.Arrays;
import java.util.List;

/**
 * Measures rows of the table, each in a JVM of its own, and prints them. As root, what concerns an
 * ordinary user is measured as one.
 */
public final class Benchmark {
  private static final String ONE = "--one";

  private Benchmark() {}

  /** See {@code --help}. */
  public static void main(String[] arguments) throws Exception {
    List<String> all = Arrays.asList(arguments);
    if (all.contains("--help")) {
      System.out.print(Options.USAGE);
      Arrays.stream(Row.values())
          .forEach(row -> System.out.printf("  %-14s %s%n", row.label(), row.title));
    } else if (all.contains(ONE)) {
      Options options = Options.parse(all.subList(1, all.size()));
      Table table = new Table(System.out, options.gate());
      options.rows().get(0).measurement.run(options, table);
      System.exit(table.passed() ? 0 : 1);
    } else {
      System.exit(run(Options.parse(all)) ? 0 : 1);
    }
  }

  /**
   * Prints to standard output; false if a figure was beyond the gate, or a row could not be
   * measured.
   */
  static boolean run(Options options) throws Exception {
    Table table = new Table(System.out, options.gate());
    Host.describe(table);
    boolean well = true;
    try (Launch launch = Launch.prepare()) {
      for (Row row : options.rows()) {
        table.say("%n%s: %s", row.label(), row.title);
        well &= measure(row, options, launch, table);
      }
    }
    table.say("%nload now %s", Host.load());
    return well;
  }

  private static boolean measure(Row row, Options options, Launch launch, Table table)
      throws Exception {
    if (row.user == Row.User.ROOT && !Host.root()) {
      table.say("  skipped: needs root");
      return true;
    }
    Options own = options.rows(List.of(row));
    table.say("  %d rounds after %d of warm-up", own.rounds(), own.warmup());
    boolean drop = row.user == Row.User.ORDINARY && Host.root();
    int status = launch.run(drop, row.jvmOptions(), own.arguments(), ONE);
    if (status > 1) {
      table.say("  not measured: its JVM ended with %d", status);
    }
    return status == 0;
  }
}
