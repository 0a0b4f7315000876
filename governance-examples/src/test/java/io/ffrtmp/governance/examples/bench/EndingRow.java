package io.ffrtmp.governance.examples.bench;

import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.examples.bench.Contest.Contestant;
import java.util.List;
import java.util.Map;

/**
 * How long from the first SIGKILL until every one of many jobs has its frozen result, and no group
 * is left. All are killed one right after the other; starting them is not timed.
 */
final class EndingRow {
  private static final String C = "C, epoll, waitid";
  private static final String GOVERNANCE = "Governance, signal() each, then await() each";
  private static final int TURNS = 3;
  private static final int GROUPED_TURNS = 1; // making so many groups takes minutes

  private EndingRow() {}

  static void plain(Options options, Table table) throws Exception {
    try (Coprocess yardstick = Coprocess.yardstick(List.of())) {
      Map<String, Samples> samples = measure(options, table, yardstick, false, TURNS);
      table.atMost("Governance, seconds", samples.get(GOVERNANCE).p50() / 1e9, 1.5);
    }
  }

  static void grouped(Options options, Table table) throws Exception {
    GroupRows.measure(
        yardstick -> {
          Map<String, Samples> samples = measure(options, table, yardstick, true, GROUPED_TURNS);
          double ratio = samples.get(GOVERNANCE).p50() / samples.get(C).p50();
          table.atMost("Governance : C, which also removes its groups", ratio, 2);
          return samples;
        });
  }

  private static Map<String, Samples> measure(
      Options options, Table table, Coprocess yardstick, boolean grouped, int turns)
      throws Exception {
    int count = options.ending();
    int rounds = Math.min(turns, options.rounds());
    try (Governor governor = Peers.governor()) {
      Map<String, Samples> samples =
          new Contest()
              .add(C, (Contestant) () -> end(yardstick, count, grouped))
              .add(GOVERNANCE, (Contestant) () -> end(governor, count))
              .run(rounds, 0);
      table.heading(count + " jobs, turns: " + rounds, "C");
      table.times(samples, C);
      return samples;
    }
  }

  private static long end(Coprocess yardstick, int count, boolean grouped) throws Exception {
    yardstick.ask("watch " + count);
    if (grouped) {
      yardstick.ask("group");
    }
    return yardstick.ask("end-all " + (grouped ? 1 : 0));
  }

  private static long end(Governor governor, int count) throws Exception {
    StartedJob[] jobs = new StartedJob[count];
    for (int i = 0; i < count; i++) {
      jobs[i] = governor.start(Workload.of("/bin/sleep", "1000"));
    }
    return Contest.timed(() -> WatchRow.end(jobs)).sample();
  }
}
