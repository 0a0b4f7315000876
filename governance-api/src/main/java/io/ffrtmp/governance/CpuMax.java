package io.ffrtmp.governance;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A ceiling of CPU time: at most {@code quotaMicros} of run time in each {@code periodMicros}, over
 * all CPUs together. The kernel's {@code cpu.max} (Documentation/admin-guide/cgroup-v2.rst).
 *
 * @param quotaMicros microseconds of CPU time in a period, at least 1,000
 * @param periodMicros the period, 1,000 to 1,000,000 microseconds
 */
public record CpuMax(long quotaMicros, long periodMicros) {
  private static final Pattern FORMAT = Pattern.compile("(\\d{1,15}) +(\\d{1,15})");
  private static final long DEFAULT_PERIOD = 100_000;
  private static final long LARGEST_QUOTA = (1L << 44) - 1; // max_bw in kernel/sched

  /**
   * Checks the ranges.
   *
   * @throws IllegalArgumentException if quota or period is out of range
   */
  public CpuMax {
    Checks.between("cpu.max quota in microseconds", quotaMicros, 1_000, LARGEST_QUOTA);
    Checks.between("cpu.max period in microseconds", periodMicros, 1_000, 1_000_000);
  }

  /**
   * So many CPUs' worth of time, with the kernel's usual period of 100 ms.
   *
   * @throws IllegalArgumentException if that is less than 0.01, or more than the kernel takes
   */
  public static CpuMax cores(double cores) {
    long most = LARGEST_QUOTA / DEFAULT_PERIOD;
    if (!(cores >= 0.01 && cores <= most)) { // nor is NaN
      throw new IllegalArgumentException(
          "cpu.max of " + cores + " cores is out of range: 0.01 to " + most);
    }
    return new CpuMax(Math.round(cores * DEFAULT_PERIOD), DEFAULT_PERIOD);
  }

  /**
   * Reads the kernel's form, {@code "QUOTA PERIOD"} in microseconds.
   *
   * @throws IllegalArgumentException if the text has another form or a value is out of range
   */
  public static CpuMax parse(String text) {
    Matcher matcher = FORMAT.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "cpu.max '"
              + text
              + "' is not \"QUOTA PERIOD\" in microseconds, at most 15 digits each,"
              + " as in \"50000 100000\"");
    }
    return new CpuMax(Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2)));
  }

  /** The kernel's form, {@code "QUOTA PERIOD"}. */
  @Override
  public String toString() {
    return quotaMicros + " " + periodMicros;
  }
}
