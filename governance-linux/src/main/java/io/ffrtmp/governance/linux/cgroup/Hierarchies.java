package io.ffrtmp.governance.linux.cgroup;

import static java.util.Comparator.comparingInt;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The cgroup trees of this host as we see them. Immutable. */
public final class Hierarchies {
  private final List<Hierarchy> all;
  private final List<Hierarchy> job;
  private final String trouble;

  private Hierarchies(List<Hierarchy> all, String trouble) {
    this.all = all;
    this.trouble = trouble;
    Stream<String> wanted = Stream.of("memory", "cpu", "io", "cpuacct");
    List<Hierarchy> held = wanted.flatMap(name -> of(name).stream()).distinct().toList();
    boolean unified = all.stream().allMatch(Hierarchy::unified);
    this.job = held.isEmpty() && unified ? all : held;
  }

  /** What is mounted, proven by statfs(2): a directory that only looks like it is not taken. */
  public static Hierarchies read(CgroupFiles files) {
    try {
      List<Mount> mounts = Mount.parse(files.read("/proc/self/mountinfo"));
      mounts.removeIf(mount -> !isCgroup(mount));
      String own = files.read("/proc/self/cgroup");
      return new Hierarchies(resolve(mounts, own, mount -> offered(files, mount)), "");
    } catch (ErrnoException e) {
      return new Hierarchies(List.of(), e.getMessage());
    }
  }

  static boolean isCgroup(Mount mount) {
    boolean unified = mount.type().equals("cgroup2");
    try {
      return (unified || mount.type().equals("cgroup"))
          && Libc.fileSystem(mount.point())
              == (unified ? Libc.CGROUP2_SUPER_MAGIC : Libc.CGROUP_SUPER_MAGIC);
    } catch (ErrnoException e) {
      return false;
    }
  }

  private static String offered(CgroupFiles files, Mount mount) {
    try {
      return files.read(mount.point() + "/cgroup.controllers").strip();
    } catch (ErrnoException e) {
      return "";
    }
  }

  /** Each line of {@code /proc/self/cgroup} with the mount that shows most of its tree. */
  static List<Hierarchy> resolve(
      List<Mount> mounts, String membership, Function<Mount, String> offered) {
    List<Hierarchy> found = new ArrayList<>();
    for (String line : membership.split("\n")) {
      String[] parts = line.split(":", 3);
      if (parts.length == 3) {
        boolean unified = parts[1].isEmpty();
        Set<String> names = Set.copyOf(List.of(parts[1].split(",")));
        mounts.stream()
            .filter(each -> each.type().equals(unified ? "cgroup2" : "cgroup"))
            .filter(each -> unified || each.options().containsAll(names))
            .min(comparingInt(each -> each.root().length()))
            .ifPresent(
                mount -> {
                  Stream<String> held =
                      unified ? Stream.of(offered.apply(mount).split(" ")) : names.stream();
                  found.add(
                      new Hierarchy(
                          unified,
                          mount.point(),
                          mount.root(),
                          parts[1],
                          held.map(name -> name.equals("blkio") ? "io" : name)
                              .collect(Collectors.toUnmodifiableSet()),
                          parts[2]));
                });
      }
    }
    return List.copyOf(new LinkedHashSet<>(found));
  }

  /** The tree that holds a controller: {@code cpu}, {@code memory}, {@code io}, {@code cpuacct}. */
  public Optional<Hierarchy> of(String controller) {
    return all.stream().filter(each -> each.controllers().contains(controller)).findFirst();
  }

  /**
   * Those where a job has a group, the primary first. A v2 tree without any controller counts only
   * if it is the sole one: beside v1 it is systemd's, as {@code name=systemd} is.
   */
  public List<Hierarchy> job() {
    return job;
  }

  /** What was found. */
  public List<Capability> capabilities() {
    String found =
        job.stream()
            .map(each -> (each.unified() ? "v2 at " : "v1 at ") + each.mountPoint())
            .collect(Collectors.joining(", "));
    return List.of(
        job.isEmpty()
            ? Capability.of("cgroup", State.NO, ("no cgroup file system " + trouble).strip())
                .cure("mount -t cgroup2 none /sys/fs/cgroup")
            : Capability.of("cgroup", State.YES, found));
  }
}
