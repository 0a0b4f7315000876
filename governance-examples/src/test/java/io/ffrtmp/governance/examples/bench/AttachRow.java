package io.ffrtmp.governance.examples.bench;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.examples.bench.Contest.Action;
import io.ffrtmp.governance.examples.bench.Contest.Contestant;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What attaching with three limits costs, from the call to the receipt. The target lives in groups
 * of its own, and is released after each, which is not timed.
 */
final class AttachRow {
  private static final String C = "C, the same system calls";
  private static final String GOVERNANCE = "Governance, Governor.attach with three limits";
  private static final Limits THREE = GroupRows.TWO.cpuWeight(200);

  private AttachRow() {}

  static void warm(Options options, Table table) throws Exception {
    measure(options, table, 1.8, false);
  }

  static void cold(Options options, Table table) throws Exception {
    measure(options, table, 1.1, true);
  }

  private static void measure(Options options, Table table, double target, boolean cold)
      throws Exception {
    Cgroups cgroups = Cgroups.find().orElseThrow();
    if (cgroups.unified()) {
      table.say("  skipped: the yardstick attaches on cgroup v1 only");
      return;
    }
    String name = "ffrtmp-bench-target-" + ProcessHandle.current().pid();
    List<String> arguments = new ArrayList<>(cgroups.make(name));
    arguments.addAll(cgroups.third(name));
    Path primary = Path.of(arguments.get(0));
    try (Strangers strangers = new Strangers(cgroups.all(name));
        Governor governor = Peers.governor();
        Coprocess yardstick = Coprocess.yardstick("c/job", arguments)) {
      int pid = strangers.start();
      Action written = () -> Files.writeString(primary.resolve("cgroup.procs"), "" + pid);
      Map<String, Samples> samples =
          new Contest()
              .add(C, (Contestant) () -> attach(yardstick, pid))
              .add(GOVERNANCE, (Contestant) () -> attach(governor, pid))
              .before(cold ? () -> Thread.sleep(GroupRows.QUIET_MILLIS) : written)
              .run(options.rounds(), options.warmup());
      table.heading("", "C");
      table.times(samples, C);
      double ratio = samples.get(GOVERNANCE).p50() / samples.get(C).p50();
      table.atMost("Governance : C", ratio, target);
    } finally {
      cgroups.remove(name);
    }
  }

  private static long attach(Coprocess yardstick, int pid) throws Exception {
    long taken = yardstick.ask("attach " + pid);
    yardstick.ask("release " + pid);
    return taken;
  }

  private static long attach(Governor governor, int pid) {
    Attachment asked = Attachment.of(pid).limits(THREE);
    long began = System.nanoTime();
    AttachedJob job = governor.attach(asked);
    long taken = System.nanoTime() - began;
    if (!job.receipt().allInForce() || !job.release().receipt().allInForce()) {
      throw new IllegalStateException(job + " " + job.receipt());
    }
    return taken;
  }
}
