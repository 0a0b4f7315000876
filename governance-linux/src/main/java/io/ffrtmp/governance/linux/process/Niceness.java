package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;

/**
 * The substitute for a CPU weight where no cgroup carries one: the niceness that the kernel pairs
 * with the weight, of the process at the gate and, where autogroups are on, of its session's
 * autogroup too; without that, niceness does nothing between sessions (sched(7)).
 */
public final class Niceness {
  /** sched_prio_to_weight of kernel/sched/core.c, for the nicenesses -20 to 19. */
  private static final int[] WEIGHTS = {
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
    9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277,
    1024, 820, 655, 526, 423, 335, 272, 215, 172, 137,
    110, 87, 70, 56, 45, 36, 29, 23, 18, 15
  };

  private static final int LEAST = -20;

  private Niceness() {}

  /**
   * The niceness nearest to a cgroup v2 weight, as the kernel's {@code cpu.weight.nice} pairs them.
   */
  static int of(int weight) {
    int shares = Math.round(weight * 1024 / 100f);
    int nearest = 0;
    for (int i = 1; i < WEIGHTS.length; i++) {
      if (Math.abs(WEIGHTS[i] - shares) < Math.abs(WEIGHTS[nearest] - shares)) {
        nearest = i;
      }
    }
    return nearest + LEAST;
  }

  /** Whether the scheduler groups tasks by session. */
  public static boolean autogroups() {
    try {
      return Libc.readText("/proc/sys/kernel/sched_autogroup_enabled").strip().equals("1");
    } catch (ErrnoException notBuiltIn) {
      return false;
    }
  }

  /**
   * Sets it for a process with one thread, and reads it back.
   *
   * @param unmet what became of the weight itself, whose cure is kept
   * @return SUBSTITUTED; or the outcome without it, DENIED or UNSUPPORTED, with the errno
   */
  public static LimitOutcome substitute(int pid, int weight, LimitOutcome unmet) {
    int niceness = of(weight);
    String asked = Integer.toString(weight);
    String file = "/proc/" + pid + "/autogroup";
    String read = "";
    try {
      if (autogroups()) { // first: it may be refused for a while, and niceness can't be taken back
        Libc.writeFile(file, Integer.toString(niceness));
        read = Libc.readText(file).strip();
      }
      Libc.setpriority(pid, niceness);
      String now = "nice " + Libc.getpriority(pid);
      boolean held = now.equals("nice " + niceness) && (read.isEmpty() || read.endsWith(" " + now));
      Status status = held ? Status.SUBSTITUTED : Status.UNSUPPORTED;
      return LimitOutcome.of(Limit.CPU_WEIGHT, status, asked)
          .with(Detail.WRITTEN, "nice " + niceness)
          .with(Detail.READ_BACK, read.isEmpty() ? now : now + ", " + read)
          .with(
              Detail.CURE, unmet.cure().orElse("a cgroup with the cpu controller carries weights"));
    } catch (ErrnoException e) {
      boolean denied = e.errno() == Errno.EACCES || e.errno() == Errno.EPERM;
      String cure =
          denied
              ? "a niceness below our own needs CAP_SYS_NICE; or a cgroup with the cpu controller"
              : "the kernel takes one autogroup's niceness in 0.1 s from an ordinary user";
      Status status = denied ? Status.DENIED : Status.UNSUPPORTED;
      LimitOutcome none =
          LimitOutcome.of(Limit.CPU_WEIGHT, status, asked)
              .with(Detail.ERRNO, e.name())
              .with(Detail.CURE, cure);
      return read.isEmpty() ? none : none.with(Detail.READ_BACK, read);
    }
  }
}
