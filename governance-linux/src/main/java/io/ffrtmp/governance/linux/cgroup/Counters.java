package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.ResourceUsage.Counter;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** Reads the kernel's counters of a group. What does not read as a plain number is left out. */
final class Counters {
  private final CgroupFiles files;
  private final Map<Counter, Long> found = new EnumMap<>(Counter.class);

  Counters(CgroupFiles files) {
    this.files = files;
  }

  ResourceUsage usage() {
    return ResourceUsage.of(found);
  }

  void add(Group group) {
    if (group.hierarchy().unified()) {
      addUnified(group);
    } else {
      group.hierarchy().controllers().forEach(controller -> addOld(group, controller));
    }
  }

  /** Documentation/admin-guide/cgroup-v2.rst, "Controllers", and accounting/psi.rst. */
  private void addUnified(Group group) {
    String cpu = text(group, "cpu.stat");
    put(Counter.CPU_USER_USEC, value(cpu, "user_usec "), 1);
    put(Counter.CPU_SYSTEM_USEC, value(cpu, "system_usec "), 1);
    put(Counter.CPU_PERIODS, value(cpu, "nr_periods "), 1);
    put(Counter.CPU_THROTTLED_PERIODS, value(cpu, "nr_throttled "), 1);
    put(Counter.CPU_THROTTLED_USEC, value(cpu, "throttled_usec "), 1);
    put(Counter.MEMORY_CURRENT_BYTES, number(text(group, "memory.current")), 1);
    put(Counter.MEMORY_PEAK_BYTES, number(text(group, "memory.peak")), 1);
    put(Counter.OOM_KILLS, value(text(group, "memory.events"), "oom_kill "), 1);
    String io = text(group, "io.stat");
    put(Counter.IO_READ_BYTES, devices(io, " rbytes="), 1);
    put(Counter.IO_WRITE_BYTES, devices(io, " wbytes="), 1);
    String memory = text(group, "memory.pressure");
    String blocks = text(group, "io.pressure");
    put(Counter.CPU_PRESSURE_SOME_USEC, total(text(group, "cpu.pressure"), "some "), 1);
    put(Counter.MEMORY_PRESSURE_SOME_USEC, total(memory, "some "), 1);
    put(Counter.MEMORY_PRESSURE_FULL_USEC, total(memory, "full "), 1);
    put(Counter.IO_PRESSURE_SOME_USEC, total(blocks, "some "), 1);
    put(Counter.IO_PRESSURE_FULL_USEC, total(blocks, "full "), 1);
  }

  /** Documentation/admin-guide/cgroup-v1: memory.rst, cpuacct.rst, blkio-controller.rst. */
  private void addOld(Group group, String controller) {
    switch (controller) {
      case "cpuacct" -> addOldCpu(group);
      case "cpu" -> {
        String cpu = text(group, "cpu.stat");
        put(Counter.CPU_PERIODS, value(cpu, "nr_periods "), 1);
        put(Counter.CPU_THROTTLED_PERIODS, value(cpu, "nr_throttled "), 1);
        put(Counter.CPU_THROTTLED_USEC, value(cpu, "throttled_time "), 1000);
      }
      case "memory" -> {
        put(Counter.MEMORY_CURRENT_BYTES, number(text(group, "memory.usage_in_bytes")), 1);
        put(Counter.MEMORY_PEAK_BYTES, number(text(group, "memory.max_usage_in_bytes")), 1);
        put(Counter.OOM_KILLS, value(text(group, "memory.oom_control"), "oom_kill "), 1);
      }
      case "io" -> {
        String io = text(group, "blkio.throttle.io_service_bytes_recursive");
        put(Counter.IO_READ_BYTES, devices(io, " Read "), 1);
        put(Counter.IO_WRITE_BYTES, devices(io, " Write "), 1);
      }
      default -> {}
    }
  }

  /** v1's failcnt and v2's oom rise where the limit was hit, oom_kill where the victim lived. */
  Optional<OomCause> oomKilled(Group group) {
    boolean unified = group.hierarchy().unified();
    String events = text(group, unified ? "memory.events" : "memory.oom_control");
    if (value(events, "oom_kill ").orElse(0) == 0) {
      return Optional.empty();
    }
    OptionalLong hit = unified ? value(events, "oom ") : number(text(group, "memory.failcnt"));
    return Optional.of(hit.orElse(0) > 0 ? OomCause.OWN_LIMIT : OomCause.ABOVE);
  }

  /**
   * The total is exact, its parts are sampled at clock ticks, far off for what is throttled between
   * them: they are scaled to it, as the kernel does for v2 (cputime_adjust in kernel/sched).
   */
  private void addOldCpu(Group group) {
    OptionalLong total = number(text(group, "cpuacct.usage"));
    OptionalLong user = number(text(group, "cpuacct.usage_user"));
    OptionalLong system = number(text(group, "cpuacct.usage_sys"));
    if (total.isPresent() && user.isPresent() && system.isPresent()) {
      double sampled = Math.max(1.0, (double) user.getAsLong() + system.getAsLong());
      long inKernel = (long) (total.getAsLong() * (system.getAsLong() / sampled));
      put(Counter.CPU_USER_USEC, OptionalLong.of(total.getAsLong() - inKernel), 1000);
      put(Counter.CPU_SYSTEM_USEC, OptionalLong.of(inKernel), 1000);
    }
  }

  private String text(Group group, String file) {
    try {
      return files.read(group.file(file));
    } catch (ErrnoException e) {
      return "";
    }
  }

  private void put(Counter counter, OptionalLong value, int divisor) {
    value.ifPresent(number -> found.put(counter, number / divisor));
  }

  /** A decimal number that fits, without sign; else empty. */
  static OptionalLong number(String text) {
    String digits = text.strip();
    boolean plain = !digits.isEmpty() && digits.chars().allMatch(c -> c >= '0' && c <= '9');
    try {
      return plain ? OptionalLong.of(Long.parseLong(digits)) : OptionalLong.empty();
    } catch (NumberFormatException huge) {
      return OptionalLong.empty();
    }
  }

  /** The number in the only line that starts so. */
  static OptionalLong value(String text, String start) {
    int line = text.startsWith(start) ? 0 : text.indexOf("\n" + start) + 1;
    if ((line == 0 && !text.startsWith(start)) || text.indexOf("\n" + start, line) >= 0) {
      return OptionalLong.empty();
    }
    int end = text.indexOf('\n', line);
    return number(text.substring(line + start.length(), end < 0 ? text.length() : end));
  }

  /** The microseconds at the end of the only line of a pressure file that starts so. */
  static OptionalLong total(String text, String start) {
    return value(text.replaceAll("(?m)^(some|full) .* total=", "$1 "), start);
  }

  /** The sum over all devices; empty without a device, as v1 may not count before it throttles. */
  static OptionalLong devices(String text, String before) {
    Set<String> seen = new HashSet<>();
    long sum = 0;
    for (String line : text.split("\n")) {
      int at = line.indexOf(before);
      if (at > 0) {
        OptionalLong value = number(line.substring(at + before.length()).split(" ", 2)[0]);
        if (value.isEmpty() || !seen.add(line.substring(0, line.indexOf(' '))) || sum < 0) {
          return OptionalLong.empty();
        }
        sum += value.getAsLong();
      }
    }
    return seen.isEmpty() || sum < 0 ? OptionalLong.empty() : OptionalLong.of(sum);
  }
}
