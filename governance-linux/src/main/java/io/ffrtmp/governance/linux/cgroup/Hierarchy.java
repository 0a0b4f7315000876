package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.Libc;
import java.util.Optional;
import java.util.Set;

/**
 * A mounted tree of cgroups. A cgroup's <i>path</i> is what {@code /proc/PID/cgroup} tells, its
 * <i>directory</i> is where it is mounted (cgroups(7)).
 *
 * @param unified whether this is cgroup v2
 * @param mountPoint where it is mounted
 * @param root the path of the cgroup that is mounted there; not {@code /} in a container's bind
 *     mount
 * @param field its second field in {@code /proc/PID/cgroup}
 * @param controllers those that it holds; v1's {@code blkio} is called {@code io}
 * @param own the path of our own cgroup
 */
public record Hierarchy(
    boolean unified,
    String mountPoint,
    String root,
    String field,
    Set<String> controllers,
    String own) {

  /** The directory of the cgroup with this path; empty if it lies outside of what is mounted. */
  public Optional<String> directory(String path) {
    String below = path.equals("/") ? "" : path;
    boolean inside = (below + "/").startsWith(top() + "/") && !below.contains("/../");
    return inside ? Optional.of(mountPoint + below.substring(top().length())) : Optional.empty();
  }

  /** The path of the cgroup that has this directory. */
  String path(String directory) {
    String path = top() + directory.substring(mountPoint.length());
    return path.isEmpty() ? "/" : path;
  }

  private String top() {
    return root.equals("/") ? "" : root;
  }

  /** The path that this text of a {@code /proc/PID/cgroup} tells for this hierarchy. */
  Optional<String> pathIn(String membership) {
    for (String line : membership.split("\n")) {
      String[] parts = line.split(":", 3);
      if (parts.length == 3 && parts[1].equals(field)) {
        return Optional.of(parts[2]);
      }
    }
    return Optional.empty();
  }

  /** Whether a directory is the root cgroup of the whole system, which can't be limited. */
  boolean isSystemRoot(String directory) {
    boolean rootOnly = Libc.access(directory + "/cgroup.sane_behavior", Libc.F_OK) == 0;
    return unified ? Libc.access(directory + "/cgroup.events", Libc.F_OK) != 0 : rootOnly;
  }
}
