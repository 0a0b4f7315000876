package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.Libc;
import java.util.Optional;
import java.util.Set;

/**
 * A mounted tree of cgroups. A cgroup has a <i>path</i>, which {@code /proc/PID/cgroup} tells, and
 * a <i>directory</i>, where it is mounted (cgroups(7)).
 *
 * @param unified whether this is cgroup v2
 * @param field how {@code /proc/PID/cgroup} calls it, in its second field
 * @param controllers what it holds; v1's {@code blkio} is called {@code io}
 * @param own the path of our own cgroup
 */
public record Hierarchy(
    boolean unified, Mount mount, String field, Set<String> controllers, String own) {

  String mountPoint() {
    return mount.point();
  }

  /** The directory of a path; empty if it lies outside of what is mounted. */
  public Optional<String> directory(String path) {
    String below = path.equals("/") ? "" : path;
    boolean inside = (below + "/").startsWith(top() + "/") && !(below + "/").contains("/../");
    return inside ? Optional.of(mountPoint() + below.substring(top().length())) : Optional.empty();
  }

  /** The path of a directory. */
  String path(String directory) {
    String path = top() + directory.substring(mountPoint().length());
    return path.isEmpty() ? "/" : path;
  }

  private String top() {
    return mount.root().equals("/") ? "" : mount.root();
  }

  /** The path that a process has here, by the text of its {@code /proc/PID/cgroup}. */
  Optional<String> pathIn(String membership) {
    String key = ":" + field + ":";
    int at = membership.indexOf(key);
    while (at >= 0 && membership.lastIndexOf(':', at - 1) > membership.lastIndexOf('\n', at)) {
      at = membership.indexOf(key, at + 1); // that was part of a path
    }
    int end = at < 0 ? -1 : membership.indexOf('\n', at);
    return at < 0
        ? Optional.empty()
        : Optional.of(membership.substring(at + key.length(), end < 0 ? membership.length() : end));
  }

  /** Whether this is the root cgroup of the whole system, which has no limits. */
  boolean isSystemRoot(String directory) {
    String telltale = unified ? "/cgroup.events" : "/cgroup.sane_behavior";
    return directory.equals(mountPoint())
        && (Libc.access(directory + telltale, Libc.F_OK) == 0) != unified;
  }
}
