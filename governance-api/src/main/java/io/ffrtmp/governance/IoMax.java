package io.ffrtmp.governance;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A ceiling of input and output on one whole block device: the kernel's {@code io.max}. The device
 * is named by its number, or by any path on it, which is mapped to its disk when the limit is
 * written.
 *
 * <p>A value is made without rates, and at least one must be added. On cgroup v1 buffered writes
 * are not governed (Documentation/admin-guide/cgroup-v1/blkio-controller.rst).
 */
public final class IoMax extends Value {
  private static final List<String> KEYS = List.of("rbps", "wbps", "riops", "wiops");
  private static final long LARGEST_BYTES = 999_999_999_999_999_999L; // 18 digits
  private static final long LARGEST_OPERATIONS = (1L << 32) - 2; // UINT_MAX is "max"
  private static final Pattern DEVICE = Pattern.compile("(\\d{1,9}):(\\d{1,9})");
  private static final Pattern RATE = Pattern.compile("(rbps|wbps|riops|wiops)=(\\d{1,18})");

  /** Where the target ends and the rates begin. */
  private static final Pattern RATES = Pattern.compile(" +(?=[a-z]+=)");

  private final String target;
  private final Map<String, Long> rates;

  private IoMax(String target, Map<String, Long> rates) {
    this.target = target;
    this.rates = rates;
  }

  /**
   * Names a whole block device by its number, such as 8:0, as {@code lsblk} prints it.
   *
   * @throws IllegalArgumentException if a number is out of range
   */
  public static IoMax device(int major, int minor) {
    Checks.between("device major number", major, 0, (1 << 12) - 1);
    Checks.between("device minor number", minor, 0, (1 << 20) - 1);
    return new IoMax(major + ":" + minor, Map.of());
  }

  /**
   * Names the disk under a file or directory, or a device file.
   *
   * @throws IllegalArgumentException if the path is empty or no UTF-8 text, ends in a space, or
   *     could be taken for a rate, as in {@code "/a b=1"}
   */
  public static IoMax path(Path path) {
    String text = Checks.path("io.max path", path).toAbsolutePath().toString();
    if (text.endsWith(" ") || RATES.matcher(text).find()) {
      throw new IllegalArgumentException(
          "io.max path '" + text + "' can't be told from rates: name another path on the device");
    }
    return new IoMax(text, Map.of());
  }

  /**
   * Reads {@code "MAJ:MIN rbps=N wbps=N riops=N wiops=N"}, or the same with an absolute path
   * instead of the number; at least one rate.
   *
   * @throws IllegalArgumentException if the text has another form or a value is out of range
   */
  public static IoMax parse(String text) {
    String[] parts = RATES.split(text);
    Matcher device = DEVICE.matcher(parts[0]);
    if (parts.length == 1 || !(device.matches() || text.startsWith("/"))) {
      throw new IllegalArgumentException(
          "io.max '" + text + "' is not \"MAJ:MIN rbps=N wbps=N riops=N wiops=N\" or \"/PATH …\"");
    }
    IoMax result =
        device.matches()
            ? device(Integer.parseInt(device.group(1)), Integer.parseInt(device.group(2)))
            : path(Path.of(parts[0]));
    for (String pair : List.of(parts).subList(1, parts.length)) {
      Matcher rate = RATE.matcher(pair);
      if (!rate.matches() || result.rates.containsKey(rate.group(1))) {
        throw new IllegalArgumentException(
            "io.max '"
                + text
                + "': '"
                + pair
                + "' is not one of rbps=N, wbps=N, riops=N, wiops=N, each once"
                + " and N of at most 18 digits");
      }
      result = result.rate(rate.group(1), Long.parseLong(rate.group(2)));
    }
    return result;
  }

  /** Limits reading to so many bytes a second, at least 1. */
  public IoMax readBytesPerSecond(long bytes) {
    return rate("rbps", bytes);
  }

  /** Limits writing to so many bytes a second, at least 1. */
  public IoMax writeBytesPerSecond(long bytes) {
    return rate("wbps", bytes);
  }

  /** Limits reading to so many operations a second, at least 1. */
  public IoMax readsPerSecond(long operations) {
    return rate("riops", operations);
  }

  /** Limits writing to so many operations a second, at least 1. */
  public IoMax writesPerSecond(long operations) {
    return rate("wiops", operations);
  }

  private IoMax rate(String key, long value) {
    long most = key.endsWith("iops") ? LARGEST_OPERATIONS : LARGEST_BYTES;
    Checks.between("io.max " + key, value, 1, most);
    Map<String, Long> more = new TreeMap<>((a, b) -> KEYS.indexOf(a) - KEYS.indexOf(b));
    more.putAll(rates);
    more.put(key, value);
    return new IoMax(target, Collections.unmodifiableMap(more));
  }

  /** The device number {@code MAJ:MIN}, or the absolute path that stands for a device. */
  public String target() {
    return target;
  }

  /** The rates by the kernel's keys: {@code rbps}, {@code wbps}, {@code riops}, {@code wiops}. */
  public Map<String, Long> rates() {
    return rates;
  }

  @Override
  Object content() {
    return List.of(target, rates);
  }

  /** The kernel's form, as {@link #parse} reads it. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(target);
    rates.forEach((key, value) -> text.append(' ').append(key).append('=').append(value));
    return text.toString();
  }
}
