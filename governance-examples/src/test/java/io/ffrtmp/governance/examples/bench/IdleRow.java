package io.ffrtmp.governance.examples.bench;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Workload;
import java.time.Duration;

/** The CPU time that this JVM takes while so many are watched and none of them ends. */
final class IdleRow {
  private static final Duration IDLE = Duration.ofSeconds(20);
  private static final Duration SETTLED = Duration.ofSeconds(5); // compilers, collectors

  private IdleRow() {}

  static void run(Options options, Table table) throws Exception {
    int count = options.watched().get(options.watched().size() - 1);
    print(table, "nothing is watched");
    try (Strangers strangers = new Strangers();
        Governor governor = Peers.governor()) {
      StartedJob[] started = new StartedJob[count / 2];
      AttachedJob[] attached = new AttachedJob[count - count / 2];
      for (int i = 0; i < started.length; i++) {
        started[i] = governor.start(Workload.of("/bin/sleep", "1000"));
      }
      for (int i = 0; i < attached.length; i++) {
        attached[i] = governor.attach(Attachment.of(strangers.start()));
      }
      long millis = print(table, "Governance, " + count + ", half of them attached");
      table.atMost("Governance, ms of CPU time", millis, 50);
      WatchRow.end(started);
    }
    processes(table, count);
    try (Strangers strangers = new Strangers()) {
      for (int i = 0; i < count; i++) {
        ProcessHandle.of(strangers.start()).orElseThrow().onExit();
      }
      print(table, "ProcessHandle.onExit, " + count);
    }
  }

  private static void processes(Table table, int count) throws Exception {
    Process[] all = new Process[count];
    try {
      for (int i = 0; i < count; i++) {
        all[i] = Peers.start("/bin/sleep", "1000");
        all[i].onExit();
      }
      print(table, "Process.onExit, " + count);
    } finally {
      for (Process each : all) {
        if (each != null) {
          each.destroyForcibly();
        }
      }
    }
    for (Process each : all) {
      each.waitFor();
    }
  }

  private static long print(Table table, String who) throws InterruptedException {
    System.gc();
    Thread.sleep(SETTLED.toMillis());
    Duration before = used();
    Thread.sleep(IDLE.toMillis());
    long millis = used().minus(before).toMillis();
    table.say("  %-52s %10d ms of CPU time in %d s", who, millis, IDLE.toSeconds());
    return millis;
  }

  private static Duration used() {
    return ProcessHandle.current().info().totalCpuDuration().orElseThrow();
  }
}
