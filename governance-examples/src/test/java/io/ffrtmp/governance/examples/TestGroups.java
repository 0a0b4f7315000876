package io.ffrtmp.governance.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Cgroups of a test's own, at the root of each hierarchy, found and removed without any code of
 * ours. Needs root.
 */
final class TestGroups {
  private static final Path MOUNTS = Path.of("/sys/fs/cgroup");
  private static final List<String> TREES = List.of("memory", "cpu", "cpuacct", "blkio", "unified");

  private final String name;

  /** Groups beneath this one. */
  TestGroups(String name) {
    this.name = name;
  }

  private static List<Path> roots() {
    return unified()
        ? List.of(MOUNTS)
        : TREES.stream().map(MOUNTS::resolve).filter(Files::isDirectory).toList();
  }

  private static boolean unified() {
    return Files.exists(MOUNTS.resolve("cgroup.controllers"));
  }

  /** The path of a group as {@code /proc/self/cgroup} shows paths. */
  String path(String group) {
    return "/" + name + "/" + group;
  }

  /** Makes a group in every hierarchy; on cgroup v2 it may limit what is in it. */
  void make(String group) throws IOException {
    for (Path root : roots()) {
      Files.createDirectories(root.resolve(name).resolve(group));
      if (unified()) {
        for (Path each : List.of(root, root.resolve(name))) {
          Files.writeString(each.resolve("cgroup.subtree_control"), "+memory +cpu +io");
        }
      }
    }
  }

  /** Makes a group and moves a process into it. */
  void take(String group, long pid) throws IOException {
    make(group);
    for (Path root : roots()) {
      Files.writeString(root.resolve(name).resolve(group).resolve("cgroup.procs"), "" + pid);
    }
  }

  /** Limits the memory of a group. */
  void limitMemory(String group, long bytes) throws IOException {
    Files.writeString(memoryFile(path(group)), "" + bytes);
  }

  /** The file that limits the memory of a process's group. */
  static Path memoryLimit(long pid) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/cgroup"))) {
      String[] fields = line.split(":", 3);
      if (unified() || List.of(fields[1].split(",")).contains("memory")) {
        return memoryFile(fields[2]);
      }
    }
    throw new IOException("process " + pid + " has no memory group");
  }

  private static Path memoryFile(String group) {
    return unified()
        ? MOUNTS.resolve(group.substring(1)).resolve("memory.max")
        : MOUNTS.resolve("memory").resolve(group.substring(1)).resolve("memory.limit_in_bytes");
  }

  /** Kills what lives in the groups and tells whether they are all gone. */
  boolean removed() throws IOException {
    for (Path root : roots()) {
      for (Path directory : directories(root.resolve(name))) {
        for (String pid : Files.readAllLines(directory.resolve("cgroup.procs"))) {
          ProcessHandle.of(Long.parseLong(pid)).ifPresent(ProcessHandle::destroyForcibly);
        }
        try {
          Files.deleteIfExists(directory);
        } catch (IOException busy) { // what was killed leaves a little later
          return false;
        }
      }
    }
    return true;
  }

  @Override
  public String toString() {
    return name;
  }

  /** The deepest first. */
  private static List<Path> directories(Path top) throws IOException {
    if (!Files.exists(top)) {
      return List.of();
    }
    try (Stream<Path> all = Files.walk(top)) {
      return all.filter(Files::isDirectory).sorted(Comparator.reverseOrder()).toList();
    }
  }
}
