package io.ffrtmp.governance.examples.bench;

import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.examples.bench.Contest.Contestant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * How long after SIGKILL, sent through the contestant's own means, its observer knows the status,
 * with so many others watched. The killed one is replaced, which is not timed.
 */
final class WatchRow {
  private static final String C = "C, pidfd and epoll, reaped";
  private static final String GOVERNANCE = "Governance, signal() to await()";
  private static final String BUILDER = "ProcessBuilder, destroyForcibly() to onExit()";
  private static final String[] SLEEP = {"/bin/sleep", "1000"};

  private final Random random = new Random(7);

  private WatchRow() {}

  static void run(Options options, Table table) throws Exception {
    Map<Integer, Double> ours = new LinkedHashMap<>();
    Map<Integer, Double> floor = new LinkedHashMap<>();
    for (int watched : options.watched()) {
      Map<String, Samples> samples = new WatchRow().measure(options, watched);
      table.heading(watched + " watched", "C");
      table.times(samples, C);
      double p50 = samples.get(GOVERNANCE).p50();
      table.atMost(watched + " watched, Governance : C", p50 / samples.get(C).p50(), 2.5);
      ours.put(watched, p50);
      floor.put(watched, samples.get(C).p50());
    }
    growth(table, options, ours, floor);
  }

  /** How much longer it takes with the most watched than with the fewest; C shows the noise. */
  static void growth(
      Table table, Options options, Map<Integer, Double> ours, Map<Integer, Double> floor) {
    int first = options.watched().get(0);
    int last = options.watched().get(options.watched().size() - 1);
    if (first != last) {
      String what = last + " : " + first + " watched";
      table.say("    %-58s %8.2f", "C, " + what, floor.get(last) / floor.get(first));
      table.atMost("Governance, " + what, ours.get(last) / ours.get(first), 1.5);
    }
  }

  private Map<String, Samples> measure(Options options, int watched) throws Exception {
    Map<String, Samples> samples = new LinkedHashMap<>(ours(options, watched));
    samples.putAll(peers(options, watched));
    return samples;
  }

  private Map<String, Samples> ours(Options options, int watched) throws Exception {
    StartedJob[] jobs = new StartedJob[watched];
    try (Governor governor = Peers.governor();
        Coprocess yardstick = Coprocess.yardstick(List.of())) {
      yardstick.ask("watch " + watched);
      for (int i = 0; i < watched; i++) {
        jobs[i] = governor.start(Workload.of(SLEEP[0], SLEEP[1]));
      }
      Map<String, Samples> samples =
          new Contest()
              .add(C, (Contestant) () -> yardstick.ask("end " + random.nextInt(watched)))
              .add(GOVERNANCE, (Contestant) () -> end(governor, jobs))
              .run(options.rounds(), options.warmup());
      end(jobs); // closing the governor would let them go on
      return samples;
    }
  }

  /**
   * By itself: each of its processes has a thread that waits, and the kernel looks at all waiting
   * threads of a parent when any of its children ends.
   */
  private Map<String, Samples> peers(Options options, int watched) throws Exception {
    Process[] processes = new Process[watched];
    int started = 0;
    try {
      for (; started < watched; started++) {
        processes[started] = Peers.start(SLEEP);
      }
      Contestant contestant = () -> end(processes);
      return new Contest()
          .add(BUILDER, contestant)
          .run(options.rounds(), Math.min(options.warmup(), 100));
    } finally {
      for (Process each : Arrays.asList(processes).subList(0, started)) {
        each.destroyForcibly().waitFor();
      }
    }
  }

  private long end(Governor governor, StartedJob[] jobs) throws InterruptedException {
    int index = random.nextInt(jobs.length);
    long began = System.nanoTime();
    jobs[index].signal(Signal.KILL);
    jobs[index].await();
    long taken = System.nanoTime() - began;
    jobs[index] = governor.start(Workload.of(SLEEP[0], SLEEP[1]));
    return taken;
  }

  private long end(Process[] processes) throws Exception {
    int index = random.nextInt(processes.length);
    var exit = processes[index].onExit();
    long began = System.nanoTime();
    processes[index].destroyForcibly();
    exit.get();
    long taken = System.nanoTime() - began;
    processes[index] = Peers.start(SLEEP);
    return taken;
  }

  static void end(StartedJob... jobs) throws InterruptedException {
    for (StartedJob job : jobs) {
      job.signal(Signal.KILL);
    }
    for (StartedJob job : jobs) {
      job.await();
    }
  }
}
