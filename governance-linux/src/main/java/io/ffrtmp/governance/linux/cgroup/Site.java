package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The base in one hierarchy.
 *
 * @param ours whether it was handed to us, so that what we switch on there we switch off again
 */
record Site(Hierarchy hierarchy, String directory, String why, boolean ours) {

  /** Configured; else delegated to us; else, with privilege, the top of the hierarchy. */
  static Optional<Site> find(Hierarchies all, Hierarchy hierarchy, Optional<String> configured) {
    if (configured.isPresent()) {
      return configured(all, hierarchy, configured.get())
          .filter(directory -> isCgroup(hierarchy, directory))
          .map(directory -> new Site(hierarchy, directory, "configured", true));
    }
    Optional<String> own = hierarchy.directory(hierarchy.own());
    String parent = own.map(it -> it.substring(0, it.lastIndexOf('/'))).orElse("");
    boolean inside = parent.startsWith(hierarchy.mountPoint());
    if (own.isPresent() && marked(own.get()) && handed(hierarchy, own.get())) {
      return own.map(it -> new Site(hierarchy, it, "delegated to us", true));
    }
    if (inside && marked(parent) && handed(hierarchy, parent)) { // DelegateSubgroup=, becomeLeaf()
      return Optional.of(new Site(hierarchy, parent, "delegated to us, who live below", true));
    }
    boolean root = Libc.geteuid() == 0;
    if (!root && own.isPresent() && handed(hierarchy, own.get())) {
      return own.map(it -> new Site(hierarchy, it, "writable by us", true));
    }
    String top = hierarchy.mountPoint();
    return root && Libc.access(top, Libc.W_OK) == 0
        ? Optional.of(new Site(hierarchy, top, "the top, by privilege", false))
        : Optional.empty();
  }

  /** A directory in any hierarchy, or a path as in {@code /proc/PID/cgroup}, stands for all. */
  private static Optional<String> configured(Hierarchies all, Hierarchy hierarchy, String path) {
    String real = path;
    try {
      real = Path.of(path).toRealPath().toString();
    } catch (IOException e) {
      return hierarchy.directory(path);
    }
    for (Hierarchy each : all.job()) {
      if ((real + "/").startsWith(each.mountPoint() + "/")) {
        return Optional.of(hierarchy.mountPoint() + real.substring(each.mountPoint().length()));
      }
    }
    return hierarchy.directory(path);
  }

  private static boolean isCgroup(Hierarchy hierarchy, String directory) {
    long magic = hierarchy.unified() ? Libc.CGROUP2_SUPER_MAGIC : Libc.CGROUP_SUPER_MAGIC;
    try {
      return Libc.fileSystem(directory) == magic;
    } catch (ErrnoException e) {
      return false;
    }
  }

  /** systemd's word that it keeps its hands off (systemd.resource-control(5), Delegate=). */
  private static boolean marked(String directory) {
    return attribute(directory, "trusted.delegate") || attribute(directory, "user.delegate");
  }

  private static boolean attribute(String directory, String name) {
    try {
      return Libc.getxattr(directory, name)
          .map(value -> new String(value, StandardCharsets.UTF_8).equals("1"))
          .orElse(false);
    } catch (ErrnoException e) {
      return false;
    }
  }

  /** Whether we may write what a delegate is handed (/sys/kernel/cgroup/delegate). */
  private static boolean handed(Hierarchy hierarchy, String directory) {
    String control = directory + "/cgroup.subtree_control";
    return Libc.access(directory, Libc.W_OK) == 0
        && Libc.access(directory + "/cgroup.procs", Libc.W_OK) == 0
        && (!hierarchy.unified() || Libc.access(control, Libc.W_OK) == 0);
  }

  /** Whether we live right in the base, which hands down controllers only without processes. */
  boolean isOurOwn() {
    return hierarchy.path(directory).equals(hierarchy.own()) && !hierarchy.isSystemRoot(directory);
  }

  boolean aroundOrBeneathUs() {
    String base = hierarchy.path(directory) + "/";
    String us = hierarchy.own() + "/";
    return ours && (us.startsWith(base) || base.startsWith(us));
  }

  /** Where jobs live. */
  Group parent(String name) {
    List<String> above = new ArrayList<>();
    String at = directory;
    while (at.startsWith(hierarchy.mountPoint())) {
      above.add(at);
      at = at.substring(0, at.lastIndexOf('/'));
    }
    above.removeIf(hierarchy::isSystemRoot);
    return new Group(hierarchy, directory + "/" + name, List.copyOf(above));
  }
}
