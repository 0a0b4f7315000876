package io.ffrtmp.governance.examples.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Where the C yardstick makes its groups: the hierarchies in which the library would make them. */
final class Cgroups {
  private static final Path MOUNTS = Path.of("/proc/self/mountinfo");

  /** By controller; with cgroup v2 by the empty word. */
  private final Map<String, Path> mounts;

  private Cgroups(Map<String, Path> mounts) {
    this.mounts = mounts;
  }

  static Optional<Cgroups> find() throws IOException {
    Map<String, Path> mounts = new LinkedHashMap<>();
    for (String controller : List.of("memory", "cpu", "blkio", "cpuacct")) {
      mount(" cgroup ", controller).ifPresent(path -> mounts.put(controller, path));
    }
    if (mounts.isEmpty()) {
      mount(" cgroup2 ", "").ifPresent(path -> mounts.put("", path));
    }
    return mounts.isEmpty() ? Optional.empty() : Optional.of(new Cgroups(mounts));
  }

  private static Optional<Path> mount(String type, String controller) throws IOException {
    for (String line : Files.readAllLines(MOUNTS)) {
      String[] halves = line.split(" - ", 2);
      String options = halves[1].substring(halves[1].lastIndexOf(' ') + 1);
      boolean has = controller.isEmpty() || List.of(options.split(",")).contains(controller);
      if ((" " + halves[1]).startsWith(type) && has) {
        return Optional.of(Path.of(halves[0].split(" ")[4]));
      }
    }
    return Optional.empty();
  }

  boolean unified() {
    return mounts.containsKey("");
  }

  /** The groups of a name, one in each hierarchy. */
  List<Path> all(String name) {
    return mounts.values().stream().distinct().map(path -> path.resolve(name)).toList();
  }

  /** Makes them. */
  List<Path> makeAll(String name) throws IOException {
    for (Path each : all(name)) {
      Files.createDirectory(each);
    }
    return all(name);
  }

  /** The yardstick's arguments: parents, which are made, and two limits. */
  List<String> make(String name) throws IOException {
    List<Path> parents = makeAll(name);
    List<String> arguments = new ArrayList<>(parents.stream().map(Path::toString).toList());
    if (unified()) {
      for (Path each : List.of(parents.get(0).getParent(), parents.get(0))) {
        Files.writeString(each.resolve("cgroup.subtree_control"), "+cpu +memory");
      }
      arguments.addAll(List.of("-b", "-w", "0/memory.max", "268435456"));
      arguments.addAll(List.of("-w", "0/cpu.max", "200000 100000"));
    } else {
      int cpu = parents.indexOf(mounts.get("cpu").resolve(name));
      arguments.addAll(List.of("-w", "0/memory.limit_in_bytes", "268435456"));
      arguments.addAll(List.of("-w", cpu + "/cpu.cfs_period_us", "100000"));
      arguments.addAll(List.of("-w", cpu + "/cpu.cfs_quota_us", "200000"));
    }
    return arguments;
  }

  /** The argument that makes it three limits; v1 alone. */
  List<String> third(String name) {
    int cpu = all(name).indexOf(mounts.get("cpu").resolve(name));
    return List.of("-f", cpu + "/cpu.shares", "2048");
  }

  void remove(String name) throws IOException {
    for (Path parent : all(name)) {
      Files.deleteIfExists(parent);
    }
  }

  @Override
  public String toString() {
    return "cgroup " + (unified() ? "v2" : "v1") + ": " + mounts.values();
  }
}
