package io.ffrtmp.governance.examples.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** {@code ffrtmp run -- /bin/true} from start to end, beside a JVM that does nothing. */
final class CommandLineRow {
  /** Names the launcher. */
  static final String VARIABLE = "FFRTMP_LAUNCHER";

  private static final int MOST_ROUNDS = 50; // each is a JVM

  private CommandLineRow() {}

  static void run(Options options, Table table) throws Exception {
    String launcher = System.getenv().getOrDefault(VARIABLE, "");
    if (launcher.isEmpty() || !Files.isExecutable(Path.of(launcher))) {
      table.say("  skipped: there is no launcher, which %s would name", VARIABLE);
      return;
    }
    Map<String, String> commands = new LinkedHashMap<>();
    List<String> small = List.of("-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1");
    String bare = String.join(" ", Launch.java(small, FirstUse.class, "nothing"));
    commands.put("a bare JVM", bare);
    commands.put("ffrtmp run -- /bin/true", launcher + " run -- " + Peers.TRUE);
    try (Coprocess yardstick = Coprocess.yardstick(List.of())) {
      for (String command : commands.values()) {
        long status = yardstick.askAll("usage " + command)[2]; // builds it too, if need be
        if (status != 0) {
          table.say("  skipped: '%s' ended with wait status %d", command, status);
          return;
        }
      }
      measure(Math.min(options.rounds(), MOST_ROUNDS), commands, yardstick, table);
    }
  }

  private static void measure(
      int rounds, Map<String, String> commands, Coprocess yardstick, Table table) throws Exception {
    Map<String, Long> resident = new LinkedHashMap<>();
    Contest contest = new Contest();
    commands.forEach(
        (name, command) ->
            contest.add(
                name,
                (Contest.Contestant)
                    () -> {
                      long[] told = yardstick.askAll("usage " + command);
                      resident.merge(name, told[1], Math::max);
                      return told[0];
                    }));
    Map<String, Samples> samples = contest.run(rounds, 1);
    table.heading("(at most 50 each)", "a bare JVM");
    table.times(samples, "a bare JVM");
    resident.forEach(
        (name, kb) ->
            table.say("    %-58s %8.1f MB of resident memory at most", name, kb / 1024.0));
  }
}
