package io.ffrtmp.governance.linux.cgroup;

import static java.util.Comparator.comparingInt;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;

/** The cgroup trees of this host, as we see them. Immutable. */
public final class Hierarchies {
  private final List<Hierarchy> all;

  private Hierarchies(List<Hierarchy> all) {
    this.all = all;
  }

  /** What is mounted, proven by statfs(2): what only looks like cgroups is not taken. */
  public static Hierarchies read(CgroupFiles files) {
    try {
      List<Mount> mounts = Mount.parse(files.read("/proc/self/mountinfo"));
      mounts.removeIf(each -> !isCgroup(each.point(), each.type().equals("cgroup2")));
      return resolve(mounts, files.read("/proc/self/cgroup"), point -> controllers(files, point));
    } catch (ErrnoException e) {
      return new Hierarchies(List.of());
    }
  }

  static boolean isCgroup(String directory, boolean unified) {
    try {
      long magic = Libc.fileSystem(directory);
      return magic == (unified ? Libc.CGROUP2_SUPER_MAGIC : Libc.CGROUP_SUPER_MAGIC);
    } catch (ErrnoException e) {
      return false;
    }
  }

  static String controllers(CgroupFiles files, String directory) {
    try {
      return files.read(directory + "/cgroup.controllers").strip();
    } catch (ErrnoException e) {
      return "";
    }
  }

  /**
   * Each line of {@code /proc/self/cgroup}, with the mount that shows the most of its tree within
   * our cgroup namespace: nothing can be moved out of that (cgroup_namespaces(7)).
   */
  static Hierarchies resolve(List<Mount> mounts, String own, UnaryOperator<String> controllers) {
    List<Hierarchy> found = new ArrayList<>();
    for (String line : own.split("\n")) {
      String[] parts = line.split(":", 3);
      if (parts.length < 3) {
        continue;
      }
      boolean unified = parts[1].isEmpty();
      List<String> old = List.of(parts[1].split(","));
      mounts.stream()
          .filter(each -> each.type().equals(unified ? "cgroup2" : "cgroup"))
          .filter(each -> unified || each.options().containsAll(old))
          .filter(each -> !each.root().startsWith("/..")) // from outside our cgroup namespace
          .min(comparingInt(each -> each.root().length()))
          .ifPresent(
              mount -> {
                String held = unified ? controllers.apply(mount.point()) : parts[1];
                Set<String> names = Set.copyOf(List.of(held.replace("blkio", "io").split("[ ,]")));
                found.add(new Hierarchy(unified, mount, parts[1], names, parts[2]));
              });
    }
    return new Hierarchies(found);
  }

  /** The tree that holds a controller: {@code cpu}, {@code memory}, {@code io}, {@code cpuacct}. */
  public Optional<Hierarchy> of(String controller) {
    return all.stream().filter(each -> each.controllers().contains(controller)).findFirst();
  }

  /**
   * The trees where a job has a group, the primary first. One without a controller counts only
   * where it is the sole one: beside v1 it is systemd's, as {@code name=systemd} is.
   */
  public List<Hierarchy> job() {
    Map<String, Hierarchy> held = new LinkedHashMap<>();
    for (String controller : List.of("memory", "cpu", "io", "cpuacct")) {
      of(controller).ifPresent(each -> held.putIfAbsent(each.field(), each));
    }
    boolean sole = held.isEmpty() && all.stream().allMatch(Hierarchy::unified);
    return sole ? all : List.copyOf(held.values());
  }

  /** Whether v2 is mounted. */
  boolean unified() {
    return all.stream().anyMatch(Hierarchy::unified);
  }

  /** What was found. */
  public List<Capability> capabilities() {
    if (job().isEmpty()) {
      Capability none = Capability.of("cgroup", State.NO, "no cgroup file system is mounted");
      return List.of(none.cure(Refusal.visible(this, "cpu")));
    }
    List<String> found = new ArrayList<>();
    job().forEach(each -> found.add((each.unified() ? "v2 " : "v1 ") + each.mountPoint()));
    return List.of(Capability.of("cgroup", State.YES, String.join(", ", found)));
  }
}
