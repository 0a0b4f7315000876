package io.ffrtmp.governance.examples.bench;

import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.examples.bench.Contest.Action;
import io.ffrtmp.governance.examples.bench.Contest.Contestant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** What a job costs that has no group: {@code Governor.run} to its frozen result. */
final class SpawnRows {
  static final String C = "C posix_spawn + waitpid, in this JVM";
  static final String GOVERNANCE = "Governance, Governor.run";

  private static final String WATCHER = "C by a thread that waits for all, and a future";
  private static final String BUILDER = "ProcessBuilder";
  private static final String SMALL = "Governance, 64 MB of heap";
  private static final String LARGE = "Governance, 8 GB of touched heap";
  private static final long LARGE_NEEDS_KB = 10L << 20;
  private static final int THREADS = 8;
  private static final int EACH = 10;

  private SpawnRows() {}

  static void spawn(Options options, Table table) throws Exception {
    Workload workload = Workload.of(Peers.TRUE);
    BareWatcher watcher = new BareWatcher();
    try (Governor governor = Peers.governor();
        Coprocess yardstick = Coprocess.yardstick(List.of())) {
      Map<String, Samples> samples =
          new Contest()
              .add(C, CLibrary::spawnAndWait)
              .add(
                  "C posix_spawn + waitpid, a program of its own",
                  (Contestant) () -> yardstick.ask("spawn"))
              .add(WATCHER, watcher::spawnAndWait)
              .add(GOVERNANCE, () -> Peers.govern(governor, workload))
              .add(BUILDER, Peers::processBuilder)
              .run(options.rounds(), options.warmup());
      samples.putAll(nuProcess(options));
      table.heading("", "C");
      table.times(samples, C);
      double ours = samples.get(GOVERNANCE).p50();
      table.atMost("Governance : C", ours / samples.get(C).p50(), 1.15);
      table.atMost("Governance : ProcessBuilder", ours / samples.get(BUILDER).p50(), 0.55);
    }
  }

  /** By itself: when it takes turns with the others, all of them take longer, C too. */
  private static Map<String, Samples> nuProcess(Options options) throws Exception {
    return new Contest()
        .add("NuProcess", Peers::nuProcess)
        .run(options.rounds(), Math.min(options.warmup(), 100));
  }

  static void heap(Options options, Table table) throws Exception {
    long available = Host.number("/proc/meminfo", "MemAvailable");
    if (available < LARGE_NEEDS_KB) {
      table.say("  skipped: %d MB of memory are available, 10 GB needed", available >> 10);
      return;
    }
    List<String> large = List.of("-Xms8g", "-Xmx8g", "-XX:+AlwaysPreTouch");
    try (Coprocess smallJvm = new Coprocess(Launch.java(List.of("-Xmx64m"), SpawnServer.class));
        Coprocess largeJvm = new Coprocess(Launch.java(large, SpawnServer.class))) {
      Map<String, Samples> samples =
          new Contest()
              .add(C, CLibrary::spawnAndWait)
              .add(SMALL, (Contestant) () -> smallJvm.ask(""))
              .add(LARGE, (Contestant) () -> largeJvm.ask(""))
              .run(options.rounds(), options.warmup());
      table.heading("", "C");
      table.times(samples, C);
      table.atMost("8 GB : 64 MB", samples.get(LARGE).p50() / samples.get(SMALL).p50(), 1.10);
    }
  }

  static void threads(Options options, Table table) throws Exception {
    Workload workload = Workload.of(Peers.TRUE);
    ExecutorService pool = Executors.newFixedThreadPool(THREADS);
    String c = "C, " + THREADS + " threads of a program of its own";
    try (Governor governor = Peers.governor();
        Coprocess yardstick = Coprocess.yardstick(List.of())) {
      Map<String, Samples> samples =
          new Contest()
              .add(c, (Contestant) () -> yardstick.ask("threads " + THREADS + " " + EACH))
              .add(GOVERNANCE, () -> atOnce(pool, () -> Peers.govern(governor, workload)))
              .add(BUILDER, () -> atOnce(pool, Peers::processBuilder))
              .run(options.rounds(), options.warmup());
      table.heading(THREADS + " threads x " + EACH + " spawns", "C");
      table.times(samples, c);
      samples.forEach(
          (name, each) -> table.say("    %-58s %8.0f/s", name, THREADS * EACH * 1e9 / each.p50()));
      double ours = samples.get(GOVERNANCE).p50();
      table.atLeast("spawns/s, Governance : C", samples.get(c).p50() / ours, 0.85);
      table.atLeast("spawns/s, Governance : ProcessBuilder", samples.get(BUILDER).p50() / ours, 2);
    } finally {
      pool.shutdown();
    }
  }

  private static void atOnce(ExecutorService pool, Action action) throws Exception {
    Callable<Void> several =
        () -> {
          for (int i = 0; i < EACH; i++) {
            action.run();
          }
          return null;
        };
    List<Callable<Void>> all = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      all.add(several);
    }
    for (Future<Void> each : pool.invokeAll(all)) {
      each.get();
    }
  }
}
