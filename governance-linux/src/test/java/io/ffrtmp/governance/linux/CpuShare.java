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
   * Never more than the share, in any window; and the share itself in at least one: what else
   * happens on the host takes from a group, and gives it nothing.
   */
  public static void assertShare(double share, Used used, Pause window) throws Exception {
    double best = 0;
    for (int i = 0; i < WINDOWS && best < share * (1 - TOLERANCE); i++) {
      Reading from = Reading.of(used);
      window.pass();
      Reading to = Reading.of(used);
      double got = to.used - from.used;
      assertThat(got / (to.after - from.before))
          .as("share of a CPU in window %d", i)
          .isLessThanOrEqualTo(share * (1 + TOLERANCE));
      best = Math.max(best, got / (to.before - from.after));
    }
    assertThat(best)
        .as("best share of a CPU in %d windows", WINDOWS)
        .isGreaterThanOrEqualTo(share * (1 - TOLERANCE));
  }
}
