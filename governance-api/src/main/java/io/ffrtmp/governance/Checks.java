package io.ffrtmp.governance;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** Validation that happens before any side effect. Messages name the value and the remedy. */
final class Checks {
  private static final String WORD =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

  /** Names that the kernel itself uses in a v1 cgroup directory. */
  private static final Set<String> KERNEL_FILES =
      Set.of("tasks", "notify_on_release", "release_agent");

  /** Every controller of cgroup v1 and v2, and the core: their files are named {@code NAME.*}. */
  private static final List<String> KERNEL_PREFIXES =
      List.of(
          ("cgroup. cpu. cpuacct. cpuset. memory. io. blkio. pids. rdma. misc. hugetlb. devices."
                  + " freezer. net_cls. net_prio. perf_event. debug. dmem. irq.")
              .split(" "));

  private Checks() {}

  static String jobId(String id) {
    boolean prefixed = id.indexOf('.') >= 0 && KERNEL_PREFIXES.stream().anyMatch(id::startsWith);
    boolean kernels = prefixed || KERNEL_FILES.contains(id);
    if (!isWord(id) || id.startsWith(".") || kernels) {
      throw new IllegalArgumentException(
          "job id '"
              + printable(id)
              + "' refused: use 1 to 128 of A-Z a-z 0-9 . _ -, no leading"
              + " dot, and no name of a cgroup file such as cgroup.procs or cpu.max");
    }
    return id;
  }

  static String intent(String intent) {
    if (!isWord(intent)) {
      throw new IllegalArgumentException(
          "intent '" + printable(intent) + "' refused: use 1 to 128 of A-Z a-z 0-9 . _ -");
    }
    return intent;
  }

  private static boolean isWord(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (WORD.indexOf(text.charAt(i)) < 0) {
        return false;
      }
    }
    return !text.isEmpty() && text.length() <= 128;
  }

  /** Text that can be handed to the kernel as UTF-8. */
  static String text(String what, String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean pair =
          Character.isHighSurrogate(c)
              && i + 1 < text.length()
              && Character.isLowSurrogate(text.charAt(i + 1));
      if (c == 0 || (Character.isSurrogate(c) && !pair)) {
        throw new IllegalArgumentException(
            what + " '" + printable(text) + "' has a NUL or an unpaired surrogate at index " + i);
      }
      i += pair ? 1 : 0;
    }
    return text;
  }

  static Path path(String what, Path path) {
    if (path.toString().isEmpty()) {
      throw new IllegalArgumentException(what + " is an empty path");
    }
    text(what, path.toString());
    return path;
  }

  static long between(String what, long value, long least, long most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          what + " " + value + " is out of range: " + least + " to " + most);
    }
    return value;
  }

  private static String printable(String text) {
    String shown = text.length() > 140 ? text.substring(0, 140) + "…" : text;
    return shown.replaceAll("[\\p{Cntrl}\\p{Cs}]", "?");
  }
}
