package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** The table of limits: the files of each on v2 and v1; writing, reading back, comparing. */
enum Control {
  CPU_MAX(
      Limit.CPU_MAX,
      "cpu",
      new ControlFile.Plain("cpu.max"),
      new ControlFile.Quota("cpu.cfs_quota_us", "cpu.cfs_period_us")),
  CPU_WEIGHT(
      Limit.CPU_WEIGHT,
      "cpu",
      new ControlFile.Plain("cpu.weight"),
      new ControlFile.Plain("cpu.shares")),
  MEMORY_MAX(
      Limit.MEMORY_MAX,
      "memory",
      new ControlFile.Plain("memory.max"),
      new ControlFile.Plain("memory.limit_in_bytes")),
  IO_MAX(
      Limit.IO_MAX,
      "io",
      new ControlFile.Devices("io.max"),
      new ControlFile.Rates(
          "blkio.throttle.read_bps_device",
          Map.of(
              "rbps", "blkio.throttle.read_bps_device",
              "wbps", "blkio.throttle.write_bps_device",
              "riops", "blkio.throttle.read_iops_device",
              "wiops", "blkio.throttle.write_iops_device")));

  /** From here on v1's memory limit means none: PAGE_COUNTER_MAX for any size of page. */
  private static final long UNLIMITED = Long.MAX_VALUE - (1 << 17);

  final Limit limit;
  final String controller;
  private final ControlFile unified;
  private final ControlFile old;

  Control(Limit limit, String controller, ControlFile unified, ControlFile old) {
    this.limit = limit;
    this.controller = controller;
    this.unified = unified;
    this.old = old;
  }

  static Control of(Limit limit) {
    return values()[limit.ordinal()];
  }

  ControlFile file(Hierarchy hierarchy) {
    return hierarchy.unified() ? unified : old;
  }

  /** Writes, reads back, and looks at the groups above. */
  LimitOutcome apply(CgroupFiles files, Group group, String asked) throws ErrnoException {
    ControlFile file = file(group.hierarchy());
    String wanted = wanted(file, asked);
    Optional<ErrnoException> refused = write(files, file, group, wanted);
    String back = file.read(files, group.directory(), wanted);
    String effective = back;
    String at = "";
    for (String above : binding(group)) {
      String tighter = tighten(effective, readAbove(files, file, above, wanted));
      at = tighter.equals(effective) ? at : above;
      effective = tighter;
    }
    if (refused.isPresent() && tighten(wanted, effective).equals(wanted)) {
      throw refused.get();
    }
    boolean exact = effective.equals(wanted);
    LimitOutcome outcome =
        LimitOutcome.of(limit, exact ? Status.APPLIED : Status.ADJUSTED, asked)
            .with(Detail.FILE, group.file(file.name()))
            .with(Detail.WRITTEN, wanted)
            .with(Detail.READ_BACK, back);
    if (!held(effective)) {
      String cure = "use a kernel that keeps what is written to " + group.file(file.name());
      return outcome.status(Status.UNSUPPORTED).with(Detail.CURE, cure);
    }
    outcome = exact ? outcome : outcome.with(Detail.EFFECTIVE, effective);
    return at.isEmpty() ? outcome : outcome.with(Detail.EFFECTIVE_AT, at);
  }

  /**
   * v1 refuses a quota beyond an ancestor's, where v2 takes it: that refusal is not the last word.
   */
  private Optional<ErrnoException> write(
      CgroupFiles files, ControlFile file, Group group, String wanted) throws ErrnoException {
    try {
      file.write(files, group.directory(), wanted);
      return Optional.empty();
    } catch (ErrnoException e) {
      if (file instanceof ControlFile.Quota && e.errno() == Errno.EINVAL) {
        return Optional.of(e);
      }
      throw e;
    }
  }

  /** The groups above whose limit binds ours too: not a weight's, and v1's rates are flat. */
  private List<String> binding(Group group) {
    boolean flat = this == CPU_WEIGHT || (this == IO_MAX && !group.hierarchy().unified());
    return flat ? List.of() : group.above();
  }

  private static String readAbove(
      CgroupFiles files, ControlFile file, String directory, String wanted) {
    try {
      return file.read(files, directory, wanted);
    } catch (ErrnoException e) {
      return ""; // the controller's files begin further down, or are not ours to see
    }
  }

  /** The outcome, if it still holds; else the same as lost. */
  LimitOutcome check(CgroupFiles files, Group group, LimitOutcome outcome) {
    ControlFile file = file(group.hierarchy());
    String wanted = outcome.get(Detail.WRITTEN).orElse("");
    String before = outcome.readBack().orElse("");
    String above = outcome.get(Detail.EFFECTIVE_AT).orElse("");
    try {
      String now = file.read(files, group.directory(), wanted);
      boolean kept =
          held(before) || !tighten(wanted, readAbove(files, file, above, wanted)).equals(wanted);
      return now.equals(before) && kept
          ? outcome
          : outcome.status(Status.LOST).with(Detail.READ_BACK, now);
    } catch (ErrnoException e) {
      return outcome.status(Status.LOST).with(Detail.ERRNO, e.name());
    }
  }

  private String wanted(ControlFile file, String asked) throws ErrnoException {
    if (this == CPU_WEIGHT && file == old) {
      return Long.toString(shares(Long.parseLong(asked)));
    }
    if (this != IO_MAX) {
      return asked;
    }
    String target = IoMax.parse(asked).target();
    return Disk.of(target) + asked.substring(target.length());
  }

  /** As the kernel maps a weight of v2: sched_weight_to_cgroup, and the bounds of cpu.shares. */
  static long shares(long weight) {
    return Math.max(2, Math.min((weight * 1024 + 50) / 100, 262_144));
  }

  /** The numbers of a text; none is infinite, garbage is not a number. */
  private double[] numbers(String text) {
    String[] words = text.split(" ");
    if (this == CPU_MAX && words.length == 2) {
      return new double[] {number(words[0]) / number(words[1])};
    }
    double[] numbers = new double[this == IO_MAX ? words.length - 1 : 1];
    for (int i = 0; i < numbers.length; i++) {
      String word = words[words.length - numbers.length + i];
      numbers[i] = number(word.substring(word.indexOf('=') + 1));
    }
    return numbers;
  }

  private static double number(String word) {
    OptionalLong number = Counters.number(word);
    boolean none = word.equals("max") || number.orElse(0) >= UNLIMITED;
    return none ? Double.POSITIVE_INFINITY : number.isEmpty() ? Double.NaN : number.getAsLong();
  }

  private boolean held(String text) {
    boolean held = true;
    for (double number : numbers(text)) {
      held &= Double.isFinite(number);
    }
    return held;
  }

  /** The first text, with what the second has tighter. */
  String tighten(String own, String other) {
    double[] mine = numbers(own);
    double[] theirs = numbers(other);
    String[] words = own.split(" ");
    String[] more = other.split(" ");
    for (int i = 0; i < Math.min(mine.length, theirs.length); i++) {
      if (theirs[i] < mine[i]) {
        if (this != IO_MAX) {
          return other;
        }
        words[i + 1] = more[i + 1];
      }
    }
    return String.join(" ", words);
  }
}
