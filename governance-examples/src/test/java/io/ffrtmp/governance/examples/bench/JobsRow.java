package io.ffrtmp.governance.examples.bench;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Workload;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * What each of many living jobs holds: memory, of the heap and beside it, threads, descriptors. The
 * heap of this JVM is of one size and touched, so that its resident set grows by the rest alone. A
 * JVM's memory also moves by itself: the median of several turns is told.
 */
final class JobsRow {
  private static final String[] SLEEP = {"/bin/sleep", "1000"};
  private static final int PRACTICE = 500;
  private static final int TURNS = 5;

  private JobsRow() {}

  /** Starts many, and answers what ends them. */
  private interface Crowd {
    Contest.Action start(int count) throws Exception;
  }

  private record State(double heapKb, double nativeKb, double threads, double descriptors) {
    static State now() throws IOException, InterruptedException {
      for (int i = 0; i < 3; i++) {
        System.gc();
        Thread.sleep(50); // what the collector hands to other threads
      }
      long heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
      return new State(heap / 1024.0, Host.resident(), Host.threads(), Host.descriptors());
    }
  }

  private record Turn(State before, State during, State after) {}

  /** Our own children, against ProcessBuilder's. */
  static void run(Options options, Table table) throws Exception {
    try (Governor governor = Peers.governor()) {
      for (int i = 0; i < PRACTICE; i++) {
        Peers.govern(governor, Workload.of(Peers.TRUE));
      }
      governance(table, options.jobs(), number -> governed(governor, number));
    }
    Peers.processBuilder();
    peer(table, options.jobs(), "ProcessBuilder", JobsRow::processes);
  }

  /** Processes of others, against ProcessHandle.onExit. */
  static void attached(Options options, Table table) throws Exception {
    Cgroups cgroups = Cgroups.find().orElseThrow();
    String name = "ffrtmp-bench-target-" + ProcessHandle.current().pid();
    try (Strangers strangers = new Strangers(cgroups.makeAll(name));
        Governor governor = Peers.governor()) {
      attached(governor, strangers, PRACTICE).run();
      governance(table, options.jobs(), number -> attached(governor, strangers, number));
      peer(table, options.jobs(), "ProcessHandle", number -> handles(strangers, number));
    } finally {
      cgroups.remove(name);
    }
  }

  private static void governance(Table table, int count, Crowd crowd) throws Exception {
    crowd.start(count).run(); // so that every table has grown
    List<Turn> turns = turns(crowd, count, TURNS);
    double each = print(table, "Governance", turns, count);
    table.atMost("Governance, KB of memory a job", each, 3);
    double fds = growth(turns, State::descriptors);
    table.atMost("Governance, descriptors a job", fds / count, 1);
    double left = median(turns.stream().map(t -> t.after.descriptors - t.before.descriptors));
    table.atMost("Governance, descriptors left after the end", left, 0);
    table.atMost(
        "Governance, threads more with jobs than without", growth(turns, State::threads), 0);
  }

  /** Once: its idle threads, and their stacks, are there for the next minute. */
  private static void peer(Table table, int count, String who, Crowd crowd) throws Exception {
    print(table, who, turns(crowd, count, 1), count);
  }

  private static Contest.Action attached(Governor governor, Strangers strangers, int count)
      throws IOException {
    AttachedJob[] jobs = new AttachedJob[count];
    for (int i = 0; i < count; i++) {
      jobs[i] = governor.attach(Attachment.of(strangers.start()));
    }
    return () -> {
      for (AttachedJob job : jobs) {
        CLibrary.kill(job.pid());
      }
      for (AttachedJob job : jobs) {
        job.await();
      }
    };
  }

  private static Contest.Action handles(Strangers strangers, int count) throws IOException {
    List<ProcessHandle> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      all.add(ProcessHandle.of(strangers.start()).orElseThrow());
      all.get(i).onExit();
    }
    return () -> all.forEach(each -> CLibrary.kill(each.pid()));
  }

  private static Contest.Action governed(Governor governor, int count) {
    StartedJob[] jobs = new StartedJob[count];
    for (int i = 0; i < count; i++) {
      jobs[i] = governor.start(Workload.of(SLEEP[0], SLEEP[1]));
    }
    return () -> WatchRow.end(jobs);
  }

  private static Contest.Action processes(int count) throws IOException {
    Process[] all = new Process[count];
    for (int i = 0; i < count; i++) {
      all[i] = Peers.start(SLEEP);
    }
    return () -> {
      for (Process each : all) {
        each.destroyForcibly();
      }
      for (Process each : all) {
        each.waitFor();
      }
    };
  }

  private static List<Turn> turns(Crowd crowd, int count, int number) throws Exception {
    List<Turn> turns = new ArrayList<>();
    for (int i = 0; i < number; i++) {
      State before = State.now();
      Contest.Action end = crowd.start(count);
      State during = State.now();
      end.run();
      end = null;
      turns.add(new Turn(before, during, State.now()));
    }
    return turns;
  }

  private static double growth(List<Turn> turns, ToDoubleFunction<State> of) {
    return median(
        turns.stream().map(turn -> of.applyAsDouble(turn.during) - of.applyAsDouble(turn.before)));
  }

  private static double median(java.util.stream.Stream<Double> values) {
    List<Double> sorted = values.sorted().toList();
    return sorted.get(sorted.size() / 2);
  }

  private static double print(Table table, String who, List<Turn> turns, int count) {
    double heap = growth(turns, State::heapKb) / count;
    double beside = growth(turns, State::nativeKb) / count;
    table.say(
        "  %-15s %d jobs, each: %6.2f KB of heap, %6.2f KB beside it, %.2f threads, %.2f descriptors",
        who,
        count,
        heap,
        beside,
        growth(turns, State::threads) / count,
        growth(turns, State::descriptors) / count);
    return heap + beside;
  }
}
