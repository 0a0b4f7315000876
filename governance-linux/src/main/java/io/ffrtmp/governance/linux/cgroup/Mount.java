package io.ffrtmp.governance.linux.cgroup;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A line of {@code /proc/self/mountinfo} (proc(5)).
 *
 * @param root the directory of the file system that is mounted
 * @param options those of the file system (its "super options")
 */
record Mount(String root, String point, String type, String source, List<String> options) {

  /** All lines that have the known form; others are left out. */
  static List<Mount> parse(String mountinfo) {
    List<Mount> mounts = new ArrayList<>();
    for (String line : mountinfo.split("\n")) {
      String[] fields = line.split(" ");
      int dash = Math.max(0, Arrays.asList(fields).indexOf("-"));
      if (dash >= 6 && fields.length >= dash + 4) {
        List<String> options = List.of(unescape(fields[dash + 3]).split(","));
        String source = unescape(fields[dash + 2]);
        mounts.add(
            new Mount(unescape(fields[3]), unescape(fields[4]), fields[dash + 1], source, options));
      }
    }
    return mounts;
  }

  /** Undoes the kernel's octal escapes of space, tab, newline and backslash. */
  static String unescape(String field) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < field.length(); i++) {
      boolean octal =
          field.startsWith("\\", i) && field.substring(i).matches("(?s)\\\\[0-3][0-7]{2}.*");
      text.append(
          octal ? (char) Integer.parseInt(field.substring(i + 1, i + 4), 8) : field.charAt(i));
      i += octal ? 3 : 0;
    }
    return text.toString();
  }
}
