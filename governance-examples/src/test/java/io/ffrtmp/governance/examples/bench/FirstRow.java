package io.ffrtmp.governance.examples.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A JVM that does nothing, one that calls C through JNA, and one that opened a governor and ran a
 * job; and the same three with a heap that is resident from the start, so that what they leave in
 * it for the collector, which a service's own work would have touched soon, does not count.
 */
final class FirstRow {
  private static final List<String> SMALL = List.of("-Xmx64m", "-XX:+UseSerialGC");
  private static final List<String> TOUCHED =
      List.of("-Xms64m", "-Xmx64m", "-XX:+UseSerialGC", "-XX:+AlwaysPreTouch");
  private static final String BESIDE = ", beside a touched heap";
  private static final String BARE = "a bare JVM";
  private static final String JNA = "JNA and a spawn through it";
  private static final String FIRST = "Governance, open() and the first run()";
  private static final String ARCHIVED = "Governance, with a class-data archive (AppCDS)";
  private static final int MOST_ROUNDS = 20; // each is a JVM

  private FirstRow() {}

  static void run(Options options, Table table) throws Exception {
    Path archive = Files.createTempDirectory("governance-benchmark-cds-").resolve("first.jsa");
    try {
      List<String> dump = new ArrayList<>(SMALL);
      dump.addAll(List.of("-XX:ArchiveClassesAtExit=" + archive, "-Xlog:disable"));
      once(Launch.java(dump, FirstUse.class, "governance"));
      report(measure(Math.min(options.rounds(), MOST_ROUNDS), archive), table);
    } finally {
      Files.deleteIfExists(archive);
      Files.delete(archive.getParent());
    }
  }

  private static Map<String, Samples[]> measure(int rounds, Path archive) throws Exception {
    List<String> archived = new ArrayList<>(SMALL);
    archived.add("-XX:SharedArchiveFile=" + archive);
    Map<String, List<String>> commands = new LinkedHashMap<>();
    commands.put(BARE, Launch.java(SMALL, FirstUse.class, "nothing"));
    commands.put(JNA, Launch.java(SMALL, FirstUse.class, "jna"));
    commands.put(FIRST, Launch.java(SMALL, FirstUse.class, "governance"));
    commands.put(ARCHIVED, Launch.java(archived, FirstUse.class, "governance"));
    commands.put(BARE + BESIDE, Launch.java(TOUCHED, FirstUse.class, "nothing"));
    commands.put(JNA + BESIDE, Launch.java(TOUCHED, FirstUse.class, "jna"));
    commands.put(FIRST + BESIDE, Launch.java(TOUCHED, FirstUse.class, "governance"));
    Map<String, long[]> resident = new LinkedHashMap<>();
    Contest contest = new Contest();
    commands.forEach(
        (name, command) -> {
          long[] each = new long[rounds + 1];
          int[] next = {0};
          resident.put(name, each);
          contest.add(
              name,
              (Contest.Contestant)
                  () -> {
                    long[] told = once(command);
                    each[next[0]++] = told[1];
                    return told[0];
                  });
        });
    Map<String, Samples[]> all = new LinkedHashMap<>();
    contest
        .run(rounds, 1)
        .forEach(
            (name, times) -> all.put(name, new Samples[] {times, Samples.of(resident.get(name))}));
    return all;
  }

  private static long[] once(List<String> command) throws IOException {
    try (Coprocess jvm = new Coprocess(command)) {
      return jvm.askAll("");
    }
  }

  private static void report(Map<String, Samples[]> all, Table table) {
    table.say("  %-62s %8s %8s %12s", "(at most 20 JVMs each)", "p50 ms", "p99 ms", "resident MB");
    all.forEach(
        (name, each) ->
            table.say(
                "  %-62s %8.1f %8.1f %12.1f",
                name, each[0].p50() / 1e6, each[0].p99() / 1e6, each[1].p50() / 1024));
    table.atMost("MB over a bare JVM", megabytesOverBare(all, ""), 10);
    table.atMost("MB over a bare JVM" + BESIDE, megabytesOverBare(all, BESIDE), 10);
    table.atMost("first use, ms", all.get(FIRST)[0].p50() / 1e6, 370);
    table.atMost("first use with AppCDS, ms", all.get(ARCHIVED)[0].p50() / 1e6, 250);
  }

  private static double megabytesOverBare(Map<String, Samples[]> all, String how) {
    return (all.get(FIRST + how)[1].p50() - all.get(BARE + how)[1].p50()) / 1024;
  }
}
