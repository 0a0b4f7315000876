package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What is used of {@code /proc/PID/status} (proc_pid_status(5)).
 *
 * @param leader the process that a thread belongs to; its own id for a process
 * @param depth in how many pid namespaces, from ours down, it has a number
 * @param residentBytes its anonymous and shared memory: what can't be had back by dropping caches
 */
public record ProcStatus(int leader, int depth, long residentBytes) {

  /** Of a process or thread; empty if it is gone or hidden from us. */
  public static Optional<ProcStatus> read(int id) {
    try {
      return parse(id, Libc.readText("/proc/" + id + "/status"));
    } catch (ErrnoException gone) {
      return Optional.empty();
    }
  }

  /** Parses the text of the file; empty if it is none. */
  static Optional<ProcStatus> parse(int id, String status) {
    try {
      int leader = (int) number(status, "Tgid").orElse(id);
      int depth = field(status, "NSpid").map(pids -> pids.split("\t").length).orElse(1);
      long kib = number(status, "RssAnon").orElse(0) + number(status, "RssShmem").orElse(0);
      return Optional.of(new ProcStatus(leader, depth, kib * 1024));
    } catch (NumberFormatException garbage) {
      return Optional.empty();
    }
  }

  /**
   * The part of that memory that is a process's own, each page divided among those who map it; it
   * takes the kernel a walk through the page tables. All of it, where that is closed to us.
   */
  public static long shareBytes(int pid) {
    try {
      String rollup = Libc.readText("/proc/" + pid + "/smaps_rollup");
      OptionalLong anonymous = number(rollup, "Pss_Anon"); // Linux 5.4
      OptionalLong shared = number(rollup, "Pss_Shmem");
      if (anonymous.isPresent() && shared.isPresent()) {
        return (anonymous.getAsLong() + shared.getAsLong()) * 1024;
      }
    } catch (ErrnoException | NumberFormatException closed) {
      // then what its status tells
    }
    return read(pid).map(ProcStatus::residentBytes).orElse(0L);
  }

  /** The text of a field of the file. */
  static Optional<String> field(String status, String name) {
    int at = status.indexOf("\n" + name + ":");
    int from = at + name.length() + 2;
    return at < 0
        ? Optional.empty()
        : Optional.of(status.substring(from, status.indexOf('\n', from)).strip());
  }

  private static OptionalLong number(String status, String name) {
    return field(status, name)
        .map(text -> OptionalLong.of(Long.parseLong(text.replace(" kB", "").strip())))
        .orElse(OptionalLong.empty());
  }
}
