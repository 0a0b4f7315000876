package io.ffrtmp.governance.examples;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A number of bytes as typed: plain, or with K, M, G or T for powers of 1024. */
final class ByteSize {
  private static final Pattern FORMAT = Pattern.compile("([0-9]+)([KMGT]?)");
  private static final String UNITS = "KMGT";

  private ByteSize() {}

  /**
   * The bytes.
   *
   * @throws IllegalArgumentException if the text has another form, or does not fit
   */
  static long parse(String text) {
    Matcher matcher = FORMAT.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'" + text + "' is no size: use a number of bytes, or one with K, M, G or T, as in 256M");
    }
    String unit = matcher.group(2);
    int power = unit.isEmpty() ? 0 : UNITS.indexOf(unit) + 1;
    try {
      return Math.multiplyExact(Long.parseLong(matcher.group(1)), 1L << (10 * power));
    } catch (ArithmeticException | NumberFormatException e) {
      throw new IllegalArgumentException("'" + text + "' is more bytes than can be counted", e);
    }
  }
}
