package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.Optional;

/**
 * What is used of {@code /proc/PID/stat} (proc_pid_stat(5)).
 *
 * @param comm the command's name, which may hold spaces and parentheses
 * @param kernelThread whether it is a thread of the kernel: PF_KTHREAD in its flags
 * @param threads how many it has
 * @param startTime since boot, in clock ticks; with the pid and the boot it names a process for
 *     ever
 */
public record ProcStat(String comm, int parent, boolean kernelThread, int threads, long startTime) {
  private static final long PF_KTHREAD = 0x200000; // linux/sched.h

  /** Of a process; empty if it is gone or hidden from us. */
  public static Optional<ProcStat> read(long pid) {
    try {
      return parse(Libc.readText("/proc/" + pid + "/stat"));
    } catch (ErrnoException gone) {
      return Optional.empty();
    }
  }

  /** Parses the text of the file; empty if it is none. */
  public static Optional<ProcStat> parse(String stat) {
    int open = stat.indexOf('(');
    int close = stat.lastIndexOf(')');
    String[] fields = close < 0 ? new String[0] : stat.substring(close + 1).strip().split(" ", 21);
    if (open < 0 || open > close || fields.length < 20 || fields[0].length() != 1) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          new ProcStat(
              stat.substring(open + 1, close),
              Integer.parseInt(fields[1]),
              (Long.parseLong(fields[6]) & PF_KTHREAD) != 0,
              Integer.parseInt(fields[17]),
              Long.parseLong(fields[19])));
    } catch (NumberFormatException garbage) {
      return Optional.empty();
    }
  }
}
