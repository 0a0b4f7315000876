package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.ResourceUsage.Counter;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Reads the kernel's counters. What is not a plain number, or stands there twice, is unknown.
 * Sources: Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/{cpuacct,memory,blkio-controller}.rst
 * and Documentation/accounting/psi.rst.
 */
record Counters(CgroupFiles files, Group group) {
  private static final Pattern DIGITS = Pattern.compile("[0-9]+");
  private static final Pattern OOM = Pattern.compile("(?m)^(oom) (.*)$");
  private static final Pattern OOM_KILL = Pattern.compile("(?m)^(oom_kill) (.*)$");

  /**
   * A line's key is the pattern's first group and unique, its number the second; they are summed.
   */
  private record Source(Counter counter, String file, Pattern line) {
    static List<Source> table(String rows) {
      return rows.lines().map(row -> row.split(" ", 3)).map(Source::of).toList();
    }

    static Source of(String[] row) {
      return new Source(Counter.valueOf(row[0]), row[1], Pattern.compile("(?m)^" + row[2] + "$"));
    }
  }

  private static final List<Source> UNIFIED =
      Source.table(
          """
          CPU_USER_USEC cpu.stat (user_usec) (.*)
          CPU_SYSTEM_USEC cpu.stat (system_usec) (.*)
          CPU_PERIODS cpu.stat (nr_periods) (.*)
          CPU_THROTTLED_PERIODS cpu.stat (nr_throttled) (.*)
          CPU_THROTTLED_USEC cpu.stat (throttled_usec) (.*)
          MEMORY_CURRENT_BYTES memory.current ()(.*)
          MEMORY_PEAK_BYTES memory.peak ()(.*)
          OOM_KILLS memory.events (oom_kill) (.*)
          IO_READ_BYTES io.stat (\\S+) (?:.* )?rbytes=(\\S*).*
          IO_WRITE_BYTES io.stat (\\S+) (?:.* )?wbytes=(\\S*).*
          CPU_PRESSURE_SOME_USEC cpu.pressure (some) .*total=(.*)
          MEMORY_PRESSURE_SOME_USEC memory.pressure (some) .*total=(.*)
          MEMORY_PRESSURE_FULL_USEC memory.pressure (full) .*total=(.*)
          IO_PRESSURE_SOME_USEC io.pressure (some) .*total=(.*)
          IO_PRESSURE_FULL_USEC io.pressure (full) .*total=(.*)\
          """);

  /** On v1 times are nanoseconds, and a file's name begins with its controller's. */
  private static final List<Source> OLD =
      Source.table(
          """
          CPU_USER_USEC cpuacct.usage_user ()(.*)
          CPU_SYSTEM_USEC cpuacct.usage_sys ()(.*)
          CPU_PERIODS cpu.stat (nr_periods) (.*)
          CPU_THROTTLED_PERIODS cpu.stat (nr_throttled) (.*)
          CPU_THROTTLED_USEC cpu.stat (throttled_time) (.*)
          MEMORY_CURRENT_BYTES memory.usage_in_bytes ()(.*)
          MEMORY_PEAK_BYTES memory.max_usage_in_bytes ()(.*)
          IO_READ_BYTES blkio.throttle.io_service_bytes_recursive (\\S+) Read (.*)
          IO_WRITE_BYTES blkio.throttle.io_service_bytes_recursive (\\S+) Write (.*)\
          """);

  /** The counters of all of a job's groups. */
  static ResourceUsage of(CgroupFiles files, List<Group> groups) {
    Map<Counter, Long> found = new EnumMap<>(Counter.class);
    groups.forEach(group -> new Counters(files, group).addTo(found));
    return ResourceUsage.of(found);
  }

  private void addTo(Map<Counter, Long> found) {
    Map<String, String> texts = new HashMap<>();
    for (Source source : group.unified() ? UNIFIED : OLD) {
      String controller = source.file.substring(0, source.file.indexOf('.'));
      if (group.unified() || group.holds(controller.replace("blkio", "io"))) {
        String text = texts.computeIfAbsent(source.file, this::text);
        boolean nanos = !group.unified() && source.counter.name().endsWith("_USEC");
        sum(text, source.line).ifPresent(n -> found.put(source.counter, nanos ? n / 1000 : n));
      }
    }
    if (!group.unified() && group.holds("memory")) {
      oomKills().ifPresent(kills -> found.put(Counter.OOM_KILLS, kills));
    }
    boolean sampled = !group.unified() && group.holds("cpuacct");
    Set<Counter> parts = Set.of(Counter.CPU_USER_USEC, Counter.CPU_SYSTEM_USEC);
    if (sampled && found.keySet().containsAll(parts)) {
      number(text("cpuacct.usage").strip()).ifPresent(total -> scale(found, total / 1000));
    }
  }

  /**
   * v1's total is exact, its parts are sampled at clock ticks, far off for what is throttled
   * between them: they are scaled to it, as the kernel does for v2 (cputime_adjust in
   * kernel/sched).
   */
  private static void scale(Map<Counter, Long> found, long total) {
    double system = found.getOrDefault(Counter.CPU_SYSTEM_USEC, 0L);
    double sampled = Math.max(1, system + found.getOrDefault(Counter.CPU_USER_USEC, 0L));
    long inKernel = (long) (total * (system / sampled));
    found.put(Counter.CPU_SYSTEM_USEC, inKernel);
    found.put(Counter.CPU_USER_USEC, total - inKernel);
  }

  /**
   * Why the kernel killed here for want of memory, if it did and that can be told: oom_kill counts
   * where the victim lived, v2's oom and v1's failcnt where the limit was.
   */
  Optional<OomCause> oomKilled() {
    if (oomKills().orElse(0) == 0) {
      return Optional.empty();
    }
    if (group.unified()) {
      boolean here = sum(text("memory.events"), OOM).orElse(0) > 0;
      return Optional.of(here ? OomCause.OWN_LIMIT : OomCause.ABOVE);
    }
    if (subtree().noneMatch(each -> hit(each.group.directory()))) {
      return Optional.of(OomCause.ABOVE);
    }
    boolean above = group.above().stream().anyMatch(this::hit); // who of the two can't be told
    return above ? Optional.empty() : Optional.of(OomCause.OWN_LIMIT);
  }

  /** How many were killed for want of memory; v1 counts them in each group by itself. */
  private OptionalLong oomKills() {
    if (group.unified()) {
      return sum(text("memory.events"), OOM_KILL);
    }
    long kills = 0;
    for (Counters each : subtree().toList()) {
      OptionalLong its = sum(each.text("memory.oom_control"), OOM_KILL);
      if (its.isEmpty()) {
        return its;
      }
      kills += its.getAsLong();
    }
    return OptionalLong.of(kills);
  }

  /** This group, and those that the workload made beneath it. */
  private Stream<Counters> subtree() {
    try {
      return Stream.concat(
          Stream.of(this),
          files.subdirectories(group.directory()).stream()
              .map(each -> new Counters(files, new Group(group.hierarchy(), each)))
              .flatMap(Counters::subtree));
    } catch (ErrnoException gone) {
      return Stream.of(this);
    }
  }

  /** Whether a limit of v1 was ever run into, be it only by what could be reclaimed. */
  private boolean hit(String directory) {
    try {
      return number(files.read(directory + "/memory.failcnt").strip()).orElse(0) > 0;
    } catch (ErrnoException e) {
      return false;
    }
  }

  private String text(String file) {
    try {
      return files.read(group.file(file));
    } catch (ErrnoException e) {
      return "";
    }
  }

  static OptionalLong sum(String text, Pattern line) {
    Matcher matcher = line.matcher(text);
    Set<String> keys = new HashSet<>();
    long sum = 0;
    while (matcher.find()) {
      OptionalLong number = number(matcher.group(2));
      sum += number.orElse(Long.MIN_VALUE);
      if (number.isEmpty() || sum < 0 || !keys.add(matcher.group(1))) {
        return OptionalLong.empty();
      }
    }
    return keys.isEmpty() ? OptionalLong.empty() : OptionalLong.of(sum);
  }

  /** A decimal number that fits, without a sign. */
  static OptionalLong number(String text) {
    try {
      boolean plain = DIGITS.matcher(text).matches();
      return plain ? OptionalLong.of(Long.parseLong(text)) : OptionalLong.empty();
    } catch (NumberFormatException huge) {
      return OptionalLong.empty();
    }
  }
}
