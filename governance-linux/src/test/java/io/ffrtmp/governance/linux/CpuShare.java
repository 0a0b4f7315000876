package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;

/** What a group gets of one CPU, against what cpu.max allows it. */
public final class CpuShare {
  private static final int WINDOWS = 5;

  /** By how much, of the share, it may be missed: periods don't fit the window. */
  private static final double TOLERANCE = 0.1;

  private CpuShare() {}

  /** CPU time used so far, in nanoseconds. */
  public interface Used {
    long nanos() throws Exception;
  }

  /** Lets some time pass. */
  public interface Pause {
    void pass() throws Exception;
  }

  /** A reading, and the times before and after: the moment it tells of lies in between. */
  private record Reading(long before, long used, long after) {
    static Reading of(Used used) throws Exception {
      long before = System.nanoTime();
      long nanos = used.nanos();
      return new Reading(before, nanos, System.nanoTime());
    }
  }

  /**
   * Never more than the share on the whole, and the share itself in at least one window: what else
   * happens on the host takes from a group, and gives it nothing. In one window it may get more,
   * which it pays back in the next: time that the host took from us counts as used.
   */
  public static void assertShare(double share, Used used, Pause window) throws Exception {
    double best = 0;
    double got = 0;
    double time = 0;
    double most = share * (1 + TOLERANCE);
    for (int i = 0; i < WINDOWS && (best < share * (1 - TOLERANCE) || got > time * most); i++) {
      Reading from = Reading.of(used);
      window.pass();
      Reading to = Reading.of(used);
      double gained = to.used - from.used;
      got += gained;
      time += to.after - from.before;
      best = Math.max(best, gained / (to.before - from.after));
    }
    assertThat(got / time).as("share of a CPU").isLessThanOrEqualTo(most);
    assertThat(best)
        .as("best share of a CPU in %d windows", WINDOWS)
        .isGreaterThanOrEqualTo(share * (1 - TOLERANCE));
  }
}
