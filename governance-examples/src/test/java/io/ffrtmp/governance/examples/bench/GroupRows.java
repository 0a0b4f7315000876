package io.ffrtmp.governance.examples.bench;

import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.examples.bench.Contest.Action;
import io.ffrtmp.governance.examples.bench.Contest.Contestant;
import java.util.Map;

/**
 * What a job costs in its group, from {@code Governor.run} to its frozen result and no group left.
 */
final class GroupRows {
  static final Limits TWO = Limits.NONE.cpuMax(CpuMax.cores(2)).memoryMaxBytes(256L << 20);

  private static final String C_PLAIN = "C, a group without limits";
  private static final String C_LIMITED = "C, a group with two limits";
  private static final String PLAIN = "Governance, a group without limits";
  private static final String LIMITED = "Governance, two limits, receipt";
  private static final String ENV = "Governance, two limits, environment not for dash";

  /** Beyond it, the first write of cgroup.procs waits for the kernel again. */
  static final long QUIET_MILLIS = 50;

  private GroupRows() {}

  /** Measured with a yardstick that makes groups. */
  interface Rounds {
    Map<String, Samples> run(Coprocess yardstick) throws Exception;
  }

  static Map<String, Samples> measure(Rounds rounds) throws Exception {
    Cgroups cgroups = Cgroups.find().orElseThrow();
    String name = "ffrtmp-bench-c-" + ProcessHandle.current().pid();
    try (Coprocess yardstick = Coprocess.yardstick(cgroups.make(name))) {
      return rounds.run(yardstick);
    } finally {
      cgroups.remove(name);
    }
  }

  private static Contest contest(Governor governor, Coprocess yardstick) {
    Workload plain = Workload.of(Peers.TRUE);
    Workload limited = plain.limits(TWO);
    Workload throughEnv = limited.environment("not.for.dash", "1");
    return new Contest()
        .add(SpawnRows.C, CLibrary::spawnAndWait)
        .add(C_PLAIN, (Contestant) () -> yardstick.ask("governed"))
        .add(C_LIMITED, (Contestant) () -> yardstick.ask("limited"))
        .add(PLAIN, () -> Peers.govern(governor, plain))
        .add(LIMITED, () -> Peers.govern(governor, limited))
        .add(ENV, () -> Peers.govern(governor, throughEnv));
  }

  private static Map<String, Samples> jobs(Options options, Action quiet) throws Exception {
    try (Governor governor = Peers.governor()) {
      return measure(
          yardstick ->
              contest(governor, yardstick)
                  .before(quiet == null ? () -> yardstick.ask("touch") : quiet)
                  .run(options.rounds(), options.warmup()));
    }
  }

  static void warm(Options options, Table table) throws Exception {
    Map<String, Samples> samples = jobs(options, null);
    table.heading("", "C posix_spawn");
    table.times(samples, SpawnRows.C);
    if (Cgroups.find().orElseThrow().unified()) {
      table.atMost("two limits : C, with SETCGROUP", ratio(samples, LIMITED, C_LIMITED), 1.5);
    } else {
      table.atMost("no limits : C posix_spawn", ratio(samples, PLAIN, SpawnRows.C), 2.1);
      table.atMost("two limits : C posix_spawn", ratio(samples, LIMITED, SpawnRows.C), 2.1);
    }
    relative(samples, table);
  }

  static void cold(Options options, Table table) throws Exception {
    Map<String, Samples> samples = jobs(options, () -> Thread.sleep(QUIET_MILLIS));
    table.heading("", C_LIMITED);
    table.times(samples, C_LIMITED);
    table.atMost("no limits : C", ratio(samples, PLAIN, C_PLAIN), 1.1);
    table.atMost("two limits : C", ratio(samples, LIMITED, C_LIMITED), 1.1);
  }

  private static void relative(Map<String, Samples> samples, Table table) {
    table.say("    %-58s %8.2f", "no limits : C likewise", ratio(samples, PLAIN, C_PLAIN));
    table.say("    %-58s %8.2f", "two limits : C likewise", ratio(samples, LIMITED, C_LIMITED));
  }

  private static double ratio(Map<String, Samples> samples, String a, String b) {
    return samples.get(a).p50() / samples.get(b).p50();
  }

  static void create(Options options, Table table) throws Exception {
    String ours = "Governance, the same with a mark and outcomes";
    try (GroupMaker maker = new GroupMaker()) {
      Map<String, Samples> samples =
          measure(
              yardstick ->
                  new Contest()
                      .add(C_LIMITED, (Contestant) () -> yardstick.ask("create"))
                      .add(ours, () -> maker.makeAndRemove())
                      .run(options.rounds(), options.warmup()));
      table.heading("", "C");
      table.times(samples, C_LIMITED);
      table.atMost("Governance : C", ratio(samples, ours, C_LIMITED), 2);
    }
  }
}
