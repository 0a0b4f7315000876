package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The rows of the table of limits: where and how each is written and read. Texts have v2's form on
 * v1 too, except that a weight is in shares there.
 */
enum Control {
  CPU_MAX(Limit.CPU_MAX, "cpu", "cpu.cfs_quota_us"),
  CPU_WEIGHT(Limit.CPU_WEIGHT, "cpu", "cpu.shares"),
  MEMORY_MAX(Limit.MEMORY_MAX, "memory", "memory.limit_in_bytes"),
  IO_MAX(Limit.IO_MAX, "io", "");

  private static final String PERIOD = "cpu.cfs_period_us";

  /** A limit, a rate, or a quota and its period. */
  private static final Pattern NUMBER = Pattern.compile("(?:[a-z]+=)?(?:max|(\\d+))(?: (\\d+))?");

  /** From here on v1's memory limit means none: PAGE_COUNTER_MAX, for any size of page. */
  private static final double UNLIMITED = Long.MAX_VALUE - (1 << 17);

  final Limit limit;
  final String controller;
  private final String old;

  Control(Limit limit, String controller, String old) {
    this.limit = limit;
    this.controller = controller;
    this.old = old;
  }

  static Control of(Limit limit) {
    return values()[limit.ordinal()];
  }

  /** The file that takes the limit; on v1 the first part's, or a pattern of all those of rates. */
  String file(boolean unified, String text) {
    if (unified) {
      return limit.wireName();
    }
    return this == IO_MAX ? rateFiles(IoMax.parse(text).rates().keySet()) : old;
  }

  /** Writes, reads back, and looks at the groups above. */
  LimitOutcome apply(CgroupFiles files, Group group, String asked) throws ErrnoException {
    String wanted = wanted(group.unified(), asked);
    boolean taken = writeOrUndo(files, group, wanted);
    LimitOutcome outcome = find(files, group, asked, wanted);
    String effective = outcome.effective().orElse(wanted);
    if (!taken && tighten(wanted, effective).equals(wanted)) {
      throw new ErrnoException(Errno.EINVAL, "write '" + wanted + "' to " + group.file(old));
    } else if (!taken) {
      return refused(outcome);
    }
    outcome = outcome.with(Detail.WRITTEN, wanted);
    return held(effective)
        ? outcome
        : outcome.status(Status.UNSUPPORTED).with(Detail.CURE, "boot a kernel that keeps it");
  }

  /** What became of a limit that was written by another JVM; lost if something looser holds. */
  LimitOutcome verify(CgroupFiles files, Group group, String asked) throws ErrnoException {
    String wanted = wanted(group.unified(), asked);
    LimitOutcome outcome = find(files, group, asked, wanted);
    String effective = outcome.effective().orElse(wanted);
    boolean kept =
        this == CPU_WEIGHT
            ? effective.equals(wanted)
            : held(effective) && tighten(effective, wanted).equals(effective);
    if (!kept) {
      return outcome.status(Status.LOST);
    }
    boolean written = held(outcome.readBack().orElseThrow()); // else nobody knows
    return written ? outcome.with(Detail.WRITTEN, wanted) : outcome;
  }

  /** What v1 refused, as the ancestor that holds the job has less. */
  private LimitOutcome refused(LimitOutcome outcome) {
    String above = outcome.get(Detail.EFFECTIVE_AT).orElseThrow();
    return outcome
        .with(Detail.ERRNO, Errno.name(Errno.EINVAL))
        .with(Detail.CURE, "raise " + above + "/" + old + " first: v1 takes no more beneath it");
  }

  private LimitOutcome find(CgroupFiles files, Group group, String asked, String wanted)
      throws ErrnoException {
    String back = read(files, group.unified(), group.directory(), wanted);
    LimitOutcome outcome =
        LimitOutcome.of(limit, Status.APPLIED, asked)
            .with(Detail.FILE, group.file(file(group.unified(), asked)))
            .with(Detail.READ_BACK, back);
    String effective = back;
    for (String above : group.above()) {
      String tighter = tighten(effective, readAbove(files, group.unified(), above, wanted));
      if (!tighter.equals(effective)) {
        effective = tighter;
        outcome = outcome.with(Detail.EFFECTIVE_AT, above);
      }
    }
    return back.equals(wanted) && effective.equals(wanted)
        ? outcome
        : outcome.status(Status.ADJUSTED).with(Detail.EFFECTIVE, effective);
  }

  /** The outcome, if it still holds, or can't be read, which is told; else the same as lost. */
  LimitOutcome check(CgroupFiles files, Group group, LimitOutcome outcome) {
    String wanted = outcome.get(Detail.WRITTEN).orElse(outcome.asked());
    String before = outcome.readBack().orElse("");
    String above = outcome.get(Detail.EFFECTIVE_AT).orElse("");
    try {
      String now = read(files, group.unified(), group.directory(), wanted);
      if (!now.equals(before)) {
        return lost(outcome).with(Detail.READ_BACK, now);
      } else if (held(before)) {
        return outcome;
      }
      read(files, group.unified(), above, wanted); // see write(); one that can't be read may hold
      LimitOutcome found = verify(files, group, outcome.asked());
      if (!found.status().inForce()) {
        return lost(outcome);
      } else if (wasRefused(outcome)) {
        return refused(found);
      }
      return outcome.get(Detail.WRITTEN).map(it -> found.with(Detail.WRITTEN, it)).orElse(found);
    } catch (ErrnoException e) {
      return (gone(e) ? lost(outcome) : outcome).with(Detail.ERRNO, e.name());
    }
  }

  private static LimitOutcome lost(LimitOutcome outcome) {
    LimitOutcome lost = outcome.status(Status.LOST);
    String file = outcome.get(Detail.FILE).orElseThrow();
    return wasRefused(outcome) ? lost.with(Detail.CURE, "write it to " + file + " now") : lost;
  }

  /** {@link #refused}: what is in force has no other errno at the start. */
  private static boolean wasRefused(LimitOutcome outcome) {
    return outcome.errno().isPresent();
  }

  /** Whether a limit that can't be read is not there; else that proves nothing. */
  static boolean gone(ErrnoException e) {
    return e.errno() == Errno.ENOENT || e.errno() == Errno.ENODEV;
  }

  private String wanted(boolean unified, String asked) throws ErrnoException {
    if (this == CPU_WEIGHT && !unified) {
      return Long.toString(shares(Long.parseLong(asked)));
    } else if (this == IO_MAX) {
      String target = IoMax.parse(asked).target();
      return Disk.of(target) + asked.substring(target.length());
    }
    return asked;
  }

  /** As the kernel maps a weight of v2: sched_weight_to_cgroup, and the bounds of cpu.shares. */
  static long shares(long weight) {
    return Math.max(2, Math.min((weight * 1024 + 50) / 100, 262_144));
  }

  /** v1 takes some limits in parts: what was taken of a limit that failed must not stay. */
  private boolean writeOrUndo(CgroupFiles files, Group group, String wanted) throws ErrnoException {
    try {
      return write(files, group, wanted);
    } catch (ErrnoException e) {
      String[] words = wanted.split(" ");
      for (int i = 1; i < words.length && !group.unified(); i++) {
        String part = this == CPU_MAX ? old : rateFile(words[i].split("=")[0]);
        String none = this == CPU_MAX ? "-1" : words[0] + " 0";
        Call.unless(e.errno(), () -> files.write(group.file(part), none));
      }
      throw e;
    }
  }

  /**
   * False if v1 refused a quota beyond an ancestor's, where v2 would take it: the ancestor holds.
   */
  private boolean write(CgroupFiles files, Group group, String wanted) throws ErrnoException {
    String[] words = wanted.split(" ");
    if (group.unified() || words.length == 1) {
      files.write(group.file(file(group.unified(), wanted)), wanted);
    } else if (this == CPU_MAX) { // an ancestor's limit may admit one order only
      Call quota = () -> files.write(group.file(old), words[0]);
      Call period = () -> files.write(group.file(PERIOD), words[1]);
      return Call.unless(Errno.EINVAL, () -> Call.both(period, quota))
          || Call.unless(Errno.EINVAL, () -> Call.both(quota, period));
    } else {
      for (int i = 1; i < words.length; i++) {
        String[] rate = words[i].split("=");
        files.write(group.file(rateFile(rate[0])), words[0] + " " + rate[1]);
      }
    }
    return true;
  }

  /** What the kernel holds, in the form of what is wanted. */
  private String read(CgroupFiles files, boolean unified, String directory, String wanted)
      throws ErrnoException {
    if (this != IO_MAX) {
      String text = files.read(directory + "/" + file(unified, wanted)).strip();
      return this == CPU_MAX && !unified
          ? text.replace("-1", "max") + " " + files.read(directory + "/" + PERIOD).strip()
          : text;
    }
    String[] words = wanted.split(" ");
    for (int i = 1; i < words.length; i++) {
      String key = words[i].split("=")[0];
      String line = "(?m)^" + words[0] + (unified ? " .*\\b" + key + "=" : " ") + "(\\S+)";
      String text = files.read(directory + "/" + (unified ? limit.wireName() : rateFile(key)));
      Matcher rate = Pattern.compile(line).matcher(text);
      words[i] = key + "=" + (rate.find() ? rate.group(1) : "max");
    }
    return String.join(" ", words);
  }

  /** Nothing where a group above does not bind: weights never do, and v1's rates are flat. */
  private String readAbove(CgroupFiles files, boolean unified, String directory, String wanted) {
    try {
      boolean flat = this == CPU_WEIGHT || (this == IO_MAX && !unified);
      return flat ? "" : read(files, unified, directory, wanted);
    } catch (ErrnoException e) {
      return ""; // the controller begins further down, or this is not ours to see
    }
  }

  private static String rateFile(String key) {
    return rateFiles(Set.of(key));
  }

  /** One, or several as a shell's braces name them. */
  private static String rateFiles(Set<String> keys) {
    String rates =
        keys.stream()
            .map(key -> (key.startsWith("r") ? "read_" : "write_") + key.substring(1))
            .collect(Collectors.joining(","));
    return "blkio.throttle." + (keys.size() == 1 ? rates : "{" + rates + "}") + "_device";
  }

  private static double number(String text) {
    Matcher matcher = NUMBER.matcher(text);
    if (!matcher.matches()) {
      return Double.NaN;
    }
    double number = matcher.group(1) == null ? UNLIMITED : Double.parseDouble(matcher.group(1));
    double period = matcher.group(2) == null ? 1 : Double.parseDouble(matcher.group(2));
    return number >= UNLIMITED ? Double.POSITIVE_INFINITY : number / period;
  }

  private String[] parts(String text) {
    return this == IO_MAX ? text.split(" ") : new String[] {text};
  }

  /** Whether every number is a limit. */
  private boolean held(String text) {
    String[] parts = parts(text);
    boolean held = true;
    for (int i = this == IO_MAX ? 1 : 0; i < parts.length; i++) {
      held &= Double.isFinite(number(parts[i]));
    }
    return held;
  }

  /** The first text, with what the second has tighter. */
  String tighten(String own, String other) {
    String[] mine = parts(own);
    String[] theirs = parts(other);
    for (int i = 0; i < Math.min(mine.length, theirs.length); i++) {
      mine[i] = number(theirs[i]) < number(mine[i]) ? theirs[i] : mine[i];
    }
    return String.join(" ", mine);
  }
}
