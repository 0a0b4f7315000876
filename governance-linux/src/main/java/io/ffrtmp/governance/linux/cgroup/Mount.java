package io.ffrtmp.governance.linux.cgroup;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A line of {@code /proc/self/mountinfo} (proc(5)).
 *
 * @param root the directory of the file system that is mounted
 * @param options those of the file system, as against those of the mount
 */
record Mount(String root, String point, String type, String source, List<String> options) {
  private static final Pattern LINE =
      Pattern.compile("(?:\\S+ ){3}(\\S+) (\\S+) \\S+ (?:\\S+ )*?- (\\S+) (\\S*) (\\S+).*");
  private static final Pattern ESCAPE = Pattern.compile("\\\\([0-3][0-7]{2})");

  /** All lines that have the known form. */
  static List<Mount> parse(String mountinfo) {
    List<Mount> mounts = new ArrayList<>();
    for (String text : mountinfo.split("\n")) {
      Matcher line = LINE.matcher(text);
      if (line.matches()) {
        List<String> options = List.of(unescape(line.group(5)).split(","));
        String source = unescape(line.group(4));
        mounts.add(
            new Mount(
                unescape(line.group(1)), unescape(line.group(2)), line.group(3), source, options));
      }
    }
    return mounts;
  }

  /** The kernel writes space, tab, newline and backslash as three octal digits. */
  static String unescape(String field) {
    return ESCAPE
        .matcher(field)
        .replaceAll(
            octal -> Matcher.quoteReplacement("" + (char) Integer.parseInt(octal.group(1), 8)));
  }
}
