package io.ffrtmp.governance.examples.bench;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.examples.bench.Contest.Contestant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;

/**
 * How long after SIGKILL the observer of somebody else's child knows of its end, with so many
 * others watched. Its parent reaps it at once. The killed one is replaced, which is not timed.
 */
final class StrangersRow {
  private static final String C = "C, pidfd and epoll, PIDFD_GET_INFO";
  private static final String GOVERNANCE = "Governance, attach() to await()";
  private static final String HANDLE = "ProcessHandle.onExit, which tells no status";

  /** It polls, and each poll is a second's. */
  private static final int HANDLE_ROUNDS = 10;

  private final Random random = new Random(7);

  private StrangersRow() {}

  static void run(Options options, Table table) throws Exception {
    Map<Integer, Double> ours = new LinkedHashMap<>();
    Map<Integer, Double> floor = new LinkedHashMap<>();
    for (int watched : options.watched()) {
      Map<String, Samples> samples = new StrangersRow().measure(options, watched);
      samples.putAll(new StrangersRow().handles(options, watched));
      table.heading(watched + " watched", "C");
      table.times(samples, C);
      double p50 = samples.get(GOVERNANCE).p50();
      table.atMost(watched + " watched, Governance : C", p50 / samples.get(C).p50(), 2);
      ours.put(watched, p50);
      floor.put(watched, samples.get(C).p50());
    }
    WatchRow.growth(table, options, ours, floor);
  }

  private Map<String, Samples> measure(Options options, int watched) throws Exception {
    AttachedJob[] jobs = new AttachedJob[watched];
    try (Strangers strangers = new Strangers();
        Governor governor = Peers.governor();
        Coprocess yardstick = Coprocess.yardstick(java.util.List.of())) {
      for (int i = 0; i < watched; i++) {
        yardstick.ask("adopt " + i + " " + strangers.start());
        jobs[i] = governor.attach(Attachment.of(strangers.start()));
      }
      return new Contest()
          .add(C, (Contestant) () -> end(yardstick, strangers, watched))
          .add(GOVERNANCE, (Contestant) () -> end(governor, strangers, jobs))
          .run(options.rounds(), options.warmup());
    }
  }

  private long end(Coprocess yardstick, Strangers strangers, int watched) throws Exception {
    int index = random.nextInt(watched);
    long taken = yardstick.ask("end-stranger " + index);
    yardstick.ask("adopt " + index + " " + strangers.start());
    return taken;
  }

  private long end(Governor governor, Strangers strangers, AttachedJob[] jobs) throws Exception {
    int index = random.nextInt(jobs.length);
    long began = System.nanoTime();
    CLibrary.kill(jobs[index].pid());
    JobResult result = jobs[index].await();
    long taken = System.nanoTime() - began;
    if (!result.workloadEnded()) {
      throw new IllegalStateException(result.toString());
    }
    jobs[index] = governor.attach(Attachment.of(strangers.start()));
    return taken;
  }

  /** By itself: its polling would be the others' load. */
  private Map<String, Samples> handles(Options options, int watched) throws Exception {
    try (Strangers strangers = new Strangers()) {
      ProcessHandle[] handles = new ProcessHandle[watched];
      for (int i = 0; i < watched; i++) {
        handles[i] = ProcessHandle.of(strangers.start()).orElseThrow();
        handles[i].onExit();
      }
      return new Contest()
          .add(HANDLE, (Contestant) () -> end(strangers, handles))
          .run(Math.min(HANDLE_ROUNDS, options.rounds()), 0);
    }
  }

  private long end(Strangers strangers, ProcessHandle[] handles) throws Exception {
    int index = random.nextInt(handles.length);
    CompletableFuture<ProcessHandle> exit = handles[index].onExit();
    long began = System.nanoTime();
    CLibrary.kill(handles[index].pid());
    exit.get();
    long taken = System.nanoTime() - began;
    handles[index] = ProcessHandle.of(strangers.start()).orElseThrow();
    handles[index].onExit();
    return taken;
  }
}
